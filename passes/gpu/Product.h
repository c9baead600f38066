//===- Product.h - reductions that are matrix products -----------------------------------------------------------*- C++ -*-===//
//
// A sum of products is a matrix product, whatever its loops are called: the parallel loops on which one factor depends number the rows, those of the other factor the
// columns, and the others the products of a batch. Of a convolution the rows are filters, and the columns pixels.
//
//===----------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_PRODUCT_H
#define LEPTON_PASSES_PRODUCT_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace lepton {

struct Product {
  /// A factor, a value of the body, and those of the op's loops which number its rows or columns.
  struct Side {
    mlir::Value factor;
    llvm::SmallVector<int64_t> loops;
  };
  Side rows, columns; // the innermost parallel loop is one of the columns
  llvm::SmallVector<int64_t> batch;
};

/// The op as a product of float32, of known sizes; nothing where it is none.
std::optional<Product> productOf(mlir::linalg::LinalgOp op);

/// How many iterations the loops have together.
int64_t iterationsOf(mlir::linalg::LinalgOp op, llvm::ArrayRef<int64_t> loops);

/// What tensor cores may multiply in place of the factors: float16 or bfloat16 where both have been that, otherwise what the user allows, by `lepton.precision`. Null where
/// that is float32.
mlir::FloatType multiplicandOf(mlir::linalg::LinalgOp op, const Product &product);

/// What is read for a factor, where the bytes that are read are what is multiplied: an element of memory, or nothing where a condition fails.
struct PlainRead {
  mlir::memref::LoadOp load;
  mlir::Value condition; // null: always
};
std::optional<PlainRead> plainReadOf(mlir::Value factor);

} // namespace lepton

#endif // LEPTON_PASSES_PRODUCT_H
