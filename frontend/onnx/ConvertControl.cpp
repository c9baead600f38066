//===- ConvertControl.cpp - If, Loop and Scan --------------------------------------------------------------------------------------===//

#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/Sequences.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

/// The type that two branches or iterations have in common: sizes that differ are dynamic. Null where they cannot meet.
RankedTensorType join(Type a, Type b) {
  auto left = cast<RankedTensorType>(a), right = cast<RankedTensorType>(b);
  Type element = joinElementTypes(left.getElementType(), right.getElementType());
  if (!element || left.getRank() != right.getRank())
    return {};
  SmallVector<int64_t> sizes;
  for (auto [l, r] : llvm::zip_equal(left.getShape(), right.getShape()))
    sizes.push_back(l == r ? l : ShapedType::kDynamic);
  return RankedTensorType::get(sizes, element);
}

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

/// Imports a subgraph into a new block of `region`, ended by a yield of its outputs. The first output of a loop's body is a condition; the last `own`
/// arguments of the block are none of the subgraph's.
FailureOr<SmallVector<Value>> importInto(Node &n, Region &region, const ::onnx::GraphProto &graph,
                                         ArrayRef<Type> arguments, bool isLoop = false, size_t own = 0) {
  OpBuilder::InsertionGuard guard(n.g.b);
  Block *block = n.g.b.createBlock(&region, region.end(), arguments, SmallVector<Location>(arguments.size(), n.loc));
  auto outputs = n.importer.importSubgraph(graph, ValueRange(block->getArguments()).drop_back(own));
  if (failed(outputs))
    return failure();
  if (isLoop) {
    if (outputs->empty())
      return n.error("has a body without outputs");
    outputs->front() = scalarOf(n, outputs->front(), n.g.b.getI1Type(), "condition");
    for (size_t i = arguments.size() - own - 1; i < outputs->size(); ++i) // after the condition and the carried values
      (*outputs)[i] = withDeclaredSizes(n, (*outputs)[i], graph.output(i));
    if (llvm::is_contained(*outputs, Value()))
      return failure();
  }
  YieldOp::create(n.g.b, n.loc, *outputs);
  return outputs;
}

/// Branches whose results differ in rank: exporters write "squeeze, if the dimension is 1" so. The first branch is what the author meant; that it is
/// taken is checked when the model runs.
LogicalResult speculate(Node &n, const ::onnx::GraphProto &branch) {
  AssertOp::create(n.g.b, n.loc, n.input(0),
                   "the model was compiled for the first branch of this If, whose branches differ in rank; fix the "
                   "sizes it depends on (--dim)");
  auto outputs = n.importer.importSubgraph(branch, {});
  if (failed(outputs))
    return failure();
  for (auto [i, value] : llvm::enumerate(*outputs))
    n.set(i, value);
  return success();
}

LogicalResult importIf(Node &n) {
  const auto *thenGraph = n.attribute("then_branch"), *elseGraph = n.attribute("else_branch");
  if (!thenGraph || !elseGraph)
    return n.error("lacks a branch");
  // A condition that is known picks its branch now: exporters ask for ranks and sizes that are fixed.
  if (auto known = n.constantIntegers(0); known && known->size() == 1) {
    auto outputs = n.importer.importSubgraph(known->front() ? thenGraph->g() : elseGraph->g(), {});
    if (failed(outputs))
      return failure();
    for (auto [i, value] : llvm::enumerate(*outputs))
      n.set(i, value);
    return success();
  }
  Value condition = scalarOf(n, n.input(0), n.g.b.getI1Type(), "condition");
  if (!condition)
    return failure();
  OperationState state(n.loc, IfOp::getOperationName());
  Region *thenRegion = state.addRegion(), *elseRegion = state.addRegion();
  auto thenValues = importInto(n, *thenRegion, thenGraph->g(), {});
  auto elseValues =
      failed(thenValues) ? FailureOr<SmallVector<Value>>(failure()) : importInto(n, *elseRegion, elseGraph->g(), {});
  if (failed(elseValues))
    return failure();
  if (thenValues->size() != elseValues->size())
    return n.error("has branches with different numbers of outputs");
  for (auto [a, b] : llvm::zip_equal(*thenValues, *elseValues)) {
    RankedTensorType type = join(a.getType(), b.getType());
    if (!type) {
      n.importer.retire(state);
      return speculate(n, thenGraph->g());
    }
    state.addTypes(type);
  }
  state.addOperands(condition);
  Operation *op = n.g.b.create(state);
  for (auto [i, value] : llvm::enumerate(op->getResults()))
    n.set(i, value);
  return success();
}

