//===- CheckSizes.cpp - what ops require of sizes is checked in the run --------------------------------------------------===//
//
// Before: lepton ops in the entry, whose inference of shapes takes sizes to fit that only the run knows.
// After:  cf.assert in front of the first op that requires it, for each condition that is not known to hold. Kernels and views rely on it: none of
//         them reads past its operands.
//
//===----------------------------------------------------------------------------------------------------------------------===//

#include "passes/kernel/CheckSizes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace lepton;

/// `the sizes of its operands, float32 [?,4] and ..., do not fit`: what the compiler knows of them.
static std::string describe(Operation *op) {
  std::string text = "the sizes of its inputs do not fit in this run (";
  llvm::raw_string_ostream os(text);
  llvm::interleave(
      op->getOperandTypes(), os,
      [&](Type type) {
        os << "[";
        llvm::interleave(
            cast<RankedTensorType>(type).getShape(), os,
            [&](int64_t size) { ShapedType::isDynamic(size) ? os << "?" : os << size; }, ",");
        os << "]";
      },
      " and ");
  os << "); give the model inputs of sizes that fit";
  return text;
}

void lepton::checkSizes(func::FuncOp entry, ShapeAnalysis &shapes, const ReadOps &reads) {
  llvm::DenseMap<AffineExpr, SmallVector<Block *>> checked;
  SmallVector<AffineExpr> requirements;
  shapes.requirements = &requirements;
  auto end = llvm::scope_exit([&] { shapes.requirements = nullptr; });
  SmallVector<ShapeOpInterface> ops;
  entry.walk<WalkOrder::PreOrder>([&](ShapeOpInterface op) {
    if (!reads.unread.contains(op))
      ops.push_back(op);
  });
  for (ShapeOpInterface op : ops) {
    requirements.clear();
    SmallVector<ResultShape> inferred;
    if (failed(op.inferShapes(shapes, inferred)))
      continue; // as the verifier said
    OpBuilder b(op);
    for (AffineExpr condition : llvm::to_vector(requirements)) {
      // Once where blocks enclose each other: what came first there has run before.
      SmallVector<Block *> &blocks = checked[condition];
      if (llvm::any_of(blocks, [&](Block *block) { return block->findAncestorOpInBlock(*op.getOperation()); }))
        continue;
      blocks.push_back(op->getBlock());
      Value holds = shapes.materialize(b, op.getLoc(), condition);
      Value zero = arith::ConstantIndexOp::create(b, op.getLoc(), 0);
      holds = arith::CmpIOp::create(b, op.getLoc(), arith::CmpIPredicate::ne, holds, zero);
      cf::AssertOp::create(b, op.getLoc(), holds, describe(op));
    }
  }
}
