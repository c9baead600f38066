//===- DeviceFunction.h - a function of the GPU and its launch ------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_DEVICEFUNCTION_H
#define LEPTON_PASSES_DEVICEFUNCTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

namespace lepton {

/// A `gpu.func` that is being written, and what it takes from the kernel's function on the host: addresses with unknown sizes, and numbers.
class DeviceFunction {
public:
  DeviceFunction(mlir::RewriterBase &b, mlir::gpu::GPUModuleOp module, mlir::func::FuncOp kernel, llvm::StringRef name,
                 int64_t threads);

  /// The value of the host, here. What depends on memory and what only names a part of it is computed again, and so are floats of 64 bits; other numbers are passed, as `index`. Memory of which only the
  /// shape matters is none.
  mlir::Value import(mlir::Value value);
  /// All that the ops use and do not define.
  void importUsesOf(llvm::ArrayRef<mlir::Operation *> ops);
  /// A stand-in for memory of which each thread has its own element: a view of nothing, whose accesses `replaceAccesses` turns into a register.
  mlir::Value makeShape(mlir::Value memref);
  /// The same as what the memory is here.
  mlir::Value importShape(mlir::Value memref);
  void replaceAccesses(mlir::Value shape);

  /// The host's value of a number here; null where the host does not know it.
  mlir::Value onHost(mlir::Value here);

  mlir::Value thread() { return threadIndex; }
  mlir::Value block() { return blockIndex; }
  mlir::Value constant(int64_t value);
  /// Memory of a known size that the threads of a block share.
  mlir::Value shared(mlir::MemRefType type, mlir::Location loc);
  /// The address of memory of the GPU that is the block's own. The host allocates as much as there are blocks: it has to know the sizes.
  mlir::Value scratch(mlir::MemRefType type, mlir::ValueRange sizesOnHost, mlir::Location loc);

  /// Checks say what failed in a word that the host reads. After the body has been written.
  void lowerChecks();
  /// Starts the function where `b` stands in the kernel.
  void launch(mlir::Value blocks);

  mlir::RewriterBase &b;
  mlir::gpu::GPUFuncOp function;
  mlir::IRMapping mapping; // from values of the host

private:
  mlir::Value addArgument(mlir::Type type, mlir::Location loc);
  mlir::Value importMemory(mlir::Value memref);

  struct Scratch {
    mlir::MemRefType type;                // of all blocks'
    llvm::SmallVector<mlir::Value> sizes; // on the host, but for the number of blocks
    unsigned operand;
  };
  mlir::func::FuncOp kernel;
  mlir::Value threadIndex, blockIndex;
  llvm::SmallVector<mlir::Value> operands; // of the launch; scratch memory has none yet
  llvm::SmallVector<Scratch> scratches;
  int64_t threads;
};

} // namespace lepton

#endif // LEPTON_PASSES_DEVICEFUNCTION_H
