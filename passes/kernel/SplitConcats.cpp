//===- SplitConcats.cpp - concatenations of many parts are concatenations of concatenations -------------------------------===//
//
// Before: lepton.concat of any number of parts.
// After:  lepton.concat of at most `mostConcatenated`.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/GraphBuilder.h"
#include "passes/Passes.h"
#include "passes/kernel/KernelGroups.h"

namespace lepton {
#define GEN_PASS_DEF_SPLITCONCATS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

namespace {

struct SplitConcats : lepton::impl::SplitConcatsBase<SplitConcats> {
  void runOnOperation() override {
    ShapeAnalysis shapes(&getContext());
    OpBuilder b(&getContext());
    GraphBuilder g(b, shapes);
    SmallVector<ConcatOp> concats;
    getOperation().walk([&](ConcatOp op) { concats.push_back(op); });
    for (ConcatOp op : concats) {
      b.setInsertionPoint(op);
      SmallVector<Value> parts(op.getInputs());
      while (parts.size() > mostConcatenated)
        parts = joined(g, op, parts);
      op.getInputsMutable().assign(parts);
    }
  }

  /// Groups of neighbouring parts, one concatenation each.
  static SmallVector<Value> joined(GraphBuilder &g, ConcatOp op, ValueRange parts) {
    SmallVector<Value> groups;
    while (!parts.empty()) {
      const size_t count = std::min(parts.size(), mostConcatenated);
      groups.push_back(
          count == 1 ? parts.front()
                     : g.create<ConcatOp>(op.getLoc(), parts.take_front(count), g.attr("axis", int64_t(op.getAxis()))));
      parts = parts.drop_front(count);
    }
    return groups;
  }
};

} // namespace
