//===- NestBody.h - one step of a linalg op's loops ---------------------------------------------------------*- C++ -*-===//
//
// What loops on the CPU and threads of a GPU have in common: the ops of one iteration, and the loops of a reduction around them.
//
//===-----------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_NESTBODY_H
#define LEPTON_PASSES_NESTBODY_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

namespace lepton {

/// Writes iterations of an op on memrefs where the builder stands, which then stands behind them or, after `openFor`, in the loop.
struct NestBody {
  mlir::RewriterBase &b;
  mlir::linalg::LinalgOp op;
  mlir::Location loc;
  llvm::SmallVector<mlir::Value> bounds,
      ivs; // of each loop; the induction variables are set before an iteration is written

  NestBody(mlir::RewriterBase &b, mlir::linalg::LinalgOp op);

  mlir::Value zero() { return mlir::arith::ConstantIndexOp::create(b, loc, 0); }
  mlir::Value one() { return mlir::arith::ConstantIndexOp::create(b, loc, 1); }
  llvm::SmallVector<int64_t> loopsOf(mlir::utils::IteratorType kind);
  /// Of the parallel loops.
  llvm::SmallVector<mlir::Value> parallelBounds();
  /// The next iteration that is written is at these indices of the parallel loops.
  void placeAt(mlir::ValueRange indices);
  mlir::scf::ForOp openFor(int64_t d, mlir::ValueRange carried = {}, mlir::Value begin = {}, mlir::Value step = {});
  llvm::SmallVector<mlir::Value> indicesOf(mlir::OpOperand &operand);
  /// Clones the body; `accumulator` stands for the only destination's element where it is carried in a register. Returns what is yielded.
  llvm::SmallVector<mlir::Value> cloneBody(mlir::Value accumulator);
  /// The same, of values of the body.
  llvm::SmallVector<mlir::Value> cloneValues(mlir::ValueRange inner, mlir::Value accumulator);
  /// One iteration of all loops.
  void emitBody();
  /// The loops of a reduction with one result, whose accumulator they carry.
  void emitRegisterReduction(llvm::ArrayRef<int64_t> reduction);
  /// The loops of one reduction for several elements of the result side by side (`lanes`, of clones of one op), where the builder of the first stands. What they
  /// have accumulated is carried, beginning with `accumulators`, and returned. The innermost loop has the iterations begin, begin + step and so on; where its extent
  /// is a multiple of `unroll`, as many of them are one.
  static llvm::SmallVector<mlir::Value> emitSideBySide(llvm::MutableArrayRef<NestBody> lanes,
                                                       llvm::ArrayRef<int64_t> reduction, mlir::ValueRange accumulators,
                                                       mlir::Value begin, mlir::Value step, int64_t unroll = 1);
  /// All iterations of one step of the parallel loops.
  void emitElement();
  /// All loops, one iteration after the other.
  void emitInOrder();

private:
  mlir::IRMapping cloneOps(mlir::Value accumulator);
};

} // namespace lepton

#endif // LEPTON_PASSES_NESTBODY_H
