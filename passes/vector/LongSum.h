//===- LongSum.h - sums of many floats, block by block ------------------------------------------------------*- C++ -*-===//
//
// The error of a float sum grows with the number of terms that are added to one number. A long sum is one of the sums of its blocks.
//
//===-----------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_LONGSUM_H
#define LEPTON_PASSES_LONGSUM_H

#include "passes/vector/NestBody.h"

namespace lepton {

/// Writes the reduction loops of an op that adds up floats.
struct LongSum {
  NestBody &nest; // placed in its parallel loops
  llvm::SmallVector<int64_t> reduction;

  /// Whether the op is a sum of floats that has, or may have, many terms. `lanes` are the loops inside those of the reduction.
  bool applies(llvm::ArrayRef<int64_t> lanes);
  /// One element of the result, which is carried in a register.
  void emitElement();
  /// The elements along the loop `lane`, the innermost one; the sums of a block have memory of their own.
  void emitLanes(int64_t lane);

private:
  using Carried = llvm::SmallVector<mlir::Value>;
  /// Some of the op's loops, each over a part of its range.
  struct Loops {
    llvm::SmallVector<int64_t> dims;
    llvm::SmallVector<mlir::Value> begins, ends, steps;

    Loops around(const Loops &inner) const;
  };

  mlir::arith::AddFOp adder();
  bool isLong(llvm::ArrayRef<int64_t> loops, int64_t most);
  Loops over(llvm::ArrayRef<int64_t> dims);
  /// At most `count` iterations of the loop `dim`, from `begin` on.
  Loops block(int64_t dim, mlir::Value begin, int64_t count);
  Carried emit(const Loops &loops, mlir::ValueRange carried, llvm::function_ref<Carried(mlir::ValueRange)> body);
  /// The loops of all blocks, of at most so many terms; `emitBlock` writes one, of which it gets the loops, and is given what is carried and returns it.
  Carried forEachBlock(int64_t most, mlir::ValueRange carried,
                       llvm::function_ref<Carried(const Loops &terms, mlir::ValueRange)> emitBlock);
  mlir::Value constant(int64_t value) { return mlir::arith::ConstantIndexOp::create(nest.b, nest.loc, value); }
  mlir::Value none();
  mlir::Value add(mlir::Value l, mlir::Value r);
};

} // namespace lepton

#endif // LEPTON_PASSES_LONGSUM_H
