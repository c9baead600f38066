//===- CutRecurrences.cpp - the layers of a recurrent stack as a wavefront ----------------------------------------------------===//
//
// Before: a loop over time, and another one whose step t reads what the step t of the first one collected.
// After:  each is a few loops, one after the other, over parts of the time. Part p of the second layer and part p + 1 of the first need nothing of each other:
//         PairLoops runs them side by side.
//
//===--------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/GraphBuilder.h"
#include "passes/Passes.h"

#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace lepton {
#define GEN_PASS_DEF_CUTRECURRENCES
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// The first part of the first layer and the last one of the last layer run alone; more parts leave less to each loop, whose products of all steps have fewer rows.
static constexpr int64_t parts = 4;
static constexpr int64_t fewestSteps = 8 * parts;
/// Bytes of the weights that one step of a layer reads. A step with fewer takes less time than what the cut adds; where they exceed a core's L2, two threads are faster
/// that halve each step, and keep half of the weights each.
static constexpr int64_t fewestBytes = 32 << 10;

namespace {

/// A loop over time that reads one slice of each sequence in every step.
struct Layer {
  LoopOp loop;
  int64_t steps = 0;
  int64_t bytes = 0;                // of the weights that a step reads
  llvm::SetVector<Value> sequences; // from outside, time first
  SmallVector<Operation *> links;   // what makes sequences of the layer before, in the order of the block

  Block &body() { return loop.getBody().front(); }
  bool isCollected(Value value) {
    auto result = dyn_cast<OpResult>(value);
    return result && result.getOwner() == loop && result.getResultNumber() >= loop.getInits().size();
  }
};

bool hasTimeFirst(Value value, int64_t steps) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.hasStaticShape() && type.getRank() > 0 && type.getDimSize(0) == steps;
}

std::optional<Layer> findLayer(LoopOp loop) {
  if (!loop.getTripCount() || loop.getCondition() || !loop.getSizes().empty() || loop.getCollected() == 0)
    return std::nullopt;
  ShapeAnalysis shapes(loop.getContext());
  auto count = shapes.constantElements(loop.getTripCount());
  Layer layer;
  layer.loop = loop;
  Value step = layer.body().getArgument(0), condition = layer.body().getArgument(1);
  if (!count || !condition.hasOneUse() || layer.body().getTerminator()->getOperand(0) != condition ||
      !llvm::all_of(loop.getResultTypes(), [](Type type) { return cast<RankedTensorType>(type).hasStaticShape(); }))
    return std::nullopt;
  layer.steps = count->front();
  for (Operation *user : step.getUsers()) {
    auto gather = dyn_cast<GatherOp>(user);
    if (!gather || gather.getAxis() != 0 || gather.getIndices() != step ||
        !hasTimeFirst(gather.getInput(), layer.steps) ||
        loop->isAncestor(gather.getInput().getParentBlock()->getParentOp()))
      return std::nullopt;
    layer.sequences.insert(gather.getInput());
  }
  bool readsSlicesAlone = true;
  for (Value sequence : layer.sequences)
    for (Operation *user : sequence.getUsers())
      if (auto gather = dyn_cast<GatherOp>(user); loop->isAncestor(user))
        readsSlicesAlone &= gather && gather.getInput() == sequence && gather.getIndices() == step;
  if (!readsSlicesAlone)
    return std::nullopt;
  layer.body().walk([&](MatMulOp product) {
    if (auto type = cast<RankedTensorType>(product.getRhs().getType()); type.hasStaticShape())
      layer.bytes += type.getNumElements() * elementBytes(type.getElementType());
  });
  return layer;
}

/// Loops of one stack, each of which reads what the one before collects, step by step.
class Stack {
public:
  explicit Stack(Layer first) : layers{std::move(first)} {
    dependent.insert(layers.front().loop);
    for (Operation *op = layers.front().loop->getNextNode(); op; op = op->getNextNode())
      if (readsDependent(op))
        dependent.insert(op);
  }

  size_t size() const { return layers.size(); }

