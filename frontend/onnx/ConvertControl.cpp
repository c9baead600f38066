//===- ConvertControl.cpp - If, Loop and Scan --------------------------------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/LoopImport.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

bool hasOneElement(RankedTensorType type) { return type.hasStaticShape() && type.getNumElements() == 1; }

/// A value as a scalar of an element type; null, with an error, where it is none. Exporters also write scalars as vectors of one element.
Value scalarOf(Node &n, Value value, Type element, StringRef what) {
  auto type = cast<RankedTensorType>(value.getType());
  bool fits = type.getElementType() == element && (!type.hasStaticShape() || type.getNumElements() == 1);
  if (!fits) {
    (void)n.error("has a " + what + " that is no scalar of the right type");
    return {};
  }
  return type.getRank() == 0 ? value : n.g.reshape(n.loc, value, {});
}

/// A slice that a loop collects must have sizes that are known: those that the body declares for its output count where nothing else tells.
Value withDeclaredSizes(Node &n, Value slice, const ::onnx::ValueInfoProto &output) {
  auto type = cast<RankedTensorType>(slice.getType());
  SmallVector<int64_t> sizes = declaredSizes(output.type().tensor_type().shape());
  bool helps = !type.hasStaticShape() && output.type().tensor_type().has_shape() &&
               int64_t(sizes.size()) == type.getRank() && !ShapedType::isDynamicShape(sizes);
  return helps ? n.g.reshape(n.loc, slice, sizes) : slice;
}

/// The values that a node's outputs get, in their order.
LogicalResult setAll(Node &n, const FailureOr<SmallVector<Value>> &values) {
  if (failed(values))
    return failure();
  for (auto [i, value] : llvm::enumerate(*values))
    n.set(i, value);
  return success();
}

/// Imports a branch into a new block of `region`, ended by a yield of its outputs.
FailureOr<SmallVector<Value>> importBranch(Node &n, Region &region, const ::onnx::GraphProto &graph) {
  OpBuilder::InsertionGuard guard(n.g.b);
  n.g.b.createBlock(&region, region.end());
  auto outputs = n.importer.importSubgraph(graph, {});
  if (succeeded(outputs))
    YieldOp::create(n.g.b, n.loc, *outputs);
  return outputs;
}

/// A scalar and a vector of one element meet in the higher rank, which broadcasting does not tell apart.
void raiseToHigherRank(Node &n, Region &thenRegion, Region &elseRegion) {
  OpBuilder::InsertionGuard guard(n.g.b);
  Operation *yields[] = {thenRegion.back().getTerminator(), elseRegion.back().getTerminator()};
  for (auto [a, b] : llvm::zip_equal(yields[0]->getOpOperands(), yields[1]->getOpOperands())) {
    auto left = cast<RankedTensorType>(a.get().getType()), right = cast<RankedTensorType>(b.get().getType());
    bool sameElements = left.getElementType() == right.getElementType() && hasOneElement(left) && hasOneElement(right);
    if (!sameElements || left.getRank() == right.getRank())
      continue;
    OpOperand &lower = left.getRank() < right.getRank() ? a : b;
    n.g.b.setInsertionPoint(lower.getOwner());
    lower.set(n.g.reshape(n.loc, lower.get(), (&lower == &a ? right : left).getShape()));
  }
}

/// Branches whose results differ in rank: exporters write "squeeze, if the dimension is 1" so. The first branch is what the author meant; that it is
/// taken is checked when the model runs.
LogicalResult speculate(Node &n, const ::onnx::GraphProto &branch) {
  if (failed(require(n, n.input(0),
                     "the model was compiled for the first branch of this If, whose branches differ in rank; fix the "
                     "sizes it depends on (--dim)")))
    return failure();
  return setAll(n, n.importer.importSubgraph(branch, {}));
}

