//===- SpecializeSizes.cpp - code of its own for sizes that matter ------------------------------------------------------------===//
//
// Before: an entry whose sizes are open, and on the module the sizes of named dimensions that deserve code of their own (`lepton.dim_versions`).
// After:  one copy of the graph for each of them (for several dimensions: for each combination), in which those sizes are static; the run chooses by
//         the sizes of its inputs, and takes the graph as it was for all others. Constants stay outside: the copies share them.
//
//===----------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/GraphBuilder.h"
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace lepton {
#define GEN_PASS_DEF_SPECIALIZESIZES
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// Each copy is compiled: more of them than this are a mistake.
static constexpr size_t mostVersions = 16;

namespace {

/// Sizes of named dimensions.
using Version = llvm::MapVector<StringAttr, int64_t>;

struct SpecializeSizes : lepton::impl::SpecializeSizesBase<SpecializeSizes> {
  void runOnOperation() override {
    auto wanted = getOperation()->getAttrOfType<DictionaryAttr>("lepton.dim_versions");
    entry = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!wanted || !entry)
      return;
    getOperation()->removeAttr("lepton.dim_versions"); // done, also where the result is compiled again
    std::optional<SmallVector<Version>> versions = combinations(wanted);
    if (!versions)
      return signalPassFailure();
    Block &body = entry.front();
    Operation *ret = body.getTerminator();
    OpBuilder b = OpBuilder::atBlockBegin(&body);
    for (ConstantOp op : llvm::make_early_inc_range(body.getOps<ConstantOp>()))
      op->moveBefore(&body, body.begin());
    SmallVector<Operation *> ops;
    for (Operation &op : body.without_terminator())
      if (!isa<ConstantOp>(op))
        ops.push_back(&op);
    b.setInsertionPoint(ret);
    SmallVector<Value> results = choose(b, ops, llvm::to_vector(ret->getOperands()), *versions);
    ret->setOperands(results);
  }

private:
  func::FuncOp entry;

  std::optional<SmallVector<Version>> combinations(DictionaryAttr wanted) {
    SmallVector<Version> versions = {{}};
    for (NamedAttribute dim : wanted) {
      SmallVector<Version> longer;
      for (const Version &version : versions)
        for (int64_t size : cast<DenseI64ArrayAttr>(dim.getValue()).asArrayRef()) {
          longer.push_back(version);
          longer.back()[dim.getName()] = size;
        }
      versions = std::move(longer);
      if (versions.size() > mostVersions) {
        entry.emitError() << "has more than " << mostVersions
                          << " combinations of sizes to compile for; give fewer (--dim)";
        return std::nullopt;
      }
    }
    return versions;
  }

  /// The results of the first version that fits the run's sizes, or of `ops` themselves.
  SmallVector<Value> choose(OpBuilder &b, ArrayRef<Operation *> ops, ArrayRef<Value> results,
                            ArrayRef<Version> versions) {
    if (versions.empty()) {
      for (Operation *op : ops)
        op->moveBefore(b.getInsertionBlock(), b.getInsertionPoint());
      return llvm::to_vector(results);
    }
    Location loc = entry.getLoc();
    Value fits = condition(b, versions.front());
    if (!fits) // no input has such a size
      return choose(b, ops, results, versions.drop_front());
    auto branch = IfOp::create(b, loc, TypeRange(ValueRange(results)), fits);
    OpBuilder inner = OpBuilder::atBlockBegin(&branch.getThenRegion().emplaceBlock());
    IRMapping mapping = withSizes(inner, versions.front());
    for (Operation *op : ops)
      inner.clone(*op, mapping);
    SmallVector<Value> copies;
    for (Value value : results)
      copies.push_back(mapping.lookupOrDefault(value));
    YieldOp::create(inner, loc, copies);
    inner.setInsertionPointToStart(&branch.getElseRegion().emplaceBlock());
    SmallVector<Value> others = choose(inner, ops, results, versions.drop_front());
    YieldOp::create(inner, loc, others);
    return SmallVector<Value>(branch.getResults());
  }

  /// Calls `use(argument, dimension, size)` for each open dimension of an input that a version gives a size.
  void forEachSize(const Version &version, llvm::function_ref<void(BlockArgument, int64_t, int64_t)> use) {
    for (BlockArgument argument : entry.getArguments()) {
      auto names = entry.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "lepton.dims");
      auto type = cast<RankedTensorType>(argument.getType());
      for (int64_t d = 0; names && d < type.getRank(); ++d) {
        const auto *found = version.find(cast<StringAttr>(names[d]));
        if (found != version.end() && type.isDynamicDim(d))
          use(argument, d, found->second);
      }
    }
  }

  Value condition(OpBuilder &b, const Version &version) {
    Location loc = entry.getLoc();
    ShapeAnalysis shapes(&getContext());
    GraphBuilder g(b, shapes);
    Value all;
    forEachSize(version, [&](BlockArgument argument, int64_t d, int64_t size) {
      Value given = g.create<ShapeOp>(loc, argument, {g.attr("start", d), g.attr("end", d + 1)});
      Value fits = g.create<EqualOp>(loc, {given, g.integers(loc, size)});
      all = all ? g.create<BitwiseAndOp>(loc, {all, fits}) : fits;
    });
    return all;
  }

  /// The inputs as views that know their sizes.
  IRMapping withSizes(OpBuilder &b, const Version &version) {
    ShapeAnalysis shapes(&getContext());
    GraphBuilder g(b, shapes);
    llvm::MapVector<BlockArgument, SmallVector<int64_t>> known;
    forEachSize(version, [&](BlockArgument argument, int64_t d, int64_t size) {
      // A 0 in the shape of a reshape leaves a size as it is.
      SmallVector<int64_t> &shape = known[argument];
      shape.resize(cast<RankedTensorType>(argument.getType()).getRank(), 0);
      shape[d] = size;
    });
    IRMapping mapping;
    for (auto &[argument, shape] : known)
      mapping.map(Value(argument), g.reshape(entry.getLoc(), argument, shape));
    return mapping;
  }
};

} // namespace