/// Whether nothing but the trip count ends the loop: its condition, `argument` in the body, is and stays true.
bool stopsByCount(Node &n, Value argument, Value yielded) {
  auto isTrue = [&](Value condition) {
    auto known = n.g.shapes.constantElements(condition);
    return known && known->size() == 1 && known->front();
  };
  return n.input(0) && (!n.input(1) || isTrue(n.input(1))) && (yielded == argument || isTrue(yielded));
}

/// The number of iterations, where nothing but the trip count ends the loop and it is known; dynamic otherwise.
int64_t iterations(Node &n, Value argument, Value yielded) {
  auto count = n.constantIntegers(0);
  if (!stopsByCount(n, argument, yielded) || !count || count->size() != 1 ||
      count->front() > std::numeric_limits<int32_t>::max())
    return ShapedType::kDynamic;
  return std::max<int64_t>(count->front(), 0);
}

Type sliceStack(int64_t count, Type slice) {
  auto type = cast<RankedTensorType>(slice);
  SmallVector<int64_t> sizes = {count};
  llvm::append_range(sizes, type.getShape());
  return RankedTensorType::get(sizes, type.getElementType());
}

/// The import of a Loop. What it collects is stacked in memory that is there before it runs, where its size is known then, and in sequences otherwise.
struct LoopImport {
  Node &n;
  const ::onnx::GraphProto &graph;
  SmallVector<Value> inits;
  SmallVector<Type> carried;   // of the values that go from one iteration to the next
  SmallVector<Type> sequences; // of the collected values, where sequences collect them
  SmallVector<bool> isWrapped; // carried values that the body yields as what their optional holds

  LoopImport(Node &n, const ::onnx::GraphProto &graph) : n(n), graph(graph) {
    for (int i = 2; i < n.inputCount(); ++i) {
      inits.push_back(n.input(i));
      carried.push_back(n.input(i).getType());
    }
    isWrapped.resize(inits.size());
  }

  LogicalResult run();

private:
  LogicalResult attempt(Region *body, SmallVector<Value> &yielded, bool &holds);
  bool sizesAreKnown(Region *body, ArrayRef<Value> yielded);
  LogicalResult finish(OperationState &state, ArrayRef<Value> yielded);
};