LogicalResult importIf(Node &n) {
  const auto *thenGraph = n.attribute("then_branch"), *elseGraph = n.attribute("else_branch");
  if (!thenGraph || !elseGraph)
    return n.error("lacks a branch");
  // A condition that is known picks its branch now: exporters ask for ranks and sizes that are fixed.
  if (auto known = n.constantIntegers(0); known && known->size() == 1)
    return setAll(n, n.importer.importSubgraph(known->front() ? thenGraph->g() : elseGraph->g(), {}));
  Value condition = scalarOf(n, n.input(0), n.g.b.getI1Type(), "condition");
  if (!condition)
    return failure();
  OperationState state(n.loc, IfOp::getOperationName());
  Region *thenRegion = state.addRegion(), *elseRegion = state.addRegion();
  auto thenValues = importBranch(n, *thenRegion, thenGraph->g());
  auto elseValues =
      failed(thenValues) ? FailureOr<SmallVector<Value>>(failure()) : importBranch(n, *elseRegion, elseGraph->g());
  if (failed(elseValues))
    return failure();
  if (thenValues->size() != elseValues->size())
    return n.error("has branches with different numbers of outputs");
  raiseToHigherRank(n, *thenRegion, *elseRegion);
  for (auto [a, b] : llvm::zip_equal(thenRegion->back().getTerminator()->getOperandTypes(),
                                     elseRegion->back().getTerminator()->getOperandTypes())) {
    RankedTensorType type = join(a, b);
    if (!type) {
      n.importer.retire(state);
      return speculate(n, thenGraph->g());
    }
    state.addTypes(type);
  }
  state.addOperands(condition);
  return setAll(n, SmallVector<Value>(n.g.b.create(state)->getResults()));
}

LogicalResult importLoop(Node &n) {
  const auto *body = n.attribute("body");
  if (!body)
    return n.error("lacks its body");
  const ::onnx::GraphProto &graph = body->g();
  Type i64 = n.g.b.getI64Type(), i1 = n.g.b.getI1Type();
  LoopSource loop;
  if (n.input(0) && !(loop.tripCount = scalarOf(n, n.input(0), i64, "trip count")))
    return failure();
  if (n.input(1) && !(loop.condition = scalarOf(n, n.input(1), i1, "condition")))
    return failure();
  for (int i = 2; i < n.inputCount(); ++i)
    loop.inits.push_back(n.input(i));
  auto iteration = [&](ValueRange arguments) -> FailureOr<SmallVector<Value>> {
    auto outputs = n.importer.importSubgraph(graph, arguments);
    if (failed(outputs))
      return failure();
    if (outputs->empty())
      return n.error("has a body without outputs");
    outputs->front() = scalarOf(n, outputs->front(), i1, "condition");
    for (size_t i = 1 + loop.inits.size(); i < outputs->size(); ++i)
      (*outputs)[i] = withDeclaredSizes(n, (*outputs)[i], graph.output(i));
    return outputs;
  };
  loop.body = iteration;
  return setAll(n, makeLoop(n, loop));
}

/// Scan as a loop over the elements of its scan inputs, whose results are stacked: [T, ...] at first, then moved to the axis asked for.
struct Scan {
  Node &n;
  GraphBuilder &g = n.g;
  const ::onnx::GraphProto *graph = nullptr; // the body
  int64_t states = 0, sequences = 0, outputs = 0;
  SmallVector<int64_t> inputDirections = {}, inputAxes = {}, outputDirections = {}, outputAxes = {};

  /// Takes from the node what the scan needs; operand `first` is the first state.
  LogicalResult read(int first) {
    const auto *body = n.attribute("body");
    if (!body)
      return n.error("lacks its body");
    graph = &body->g();
    sequences = n.integer("num_scan_inputs", 0);
    states = n.inputCount() - first - sequences;
    outputs = graph->output_size() - states;
    if (sequences < 1 || states < 0)
      return n.error("lacks its scan inputs");
    if (outputs < 0)
      return n.error("has a body with too few outputs");
    auto each = [&](StringRef name, int64_t count) { return n.integers(name, SmallVector<int64_t>(count, 0)); };
    inputDirections = each(n.version < 9 ? "directions" : "scan_input_directions", sequences);
    inputAxes = each("scan_input_axes", sequences);
    outputDirections = each("scan_output_directions", outputs);
    outputAxes = each("scan_output_axes", outputs);
    if (int64_t(inputDirections.size()) != sequences || int64_t(inputAxes.size()) != sequences)
      return n.error("needs one direction and one axis for each scan input");
    if (int64_t(outputDirections.size()) != outputs || int64_t(outputAxes.size()) != outputs)
      return n.error("needs one direction and one axis for each scan output");
    return success();
  }

  Value backwards(Value value, int64_t axis) {
    return g.slice(n.loc, value, axis, -1, std::numeric_limits<int64_t>::min(), -1);
  }
  /// Moves dimension 0 to `axis`.
  Value moveTo(Value value, int64_t axis) {
    SmallVector<int64_t> perm;
    for (int64_t d = 1; d < rankOf(value); ++d)
      perm.push_back(d);
    perm.insert(perm.begin() + axis, 0);
    return g.transpose(n.loc, value, perm);
  }

