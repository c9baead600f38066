//===- BlockCode.h - code that the threads of a block run together ------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_BLOCKCODE_H
#define LEPTON_PASSES_BLOCKCODE_H

#include "passes/gpu/DeviceFunction.h"

namespace lepton {

/// The indices of parallel loops of these extents from the number of an iteration.
llvm::SmallVector<mlir::Value> delinearize(mlir::OpBuilder &b, mlir::Location loc, mlir::Value number,
                                           llvm::ArrayRef<mlir::Value> extents);

/// The product of sizes, one where there are none.
mlir::Value productOf(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<mlir::Value> extents);

/// Turns what stands in the body of a device function, ops on memory in order, into what each thread of a block of `threads` does of it: the parallel loops of
/// a linalg op are shared out, single stores are the first thread's, all else every thread does for itself. A barrier stands between a write and what comes
/// to memory after it, and between a read and a write after it.
void shareAmongThreads(DeviceFunction &device, int64_t threads);

/// Turns the linalg ops and nested parallel loops of the body into loops that one thread runs in order.
void runInOrder(DeviceFunction &device);

/// Gives the buffers that the body allocates their place: what a block uses in the memory that its threads share, as much as there is, and the rest in the GPU's
/// memory. Returns false where the size of one is known to the GPU alone.
bool placeBuffers(DeviceFunction &device, int64_t sharedMemory);

} // namespace lepton

#endif // LEPTON_PASSES_BLOCKCODE_H