/// Imports the body once, and widens the types that do not hold from one iteration to the next: their sizes become dynamic.
LogicalResult LoopImport::attempt(Region *body, SmallVector<Value> &yielded, bool &holds) {
  Builder &b = n.g.b;
  SmallVector<Type> arguments = {RankedTensorType::get({}, b.getI64Type()), RankedTensorType::get({}, b.getI1Type())};
  llvm::append_range(arguments, carried);
  llvm::append_range(arguments, sequences);
  auto values = importInto(n, *body, graph, arguments, /*isLoop=*/true, sequences.size());
  if (failed(values))
    return failure();
  if (values->size() < 1 + carried.size())
    return n.error("has a body with too few outputs");
  yielded = *values;
  {
    OpBuilder::InsertionGuard guard(n.g.b);
    Operation *yield = body->front().getTerminator();
    n.g.b.setInsertionPoint(yield);
    for (auto [i, type] : llvm::enumerate(carried)) {
      Value &value = yielded[1 + i];
      isWrapped[i] =
          isa<OptionalType>(cast<TensorType>(type).getElementType()) && !isa<OptionalType>(elementTypeOf(value));
      if (isWrapped[i])
        value = asOptional(n, value);
    }
    for (auto [i, sequence] : llvm::enumerate(body->getArguments().take_back(sequences.size()))) {
      Value &value = yielded[1 + carried.size() + i];
      value = appended(n.g, n.loc, sequence, value);
      if (!value)
        return failure();
    }
    yield->setOperands(yielded);
  }
  holds = true;
  auto widen = [&](Type &type, Value next) -> LogicalResult {
    RankedTensorType joined = join(type, next.getType());
    if (!joined)
      return n.error("carries a value whose rank or element type changes from one iteration to the next");
    holds &= joined == type;
    type = joined;
    return success();
  };
  for (auto [type, next] : llvm::zip(carried, ArrayRef(yielded).drop_front()))
    if (failed(widen(type, next)))
      return failure();
  for (auto [type, next] : llvm::zip(sequences, ArrayRef(yielded).drop_front(1 + carried.size())))
    if (failed(widen(type, next)))
      return failure();
  return success();
}

/// Whether memory for all slices can be had before the loop runs: their number has a bound that is near to it, and their sizes are known outside.
bool LoopImport::sizesAreKnown(Region *body, ArrayRef<Value> yielded) {
  constexpr int64_t mostUnused = 1024; // slices
  auto limit = n.constantIntegers(0);
  bool isBounded = (limit && limit->size() == 1 && limit->front() <= mostUnused) ||
                   stopsByCount(n, body->getArgument(1), yielded.front());
  auto isInside = [&](Value source) {
    for (Region *region = source.getParentRegion(); region;
         region = region->getParentOp() ? region->getParentRegion() : nullptr)
      if (region == body)
        return true;
    return false;
  };
  ArrayRef<Value> slices = yielded.drop_front(1 + carried.size());
  return slices.empty() || (isBounded && llvm::all_of(slices, [&](Value slice) {
                              SmallVector<Value> sources;
                              for (AffineExpr size : llvm::to_vector(n.g.shapes.shape(slice)))
                                n.g.shapes.collectSources(size, sources);
                              return llvm::none_of(sources, isInside);
                            }));
}

LogicalResult LoopImport::finish(OperationState &state, ArrayRef<Value> yielded) {
  Builder &b = n.g.b;
  SmallVector<Value> operands;
  if (n.input(0))
    operands.push_back(scalarOf(n, n.input(0), b.getI64Type(), "trip count"));
  if (n.input(1))
    operands.push_back(scalarOf(n, n.input(1), b.getI1Type(), "condition"));
  if (llvm::is_contained(operands, Value()))
    return failure();
  llvm::append_range(operands, inits);
  for (Type type : sequences) {
    auto sequence = cast<SequenceType>(cast<RankedTensorType>(type).getElementType());
    operands.push_back(emptySequence(n.g, n.loc, sequence.getElement().getElementType()));
  }
  state.addOperands(operands);
  int64_t collected = sequences.empty() ? yielded.size() - 1 - carried.size() : 0;
  state.addAttribute("collected", b.getI64IntegerAttr(collected));
  state.addAttribute("operandSegmentSizes", b.getDenseI32ArrayAttr({n.input(0) ? 1 : 0, n.input(1) ? 1 : 0,
                                                                    int32_t(inits.size() + sequences.size()), 0}));
  Operation *op = n.g.b.create(state);
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    bool isSequence = !sequences.empty() && i >= carried.size();
    Value value = result;
    if (isSequence && n.wants(i))
      value = concatenated(n.g, n.loc, result, 0, /*stack=*/true);
    else if (i < carried.size() && isWrapped[i] && n.wants(i))
      value = contentOf(n, result);
    if (!value)
      return failure();
    n.set(i, value);
  }
  return success();
}