  /// Adds a layer, where it reads the last one.
  bool add(Layer next) {
    if (next.steps != layers.back().steps || std::abs(next.bytes - layers.back().bytes) > layers.back().bytes / 8)
      return false;
    llvm::SetVector<Operation *> links;
    bool isLinked = false;
    for (Value sequence : next.sequences) {
      if (!isDependent(sequence))
        continue;
      isLinked = true;
      if (!collectLinks(sequence, links))
        return false;
    }
    bool readsOthers = llvm::any_of(next.loop->getOperands(), [&](Value value) { return isDependent(value); });
    next.loop.getBody().walk([&](Operation *op) {
      for (Value operand : op->getOperands())
        readsOthers |= isDependent(operand) && !next.sequences.contains(operand);
    });
    if (!isLinked || readsOthers)
      return false;
    next.links = llvm::to_vector(links);
    llvm::sort(next.links, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    layers.push_back(std::move(next));
    return true;
  }

  void cut() {
    OpBuilder b(layers.back().loop);
    ShapeAnalysis shapes(b.getContext());
    GraphBuilder g(b, shapes);
    SmallVector<SmallVector<LoopOp>> cuts(size());
    for (int64_t wave = 0; wave < parts + int64_t(size()) - 1; ++wave)
      for (size_t i = 0; i < size(); ++i)
        if (int64_t part = wave - int64_t(i); part >= 0 && part < parts)
          cuts[i].push_back(cutOut(g, i, part, i ? cuts[i - 1][part] : LoopOp(), part ? cuts[i].back() : LoopOp()));
    for (size_t i = size(); i-- > 0;)
      replace(g, layers[i], cuts[i]);
    sortTopologically(b.getInsertionBlock()); // the parts are where the last loop was; what reads them may be before
  }

private:
  bool isDependent(Value value) { return value.getDefiningOp() && dependent.contains(value.getDefiningOp()); }

  bool readsDependent(Operation *op) {
    return op
        ->walk([&](Operation *inner) {
          bool reads = llvm::any_of(inner->getOperands(), [&](Value value) { return isDependent(value); });
          return reads ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  }

  /// The ops that make `value` of what the last layer collects; false where one of them mixes steps.
  bool collectLinks(Value value, llvm::SetVector<Operation *> &links) {
    SmallVector<Value> open = {value};
    while (!open.empty()) {
      Value next = open.pop_back_val();
      if (layers.back().isCollected(next) || links.contains(next.getDefiningOp()))
        continue;
      if (!keepsTime(next.getDefiningOp()))
        return false;
      links.insert(next.getDefiningOp());
      llvm::copy_if(next.getDefiningOp()->getOperands(), std::back_inserter(open),
                    [&](Value operand) { return isDependent(operand); });
    }
    return true;
  }

  /// Whether step t of the result is made of step t of the dependent operands.
  bool keepsTime(Operation *op) {
    const int64_t steps = layers.back().steps;
    auto isBroadcast = [&](Value operand) {
      auto type = cast<RankedTensorType>(operand.getType());
      return type.getRank() < cast<RankedTensorType>(op->getResult(0).getType()).getRank() || type.getDimSize(0) == 1;
    };
    auto isAfterFirst = [](int64_t axis) { return axis > 0; };
    if (op->getNumResults() != 1 || !hasTimeFirst(op->getResult(0), steps))
      return false;
    for (Value operand : op->getOperands())
      if (isDependent(operand) && !hasTimeFirst(operand, steps))
        return false;
    if (auto squeeze = dyn_cast<SqueezeOp>(op))
      return llvm::all_of(squeeze.getAxes(), isAfterFirst);
    if (auto unsqueeze = dyn_cast<UnsqueezeOp>(op))
      return llvm::all_of(unsqueeze.getAxes(), isAfterFirst);
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return transpose.getPerm().front() == 0;
    if (auto product = dyn_cast<MatMulOp>(op))
      return !isDependent(product.getRhs()) && cast<RankedTensorType>(product.getRhs().getType()).getRank() == 2;
    return isa<ElementwiseOpInterface>(op) && llvm::all_of(op->getOperands(), [&](Value operand) {
             return isDependent(operand) ? !isBroadcast(operand) : isBroadcast(operand);
           });
  }

  static int64_t firstStep(int64_t steps, int64_t part) { return steps / parts * part + std::min(part, steps % parts); }

  /// Layer `i` over one part of the time. `below`: the layer before over the same part; `earlier`: this layer over the part before.
  LoopOp cutOut(GraphBuilder &g, size_t i, int64_t part, LoopOp below, LoopOp earlier) {
    Layer &layer = layers[i];
    Location loc = layer.loop.getLoc();
    const int64_t begin = firstStep(layer.steps, part), end = firstStep(layer.steps, part + 1);
    IRMapping mapping;
    if (below) {
      mapping.map(layers[i - 1].loop.getResults(), below.getResults());
      for (Operation *link : layer.links) {
        SmallVector<Value> operands =
            llvm::map_to_vector(link->getOperands(), [&](Value value) { return mapping.lookupOrDefault(value); });
        mapping.map(link->getResult(0), g.create(link->getLoc(), link->getName().getStringRef(), operands,
                                                 llvm::to_vector(link->getAttrs()), {}));
      }
    }
    for (Value sequence : layer.sequences)
      if (!mapping.contains(sequence))
        mapping.map(sequence, g.slice(loc, sequence, 0, begin, end));
    auto loop = cast<LoopOp>(g.b.clone(*layer.loop, mapping));
    OpBuilder::InsertionGuard guard(g.b);
    g.b.setInsertionPoint(loop);
    loop.getTripCountMutable().assign(
        g.constant(loc, DenseElementsAttr::get(RankedTensorType::get({}, g.b.getI64Type()), end - begin)));
    if (earlier)
      loop.getInitsMutable().assign(earlier.getResults().take_front(loop.getInits().size()));
    for (Value result : loop.getResults().drop_front(loop.getInits().size())) {
      auto type = cast<RankedTensorType>(result.getType());
      SmallVector<int64_t> shape(type.getShape());
      shape.front() = end - begin;
      result.setType(type.clone(shape));
    }
    return loop;
  }

  /// Puts the parts in the place of the layer, and takes it and its links out.
  void replace(GraphBuilder &g, Layer &layer, ArrayRef<LoopOp> cuts) {
    g.b.setInsertionPointAfter(layer.loop);
    for (OpResult result : layer.loop.getResults()) {
      if (result.use_empty())
        continue;
      const unsigned i = result.getResultNumber();
      SmallVector<Value> collected = llvm::map_to_vector(cuts, [&](LoopOp cut) -> Value { return cut.getResult(i); });
      result.replaceAllUsesWith(layer.isCollected(result)
                                    ? g.create<ConcatOp>(layer.loop.getLoc(), collected, {g.attr("axis", int64_t(0))})
                                    : collected.back());
    }
    layer.loop.erase();
    for (Operation *link : llvm::reverse(layer.links))
      if (link->use_empty())
        link->erase();
  }

  SmallVector<Layer> layers;
  llvm::DenseSet<Operation *> dependent; // on the first layer
};

struct CutRecurrences : lepton::impl::CutRecurrencesBase<CutRecurrences> {
  using CutRecurrencesBase::CutRecurrencesBase;

  void runOnOperation() override {
    if (!runsPairs(threads))
      return;
    auto loops = llvm::to_vector(getOperation().getFunctionBody().front().getOps<LoopOp>());
    while (!loops.empty()) {
      SmallVector<LoopOp> others;
      std::optional<Stack> stack;
      for (LoopOp loop : loops) {
        std::optional<Layer> layer = findLayer(loop); // anew: a cut may have changed what it reads
        if (!layer || layer->steps < fewestSteps || layer->bytes < fewestBytes ||
            layer->bytes >= targetOf(getOperation()).getL2())
          continue;
        if (!stack)
          stack.emplace(std::move(*layer));
        else if (!stack->add(std::move(*layer)))
          others.push_back(loop);
      }
      if (stack && stack->size() > 1)
        stack->cut();
      loops = std::move(others);
    }
  }
};

} // namespace
