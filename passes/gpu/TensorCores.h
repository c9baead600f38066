//===- TensorCores.h - products of warps -------------------------------------------------------------------------*- C++ -*-===//
//
// The instruction mma.sync.m16n8k8 of a GPU: the 32 threads of a warp multiply a matrix of 16 rows by one of 8 columns, of float32 rounded to TF32 (10 bits of
// mantissa), and add to float32. Which element a thread holds is fixed: thread 4 g + t has those of row g or column g at depth t. (PTX ISA, "Matrix Fragments for
// mma.m16n8k8".)
//
//===----------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_TENSORCORES_H
#define LEPTON_PASSES_TENSORCORES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace lepton {

constexpr int64_t warpThreads = 32, mmaRows = 16, mmaColumns = 8, mmaDepth = 8;

/// What a reduction's step multiplies, values of its body: one that depends on the rows of a tile and not on its columns, and one the other way round.
struct Factors {
  mlir::Value ofRow, ofColumn;
};

/// The factors of a sum of products of float32, where `rowLoop` is that of the rows; nothing where it is none that tensor cores can compute.
std::optional<Factors> factorsOf(mlir::linalg::LinalgOp op, unsigned rowLoop);

/// A float32 as what tensor cores multiply.
mlir::Value toTf32(mlir::OpBuilder &b, mlir::Value number);

/// Adds the product of `rows`, four numbers, and `columns`, two, to the four sums.
llvm::SmallVector<mlir::Value> multiplyAdd(mlir::OpBuilder &b, mlir::ValueRange rows, mlir::ValueRange columns,
                                           mlir::ValueRange sums);

} // namespace lepton

#endif // LEPTON_PASSES_TENSORCORES_H