LogicalResult LoopImport::run() {
  // Each attempt makes at least one more size dynamic, so this ends.
  for (;;) {
    OperationState state(n.loc, LoopOp::getOperationName());
    Region *body = state.addRegion();
    SmallVector<Value> yielded;
    bool holds = false;
    if (failed(attempt(body, yielded, holds)))
      return failure();
    ArrayRef<Value> slices = ArrayRef(yielded).drop_front(1 + carried.size());
    int64_t count = iterations(n, body->getArgument(1), yielded.front());
    if (holds && sequences.empty() && !sizesAreKnown(body, yielded)) {
      for (Value slice : slices) {
        auto content = cast<RankedTensorType>(slice.getType());
        auto type = SequenceType::get(n.g.b.getContext(), content, /*empty=*/false);
        sequences.push_back(RankedTensorType::get({}, type));
      }
      holds = false;
    }
    if (!holds) {
      n.importer.retire(state);
      continue;
    }
    state.addTypes(carried);
    state.addTypes(sequences);
    if (sequences.empty())
      for (Value slice : slices)
        state.addTypes(sliceStack(count, slice.getType()));
    return finish(state, yielded);
  }
}

LogicalResult importLoop(Node &n) {
  const auto *graph = n.attribute("body");
  return graph ? LoopImport(n, graph->g()).run() : n.error("lacks its body");
}

/// Scan as a loop over the elements of its scan inputs, whose results are stacked: [T, ...] at first, then moved to the axis asked for.
struct Scan {
  Node &n;
  GraphBuilder &g;
  int64_t states, sequences, outputs;
  bool batched; // operator set 8: the first dimension of everything is a batch; only one of size 1 is taken apart

  explicit Scan(Node &n) : n(n), g(n.g), batched(n.version < 9) {}

