//===- SliceReaders.h - who can read a part of a tensor where it lies ----------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_KERNEL_SLICEREADERS_H
#define LEPTON_PASSES_KERNEL_SLICEREADERS_H

#include "dialects/Lepton/GraphBuilder.h"

#include "llvm/ADT/SmallPtrSet.h"

namespace lepton {

/// A box within a whole, which is seen with a shape of the same last dimension.
struct Box {
  llvm::SmallVector<int64_t> shape, offsets, sizes;

  /// What is left of the whole when all dimensions but the last one are covered, seen with other leading dimensions.
  Box viewed(llvm::ArrayRef<int64_t> leading) const;
  bool coversRows() const;
};

/// An operand that is to read a box.
struct Reader {
  mlir::OpOperand *operand;
  Box box;
};

/// A reshape of leading dimensions alone, all sizes known.
bool keepsRows(ReshapeOp op);

/// Finds what reads `value`, which is to lie in `box`, in the end, behind slices and views, but for its own users `except`; false where something cannot read a slice
/// without a copy, or there is too much to look at.
bool findReaders(ShapeAnalysis &shapes, mlir::Value value, const Box &box,
                 const llvm::SmallPtrSetImpl<mlir::Operation *> &except, std::vector<Reader> &readers);

/// The whole with other leading dimensions.
mlir::Value viewed(GraphBuilder &g, mlir::Location loc, mlir::Value whole, llvm::ArrayRef<int64_t> shape);

/// Has a reader read its box of `whole`, by a slice of its own.
void redirect(GraphBuilder &g, const Reader &reader, mlir::Value whole);

} // namespace lepton

#endif // LEPTON_PASSES_KERNEL_SLICEREADERS_H
