//===- TensorCores.h - products of warps -------------------------------------------------------------------------*- C++ -*-===//
//
// The instruction mma.sync of a GPU: the 32 threads of a warp multiply a matrix of 16 rows by one of 8 columns, 32 bytes deep: 8 numbers of float32 rounded to TF32 (10 bits
// of mantissa), or 16 of float16 or bfloat16; and add to float32. Which elements a thread holds is fixed: thread 4 g + t has those of row g or column g, in the words t and
// t + 4 of the depth. (PTX ISA, "Matrix Fragments for mma.m16n8k8" and "m16n8k16".)
//
//===----------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_TENSORCORES_H
#define LEPTON_PASSES_TENSORCORES_H

#include "passes/gpu/SharedTile.h"

namespace lepton {

constexpr int64_t warpThreads = 32, mmaRows = 16, mmaColumns = 8;

/// Of one instruction, in elements of 2 or 4 bytes.
int64_t mmaDepth(mlir::Type element);

/// What a thread has of 16 lines, in the order of an instruction's rows: lines g and g + 8 of word t, and the same of word t + 4. Two instructions' columns are every second
/// one of these. The lines begin at `line`, the words at `depth`; the thread is the `lane`th of its warp.
llvm::SmallVector<mlir::Value> loadFragment(SharedTile &tile, mlir::OpBuilder &b, mlir::Value lane, mlir::Value stage,
                                            mlir::Value line, int64_t depth);

/// Adds the product of `rows`, four registers, and `columns`, two, to the four sums.
llvm::SmallVector<mlir::Value> multiplyAdd(mlir::OpBuilder &b, mlir::FloatType multiplicand, mlir::ValueRange rows,
                                           mlir::ValueRange columns, mlir::ValueRange sums);

} // namespace lepton

#endif // LEPTON_PASSES_TENSORCORES_H