  SmallVector<int64_t> perSequence(StringRef name, int64_t count) {
    return n.integers(name, SmallVector<int64_t>(count, 0));
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
  LogicalResult run();
  LogicalResult finish(Operation *loop);
};

LogicalResult Scan::finish(Operation *loop) {
  SmallVector<int64_t> directions = perSequence("scan_output_directions", outputs),
                       axes = perSequence("scan_output_axes", outputs);
  if (int64_t(directions.size()) != outputs || int64_t(axes.size()) != outputs)
    return n.error("needs one direction and one axis for each scan output");
  for (auto [i, result] : llvm::enumerate(loop->getResults())) {
    Value value = result;
    if (int64_t k = int64_t(i) - states; k >= 0) {
      if (directions[k])
        value = backwards(value, 0);
      auto axis = n.axis(axes[k], rankOf(value));
      if (failed(axis))
        return failure();
      if (*axis)
        value = moveTo(value, *axis);
    }
    if (batched)
      value = n.make<UnsqueezeOp>(value, g.attr("axes", ArrayRef<int64_t>{0}));
    if (!value)
      return failure();
    n.set(i, value);
  }
  return success();
}

LogicalResult Scan::run() {
  const auto *graph = n.attribute("body");
  int first = batched ? 1 : 0; // operator set 8 has the lengths of the sequences first
  sequences = n.integer("num_scan_inputs", 0);
  states = n.inputCount() - first - sequences;
  if (!graph || sequences < 1 || states < 0)
    return n.error("lacks its body or its scan inputs");
  outputs = graph->g().output_size() - states;
  if (outputs < 0)
    return n.error("has a body with too few outputs");
  if (batched && n.input(0))
    return n.error("has sequences of different lengths, which is not supported; use operator set 9 or newer");
  SmallVector<int64_t> directions = perSequence(batched ? "directions" : "scan_input_directions", sequences),
                       axes = perSequence("scan_input_axes", sequences);
  if (int64_t(directions.size()) != sequences || int64_t(axes.size()) != sequences)
    return n.error("needs one direction and one axis for each scan input");
  SmallVector<Value> operands;
  for (int i = first; i < n.inputCount(); ++i) {
    Value value = n.input(i);
    if (batched) {
      if (!value || rankOf(value) < 1 || cast<RankedTensorType>(value.getType()).getDimSize(0) != 1)
        return n.error("has a batch of a size other than 1, which is not supported; use operator set 9 or newer");
      value = n.make<SqueezeOp>(value, g.attr("axes", ArrayRef<int64_t>{0}));
    }
    operands.push_back(value);
  }
  SmallVector<Value> inits(operands.begin(), operands.begin() + states);
  SmallVector<Type> carried;
  for (Value init : inits)
    carried.push_back(init.getType());
  for (auto [k, value] : llvm::enumerate(MutableArrayRef(operands).drop_front(states))) {
    auto axis = n.axis(axes[k], rankOf(value));
    if (failed(axis))
      return failure();
    axes[k] = *axis;
    if (directions[k])
      value = backwards(value, axes[k]);
    if (!value)
      return failure();
  }
  ArrayRef<Value> scanned = ArrayRef(operands).drop_front(states);
  Value count = n.make<SqueezeOp>(n.make<ShapeOp>(scanned[0], {g.attr("start", axes[0]), g.attr("end", axes[0] + 1)}),
                                  g.attr("axes", ArrayRef<int64_t>{0}));
  int64_t steps = cast<RankedTensorType>(scanned[0].getType()).getDimSize(axes[0]);
  Builder &b = g.b;
  auto scalar = [&](Type element) { return RankedTensorType::get({}, element); };
  for (;;) {
    OperationState state(n.loc, LoopOp::getOperationName());
    Region *body = state.addRegion();
    SmallVector<Type> arguments = {scalar(b.getI64Type()), scalar(b.getI1Type())};
    llvm::append_range(arguments, carried);
    SmallVector<Value> yielded;
    {
      OpBuilder::InsertionGuard guard(g.b);
      Block *block = g.b.createBlock(body, body->end(), arguments, SmallVector<Location>(arguments.size(), n.loc));
      SmallVector<Value> inputs(block->getArguments().drop_front(2));
      for (auto [value, axis] : llvm::zip_equal(scanned, axes))
        inputs.push_back(n.make<GatherOp>({value, block->getArgument(0)}, g.attr("axis", axis)));
      auto results = n.importer.importSubgraph(graph->g(), inputs);
      if (failed(results))
        return failure();
      yielded.push_back(block->getArgument(1));
      llvm::append_range(yielded, *results);
      YieldOp::create(g.b, n.loc, yielded);
    }
    bool holds = true;
    for (int64_t i = 0; i < states; ++i) {
      RankedTensorType type = join(carried[i], yielded[1 + i].getType());
      if (!type)
        return n.error("carries a value whose rank or element type changes from one iteration to the next");
      holds &= type == carried[i];
      carried[i] = type;
    }
    if (!holds) {
      n.importer.retire(state);
      continue;
    }
    state.addTypes(carried);
    for (Value slice : ArrayRef(yielded).drop_front(1 + states))
      state.addTypes(sliceStack(steps, slice.getType()));
    state.addOperands(count);
    state.addOperands(inits);
    state.addAttribute("collected", b.getI64IntegerAttr(outputs));
    state.addAttribute("operandSegmentSizes", b.getDenseI32ArrayAttr({1, 0, int32_t(states), 0}));
    return finish(g.b.create(state));
  }
}

LogicalResult importScan(Node &n) { return Scan(n).run(); }

const Entry entries[] = {{"If", 1, importIf}, {"Loop", 1, importLoop}, {"Scan", 8, importScan}};

} // namespace

ArrayRef<Entry> importer::controlConverters() { return entries; }
