//===- LoopImport.cpp - loops whose types are found by importing their bodies -------------------------------------------------===//

#include "frontend/onnx/LoopImport.h"
#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/Sequences.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

RankedTensorType importer::join(Type a, Type b) {
  auto left = cast<RankedTensorType>(a), right = cast<RankedTensorType>(b);
  Type element = joinElementTypes(left.getElementType(), right.getElementType());
  if (!element || left.getRank() != right.getRank())
    return {};
  SmallVector<int64_t> sizes;
  for (auto [l, r] : llvm::zip_equal(left.getShape(), right.getShape()))
    sizes.push_back(l == r ? l : ShapedType::kDynamic);
  return RankedTensorType::get(sizes, element);
}

static Type sliceStack(int64_t count, Type slice) {
  auto type = cast<RankedTensorType>(slice);
  SmallVector<int64_t> sizes = {count};
  llvm::append_range(sizes, type.getShape());
  return RankedTensorType::get(sizes, type.getElementType());
}

namespace {

struct LoopImport {
  Node &n;
  const LoopSource &loop;
  /// What goes from one iteration to the next. Its sizes are taken to be those of the initial value until an iteration is seen to change them.
  struct Carried {
    Type type;
    bool keepsSizes = true;
    bool isWrapped = false; // the body yields what the optional holds
  };
  SmallVector<Carried> carried;
  SmallVector<Type> sequences; // of the collected values, where sequences collect them

  LoopImport(Node &n, const LoopSource &loop) : n(n), loop(loop) {
    for (Value init : loop.inits)
      carried.push_back({init.getType()});
  }

