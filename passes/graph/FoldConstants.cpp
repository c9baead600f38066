//===- FoldConstants.cpp - computes what depends on constants alone ---------------------------------------------------------===//
//
// Before: ops whose operands are constants: packed, transposed or scaled weights.
// After:  their values as constants, each once where several branches have it. They are computed by compiling them with this same compiler and running the result.
//
//===-------------------------------------------------------------------------------------------------------------------------===//

#include "passes/graph/FoldConstants.h"
#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"
#include "passes/Passes.h"

#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/RegionUtils.h"

namespace lepton {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// A result may be this many times larger than what it is computed from (and `slack` bytes more), and `wholeGrowth` times larger than the model's own
/// constants behind it: folding must not blow up the artifact, not by many small steps either.
static constexpr int64_t growth = 4, wholeGrowth = 32, slack = 1 << 16;

static int64_t bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.hasStaticShape() ? type.getNumElements() * elementBytes(type.getElementType())
                               : std::numeric_limits<int64_t>::max();
}

namespace {

struct FoldConstants : lepton::impl::FoldConstantsBase<FoldConstants> {
  FoldConstants() = default;
  explicit FoldConstants(ConstantEvaluator evaluate) : evaluate(std::move(evaluate)) {}
  FoldConstants(const FoldConstants &other) : FoldConstantsBase(other), evaluate(other.evaluate) {}

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!evaluate)
      return;
    llvm::SetVector<Operation *> constants = findConstants(function);
    if (hoist(constants, function)) { // what branches have in common is computed, and stored, once
      IRRewriter rewriter(&getContext());
      DominanceInfo dominance(function);
      eliminateCommonSubExpressions(rewriter, dominance, function);
      constants = findConstants(function);
    }
    SmallVector<Value> wanted;
    for (Operation *op : constants)
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !constants.contains(user); }))
          wanted.push_back(result);
    if (wanted.empty())
      return;
    OwningOpRef<ModuleOp> module = extract(constants.getArrayRef(), wanted);
    auto values = evaluate(*module);
    if (failed(values))
      return signalPassFailure();
    remark::passed(function.getLoc(), remark::RemarkOpts::name("folded").category(getName())) << remark::add(
        "ops that depend on constants alone: {0}; results that are kept: {1}", constants.size(), wanted.size());
    for (auto [result, value] : llvm::zip_equal(wanted, *values)) {
      OpBuilder b(result.getDefiningOp());
      Value constant = ConstantOp::create(b, result.getLoc(), value);
      result.replaceUsesWithIf(constant, [&](OpOperand &use) { return !constants.contains(use.getOwner()); });
    }
    IRRewriter rewriter(&getContext());
    (void)runRegionDCE(rewriter, function->getRegions());
  }

private:
  ConstantEvaluator evaluate;

  /// Bytes of a constant op's results, or of its operands where they are more, and of the model's own constants behind it.
  struct Size {
    int64_t bytes = 0, origin = 0;
  };

  static llvm::SetVector<Operation *> findConstants(func::FuncOp function) {
    llvm::DenseMap<Operation *, Size> sizes;
    llvm::SetVector<Operation *> constants;
    function.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isConstant(op, sizes))
        constants.insert(op);
    });
    return constants;
  }

  /// Moves constant ops, with the constants they read, out of the function's branches and loops. True where there were any.
  static bool hoist(const llvm::SetVector<Operation *> &constants, func::FuncOp function) {
    Block &body = function.front();
    bool moved = false;
    auto moveOut = [&](Operation *op) {
      if (op->getBlock() == &body)
        return;
      op->moveBefore(body.findAncestorOpInBlock(*op));
      moved = true;
    };
    for (Operation *op : constants) {
      for (Value operand : op->getOperands())
        moveOut(operand.getDefiningOp());
      moveOut(op);
    }
    return moved;
  }

  static bool isConstant(Operation *op, llvm::DenseMap<Operation *, Size> &sizes) {
    if (!isa<ShapeOpInterface>(op) || isa<ConstantOp>(op) || op->getNumRegions() || op->getNumOperands() == 0 ||
        !isMemoryEffectFree(op))
      return false;
    Size from;
    int64_t result = 0;
    for (Value operand : op->getOperands()) {
      Operation *source = operand.getDefiningOp();
      if (!source || !(isa<ConstantOp>(source) || sizes.contains(source)))
        return false;
      Size size = isa<ConstantOp>(source) ? Size{bytesOf(operand), bytesOf(operand)} : sizes[source];
      from = {from.bytes + size.bytes, from.origin + size.origin};
    }
    for (Value value : op->getResults()) {
      if (isHandle(elementTypeOf(value))) // to something that a run makes
        return false;
      result += std::min<int64_t>(bytesOf(value), int64_t(1) << 40);
    }
    if (result > growth * from.bytes + slack || result > wholeGrowth * from.origin + slack)
      return false;
    sizes[op] = {std::max(from.bytes, result), from.origin};
    return true;
  }

  /// A module whose @main() computes the wanted values.
  static OwningOpRef<ModuleOp> extract(ArrayRef<Operation *> ops, ArrayRef<Value> wanted) {
    MLIRContext *context = wanted.front().getContext();
    OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context));
    OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
    auto main =
        func::FuncOp::create(b, b.getUnknownLoc(), "main", b.getFunctionType({}, TypeRange(ValueRange(wanted))));
    b.setInsertionPointToStart(main.addEntryBlock());
    IRMapping mapping;
    for (Operation *op : ops) {
      for (Value operand : op->getOperands())
        if (!mapping.contains(operand))
          mapping.map(operand, b.clone(*operand.getDefiningOp())->getResult(0));
      b.clone(*op, mapping);
    }
    SmallVector<Value> results;
    for (Value value : wanted)
      results.push_back(mapping.lookup(value));
    func::ReturnOp::create(b, b.getUnknownLoc(), results);
    return module;
  }
};

} // namespace

std::unique_ptr<Pass> lepton::createFoldConstantsPass(ConstantEvaluator evaluate) {
  return std::make_unique<FoldConstants>(std::move(evaluate));
}