  /// The scan of the operands, states first; `count` elements of each sequence, all where it is null.
  FailureOr<SmallVector<Value>> run(ArrayRef<Value> operands, Value count) {
    LoopSource loop;
    loop.inits.assign(operands.begin(), operands.begin() + states);
    SmallVector<Value> scanned(operands.drop_front(states));
    SmallVector<int64_t> axes;
    for (auto [k, value] : llvm::enumerate(scanned)) {
      auto axis = n.axis(inputAxes[k], rankOf(value));
      if (failed(axis))
        return failure();
      axes.push_back(*axis);
      if (count)
        value = n.make<SliceOp>({value, g.integers(n.loc, 0), asVector(n, count), g.integers(n.loc, 1)},
                                g.attr("axes", ArrayRef<int64_t>{*axis}));
      if (value && inputDirections[k])
        value = backwards(value, *axis);
      if (!value)
        return failure();
      if (!n.g.shapes.requireEqual(n.g.shapes.dim(scanned[0], axes[0]), n.g.shapes.dim(value, *axis)))
        return n.error("has scan inputs of different lengths");
    }
    loop.tripCount = count ? count : sizeOf(n, scanned[0], axes[0]);
    auto iteration = [&](ValueRange arguments) -> FailureOr<SmallVector<Value>> {
      SmallVector<Value> inputs(arguments.drop_front(2));
      for (auto [value, axis] : llvm::zip_equal(scanned, axes))
        inputs.push_back(pick(n, value, arguments[0], axis));
      auto results = n.importer.importSubgraph(*graph, inputs);
      if (failed(results))
        return failure();
      for (auto [i, value] : llvm::enumerate(*results))
        if (int64_t(i) >= states)
          value = withDeclaredSizes(n, value, graph->output(i));
      results->insert(results->begin(), arguments[1]);
      return results;
    };
    loop.body = iteration;
    auto results = makeLoop(n, loop);
    if (failed(results))
      return failure();
    for (int64_t k = 0; k < outputs; ++k) {
      Value &value = (*results)[states + k];
      auto axis = n.axis(outputAxes[k], rankOf(value));
      if (failed(axis))
        return failure();
      if (outputDirections[k])
        value = backwards(value, 0);
      if (value && *axis)
        value = moveTo(value, *axis);
      if (!value)
        return failure();
    }
    return results;
  }
};

LogicalResult importScan(Node &n) {
  Scan scan{n};
  if (failed(scan.read(0)))
    return failure();
  SmallVector<Value> operands;
  for (int i = 0; i < n.inputCount(); ++i)
    operands.push_back(n.input(i));
  return setAll(n, scan.run(operands, {}));
}

/// Scan of operator set 8: the first dimension of everything is a batch, each entry of which is scanned by itself.
LogicalResult importBatchedScan(Node &n) {
  Scan scan{n};
  if (failed(scan.read(1)))
    return failure();
  Value lengths = n.input(0);
  for (int i = 1; i < n.inputCount(); ++i)
    if (n.rank(i) < (i > scan.states ? 2 : 1))
      return n.error(
          "needs a batch as the first dimension of each operand, and the length of a sequence as the second");
  Value longest = sizeOf(n, n.input(1 + scan.states), 1);
  LoopSource loop;
  loop.tripCount = sizeOf(n, n.input(1), 0);
  auto entry = [&](ValueRange arguments) -> FailureOr<SmallVector<Value>> {
    SmallVector<Value> operands;
    for (int i = 1; i < n.inputCount(); ++i)
      operands.push_back(pick(n, n.input(i), arguments[0]));
    Value length = lengths ? pick(n, toI64(n, lengths), arguments[0]) : Value();
    auto results = scan.run(operands, length);
    if (failed(results))
      return failure();
    for (Value &value : MutableArrayRef(*results).drop_front(scan.states))
      if (lengths) { // a shorter sequence ends in zeros
        Value missing = n.make<SubOp>({longest, sizesOf(n, value, 0, 1)});
        value = padded(n, value, joined(n, {n.g.integers(n.loc, 0), missing}, 0), 0);
      }
    results->insert(results->begin(), arguments[1]);
    return results;
  };
  loop.body = entry;
  return setAll(n, makeLoop(n, loop));
}

const Entry entries[] = {
    {"If", 1, importIf, "", "branches that differ in rank: compiled for the first, which the run checks"},
    {"Loop", 1, importLoop, "", "carried values keep their rank"},
    {"Scan", 8, importBatchedScan},
    {"Scan", 9, importScan}};

} // namespace

ArrayRef<Entry> importer::controlConverters() { return entries; }