  FailureOr<SmallVector<Value>> run();

private:
  LogicalResult attempt(Region &region, SmallVector<Value> &yielded, bool &holds);
  LogicalResult wrap(ArrayRef<BlockArgument> collectors, MutableArrayRef<Value> yielded);
  LogicalResult widen(Type &type, Value next, bool &holds);
  bool stopsByCount(Value argument, Value yielded);
  int64_t iterations(Value argument, Value yielded);
  bool sizesAreKnown(Region &region, ArrayRef<Value> yielded);
  FailureOr<SmallVector<Value>> finish(OperationState &state, ArrayRef<Value> yielded);
  ArrayRef<Value> slices(ArrayRef<Value> yielded) { return yielded.drop_front(1 + carried.size()); }
};

/// Makes of what the body yields what the loop carries.
LogicalResult LoopImport::wrap(ArrayRef<BlockArgument> collectors, MutableArrayRef<Value> yielded) {
  for (auto [state, value] : llvm::zip(carried, yielded.drop_front())) {
    state.isWrapped =
        isa<OptionalType>(cast<TensorType>(state.type).getElementType()) && !isa<OptionalType>(elementTypeOf(value));
    if (state.isWrapped)
      value = asOptional(n, value);
  }
  for (auto [sequence, value] : llvm::zip(collectors, yielded.drop_front(1 + carried.size()))) {
    value = appended(n.g, n.loc, sequence, value);
    if (!value)
      return failure();
  }
  return success();
}

LogicalResult LoopImport::widen(Type &type, Value next, bool &holds) {
  RankedTensorType joined = join(type, next.getType());
  if (!joined)
    return n.error("carries a value whose rank or element type changes from one iteration to the next");
  holds &= joined == type;
  type = joined;
  return success();
}

/// Imports the body once, and gives up what does not hold from one iteration to the next: sizes that change become dynamic.
LogicalResult LoopImport::attempt(Region &region, SmallVector<Value> &yielded, bool &holds) {
  OpBuilder::InsertionGuard guard(n.g.b);
  ShapeAnalysis &shapes = n.g.shapes;
  SmallVector<Type> arguments = {RankedTensorType::get({}, n.g.b.getI64Type()),
                                 RankedTensorType::get({}, n.g.b.getI1Type())};
  for (const Carried &state : carried)
    arguments.push_back(state.type);
  llvm::append_range(arguments, sequences);
  Block *block = n.g.b.createBlock(&region, region.end(), arguments, SmallVector<Location>(arguments.size(), n.loc));
  ArrayRef<BlockArgument> states = block->getArguments().slice(2, carried.size());
  for (auto [state, init, argument] : llvm::zip_equal(carried, loop.inits, states))
    if (state.keepsSizes)
      shapes.setShape(argument, llvm::to_vector(shapes.shape(init)));
  auto values = loop.body(ValueRange(block->getArguments()).drop_back(sequences.size()));
  if (failed(values))
    return failure();
  if (values->size() < 1 + carried.size())
    return n.error("has a body with too few outputs");
  if (llvm::is_contained(*values, Value()) || failed(wrap(block->getArguments().take_back(sequences.size()), *values)))
    return failure();
  YieldOp::create(n.g.b, n.loc, *values);
  yielded = *values;
  holds = true;
  for (auto [state, argument, next] : llvm::zip(carried, states, ArrayRef(yielded).drop_front())) {
    if (failed(widen(state.type, next, holds)))
      return failure();
    bool keeps = llvm::to_vector(shapes.shape(next)) == shapes.shape(argument);
    holds &= keeps || !state.keepsSizes;
    state.keepsSizes &= keeps;
  }
  for (auto [type, next] : llvm::zip(sequences, slices(yielded)))
    if (failed(widen(type, next, holds)))
      return failure();
  return success();
}

/// Whether nothing but the trip count ends the loop: its condition, `argument` in the body, is and stays true.
bool LoopImport::stopsByCount(Value argument, Value yielded) {
  auto isTrue = [&](Value condition) {
    auto known = n.g.shapes.constantElements(condition);
    return known && known->size() == 1 && known->front();
  };
  return loop.tripCount && (!loop.condition || isTrue(loop.condition)) && (yielded == argument || isTrue(yielded));
}

/// The number of iterations, where nothing but the trip count ends the loop and it is known; dynamic otherwise.
int64_t LoopImport::iterations(Value argument, Value yielded) {
  if (!stopsByCount(argument, yielded))
    return ShapedType::kDynamic;
  auto count = n.g.shapes.constantElements(loop.tripCount);
  bool isKnown = count && count->front() <= std::numeric_limits<int32_t>::max();
  return isKnown ? std::max<int64_t>(count->front(), 0) : ShapedType::kDynamic;
}

/// Whether memory for all slices can be had before the loop runs: their number has a bound that is near to it, and their sizes are known outside.
bool LoopImport::sizesAreKnown(Region &region, ArrayRef<Value> yielded) {
  constexpr int64_t mostUnused = 1024; // slices
  auto limit = loop.tripCount ? n.g.shapes.constantElements(loop.tripCount) : std::nullopt;
  bool isBounded = (limit && limit->front() <= mostUnused) || stopsByCount(region.getArgument(1), yielded.front());
  auto isInside = [&](Value source) {
    for (Region *around = source.getParentRegion(); around;
         around = around->getParentOp() ? around->getParentRegion() : nullptr)
      if (around == &region)
        return true;
    return false;
  };
  return slices(yielded).empty() || (isBounded && llvm::all_of(slices(yielded), [&](Value slice) {
                                       SmallVector<Value> sources;
                                       for (AffineExpr size : llvm::to_vector(n.g.shapes.shape(slice)))
                                         n.g.shapes.collectSources(size, sources);
                                       return llvm::none_of(sources, isInside);
                                     }));
}

FailureOr<SmallVector<Value>> LoopImport::finish(OperationState &state, ArrayRef<Value> yielded) {
  Builder &b = n.g.b;
  SmallVector<Value> operands;
  for (Value operand : {loop.tripCount, loop.condition})
    if (operand)
      operands.push_back(operand);
  llvm::append_range(operands, loop.inits);
  for (Type type : sequences) {
    auto sequence = cast<SequenceType>(cast<RankedTensorType>(type).getElementType());
    operands.push_back(emptySequence(n.g, n.loc, sequence.getElement().getElementType()));
  }
  state.addOperands(operands);
  state.addAttribute("collected", b.getI64IntegerAttr(sequences.empty() ? slices(yielded).size() : 0));
  state.addAttribute("operandSegmentSizes", b.getDenseI32ArrayAttr({loop.tripCount ? 1 : 0, loop.condition ? 1 : 0,
                                                                    int32_t(loop.inits.size() + sequences.size()), 0}));
  SmallVector<Value> results(n.g.b.create(state)->getResults());
  for (auto [i, value] : llvm::enumerate(results)) {
    if (i < carried.size() && carried[i].isWrapped)
      value = contentOf(n, value);
    else if (i >= carried.size() && !sequences.empty())
      value = concatenated(n.g, n.loc, value, 0, /*stack=*/true);
    if (!value)
      return failure();
  }
  return results;
}

FailureOr<SmallVector<Value>> LoopImport::run() {
  // Each attempt gives up at least one more size, so this ends.
  for (;;) {
    OperationState state(n.loc, LoopOp::getOperationName());
    Region &region = *state.addRegion();
    SmallVector<Value> yielded;
    bool holds = false;
    if (failed(attempt(region, yielded, holds)))
      return failure();
    if (holds && sequences.empty() && !sizesAreKnown(region, yielded)) {
      for (Value slice : slices(yielded)) {
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
    for (const Carried &value : carried)
      state.addTypes(value.type);
    state.addTypes(sequences);
    if (sequences.empty())
      for (Value slice : slices(yielded))
        state.addTypes(sliceStack(iterations(region.getArgument(1), yielded.front()), slice.getType()));
    return finish(state, yielded);
  }
}

} // namespace

FailureOr<SmallVector<Value>> importer::makeLoop(Node &n, const LoopSource &source) {
  return LoopImport(n, source).run();
}
