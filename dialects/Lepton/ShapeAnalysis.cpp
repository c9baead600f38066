//===- ShapeAnalysis.cpp - symbolic sizes -------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace lepton;

std::optional<int64_t> ShapeAnalysis::constantValue(AffineExpr expr) {
  if (auto constant = dyn_cast_if_present<AffineConstantExpr>(expr))
    return constant.getValue();
  return std::nullopt;
}

AffineExpr ShapeAnalysis::leaf(Leaf leaf) {
  leaves.push_back(std::move(leaf));
  return getAffineSymbolExpr(leaves.size() - 1, context);
}

AffineExpr ShapeAnalysis::dimLeaf(Value value, unsigned i) {
  AffineExpr &expr = dimLeaves[{value, i}];
  if (!expr)
    expr = leaf({value, false, i, {}, {}});
  return expr;
}

AffineExpr ShapeAnalysis::elementLeaf(Value value, int64_t i) {
  AffineExpr &expr = elementLeaves[{value, i}];
  if (!expr)
    expr = leaf({value, true, i, {}, {}});
  return expr;
}

AffineExpr ShapeAnalysis::namedSymbol(Value value, unsigned i, StringAttr name) {
  AffineExpr &expr = namedSymbols[{value.getParentRegion()->getParentOp(), name}];
  if (!expr)
    expr = dimLeaf(value, i);
  return expr;
}

void ShapeAnalysis::setShape(Value value, ArrayRef<AffineExpr> sizes) {
  shapes[value.getAsOpaquePointer()].assign(sizes.begin(), sizes.end());
}

const SmallVector<AffineExpr> &ShapeAnalysis::shape(Value value) {
  auto it = shapes.find(value.getAsOpaquePointer());
  if (it == shapes.end()) {
    llvm::SaveAndRestore nested(underway, underway + 1);
    SmallVector<AffineExpr> sizes = underway > reach ? leafShape(value) : computeShape(value);
    it = shapes.insert_or_assign(value.getAsOpaquePointer(), std::move(sizes)).first; // over what was only assumed
    knownSizes.insert(it->second.begin(), it->second.end());
  }
  return it->second;
}

/// Names of an argument's dimensions, from the function's `lepton.dims` argument attribute.
static ArrayAttr dimNames(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || !argument.getOwner()->isEntryBlock())
    return {};
  Operation *parent = argument.getOwner()->getParentOp(); // null while a region is being built
  auto function = dyn_cast_if_present<FunctionOpInterface>(parent);
  return function ? function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "lepton.dims") : ArrayAttr();
}

SmallVector<AffineExpr> ShapeAnalysis::leafShape(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<AffineExpr> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    sizes.push_back(type.isDynamicDim(i) ? dimLeaf(value, i) : constant(type.getDimSize(i)));
  return sizes;
}

/// Sizes of the value that a loop carries in place `i`: those of its initial value, where one iteration is seen to keep them.
SmallVector<AffineExpr> ShapeAnalysis::computeCarried(LoopOp loop, unsigned i) {
  Value argument = loop.getBody().getArgument(2 + i);
  Value yielded = loop.getBody().front().getTerminator()->getOperand(1 + i);
  SmallVector<AffineExpr> assumed = shape(loop.getInits()[i]);
  setShape(argument, assumed);
  if (shape(yielded) == assumed)
    return assumed;
  // Refuted: what was inferred inside the loop rests on it.
  loop.getBody().walk([&](Operation *op) {
    for (Value result : op->getResults())
      shapes.erase(result.getAsOpaquePointer());
    for (Region &region : op->getRegions())
      for (Value inner : region.getArguments())
        shapes.erase(inner.getAsOpaquePointer());
  });
  elementCache.clear();
  return leafShape(argument);
}

/// The loop whose body has `value` as a carried argument, and its place.
static std::pair<LoopOp, unsigned> carriedArgument(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto loop = argument ? dyn_cast_if_present<LoopOp>(argument.getOwner()->getParentOp()) : LoopOp();
  return loop && argument.getArgNumber() >= 2 ? std::pair(loop, argument.getArgNumber() - 2) : std::pair(LoopOp(), 0u);
}

SmallVector<AffineExpr> ShapeAnalysis::computeShape(Value value) {
  if (!cast<RankedTensorType>(value.getType()).hasStaticShape()) {
    if (auto [loop, i] = carriedArgument(value); loop)
      return computeCarried(loop, i);
    if (auto loop = value.getDefiningOp<LoopOp>()) {
      unsigned i = cast<OpResult>(value).getResultNumber(), carried = loop.getInits().size();
      SmallVector<AffineExpr> sizes = leafShape(value);
      if (i < carried) {
        SmallVector<AffineExpr> kept = shape(loop.getBody().getArgument(2 + i));
        return kept == shape(loop.getInits()[i]) ? kept : sizes;
      }
      Operation *yield = loop.getBody().front().getTerminator();
      if (loop.getTripCount() && yield->getOperand(0) == loop.getBody().getArgument(1) &&
          ShapedType::isDynamic(cast<RankedTensorType>(value.getType()).getDimSize(0)))
        sizes[0] = element(loop.getTripCount(), 0);
      for (auto [d, size] : llvm::enumerate(shape(yield->getOperand(1 + i))))
        if (isDefinedOutside(size, loop))
          sizes[1 + d] = size;
      return sizes;
    }
  }
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<AffineExpr> sizes(type.getRank());
  SmallVector<ResultShape> inferred;
  if (!type.hasStaticShape())
    if (auto op = value.getDefiningOp<ShapeOpInterface>())
      if (failed(op.inferShapes(*this, inferred)))
        inferred.clear();
  ArrayAttr names = dimNames(value);
  for (int64_t i = 0; i < type.getRank(); ++i) {
    if (!type.isDynamicDim(i)) {
      sizes[i] = constant(type.getDimSize(i));
    } else if (!inferred.empty()) {
      sizes[i] = inferred[cast<OpResult>(value).getResultNumber()].dims[i];
    } else if (names && !cast<StringAttr>(names[i]).empty()) {
      sizes[i] = namedSymbol(value, i, cast<StringAttr>(names[i]));
    }
    if (!sizes[i])
      sizes[i] = dimLeaf(value, i);
  }
  return sizes;
}

RankedTensorType ShapeAnalysis::type(const ResultShape &result) const {
  SmallVector<int64_t> dims;
  for (AffineExpr expr : result.dims) {
    int64_t size = constantValue(expr).value_or(ShapedType::kDynamic);
    dims.push_back(size < 0 ? ShapedType::kDynamic : size);
  }
  return RankedTensorType::get(dims, result.elementType);
}

void ShapeAnalysis::collectSources(AffineExpr expr, SmallVectorImpl<Value> &sources) {
  expr.walk([&](AffineExpr part) {
    auto symbol = dyn_cast<AffineSymbolExpr>(part);
    if (!symbol)
      return;
    const Leaf &leaf = leaves[symbol.getPosition()];
    if (leaf.value)
      sources.push_back(leaf.value);
    for (AffineExpr operand : leaf.operands)
      collectSources(operand, sources);
  });
}

bool ShapeAnalysis::isDefinedOutside(AffineExpr expr, Operation *op) {
  SmallVector<Value> sources;
  collectSources(expr, sources);
  return llvm::none_of(sources, [&](Value source) { return op->isAncestor(source.getParentBlock()->getParentOp()); });
}

//===--------------------------------------------------------------------------------------------------------------===//
// Contents of integer tensors
//===--------------------------------------------------------------------------------------------------------------===//

AffineExpr ShapeAnalysis::element(Value value, int64_t flatIndex) {
  auto key = std::make_pair(value, flatIndex);
  if (auto it = elementCache.find(key); it != elementCache.end())
    return it->second;
  llvm::SaveAndRestore nested(underway, underway + 1);
  AffineExpr expr;
  if (underway <= reach && value.getDefiningOp() &&
      isa<IntegerType>(cast<RankedTensorType>(value.getType()).getElementType()))
    expr = elementOfDefinition(value, flatIndex);
  if (!expr)
    expr = elementLeaf(value, flatIndex);
  elementCache[key] = expr;
  return expr;
}

std::optional<SmallVector<AffineExpr>> ShapeAnalysis::elements(Value value, int64_t limit) {
  auto type = cast<RankedTensorType>(value.getType());
  if (!type.hasStaticShape() || type.getNumElements() > limit)
    return std::nullopt;
  SmallVector<AffineExpr> result;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    result.push_back(element(value, i));
  return result;
}

std::optional<SmallVector<int64_t>> ShapeAnalysis::constantElements(Value value, int64_t limit) {
  if (!isa<IntegerType>(cast<RankedTensorType>(value.getType()).getElementType()))
    return std::nullopt;
  auto expressions = elements(value, limit);
  if (!expressions)
    return std::nullopt;
  SmallVector<int64_t> result;
  for (AffineExpr expr : *expressions) {
    auto constant = constantValue(expr);
    if (!constant)
      return std::nullopt;
    result.push_back(*constant);
  }
  return result;
}

/// Sums of more elements are taken from the op that adds them.
static constexpr size_t largestReadSum = 4;

AffineExpr ShapeAnalysis::elementOfDefinition(Value value, int64_t flatIndex) {
  Operation *op = value.getDefiningOp();
  return llvm::TypeSwitch<Operation *, AffineExpr>(op)
      .Case<ConstantOp>([&](ConstantOp op) { return constant(readInteger(op.getValue(), flatIndex)); })
      .Case<ShapeOp>([&](ShapeOp op) { return dim(op.getInput(), op.getStart() + flatIndex); })
      .Case<ReshapeOp, SqueezeOp, UnsqueezeOp, FlattenOp>([&](auto op) { return element(op.getInput(), flatIndex); })
      .Case<ExpandOp>([&](ExpandOp op) {
        auto type = cast<RankedTensorType>(op.getInput().getType());
        return type.hasStaticShape() && type.getNumElements() == 1 ? element(op.getInput(), 0) : AffineExpr();
      })
      .Case<CastOp>([&](CastOp op) {
        Type from = cast<RankedTensorType>(op.getInput().getType()).getElementType(), to = op.getTo();
        // Widening keeps the value; narrowing a size to 32 bits does too, for every size that has a memory to live in.
        bool keeps = isa<IntegerType>(from) && isa<IntegerType>(to) && to.getIntOrFloatBitWidth() >= 32;
        return keeps ? element(op.getInput(), flatIndex) : AffineExpr();
      })
      .Case<ConcatOp>([&](ConcatOp op) -> AffineExpr {
        if (cast<RankedTensorType>(op.getType()).getRank() != 1)
          return {};
        int64_t offset = flatIndex;
        for (Value input : op.getInputs()) {
          auto type = cast<RankedTensorType>(input.getType());
          if (!type.hasStaticShape())
            return {};
          if (offset < type.getNumElements())
            return element(input, offset);
          offset -= type.getNumElements();
        }
        return {};
      })
      .Case<GatherOp>([&](GatherOp op) -> AffineExpr {
        auto type = cast<RankedTensorType>(op.getInput().getType());
        if (type.getRank() != 1 || !type.hasStaticShape())
          return {};
        auto index = constantValue(element(op.getIndices(), flatIndex));
        if (!index)
          return {};
        int64_t i = *index < 0 ? *index + type.getDimSize(0) : *index;
        return i >= 0 && i < type.getDimSize(0) ? element(op.getInput(), i) : AffineExpr();
      })
      .Case<SliceOp>([&](SliceOp op) -> AffineExpr {
        auto type = cast<RankedTensorType>(op.getInput().getType());
        if (type.getRank() != 1 || !type.hasStaticShape())
          return {};
        SmallVector<AffineExpr> starts, sizes, steps;
        op.getBounds(*this, starts, sizes, steps);
        auto start = constantValue(starts[0]), step = constantValue(steps[0]);
        return start && step ? element(op.getInput(), *start + flatIndex * *step) : AffineExpr();
      })
      .Case<RangeOp>([&](RangeOp op) { return element(op.getStart(), 0) + element(op.getDelta(), 0) * flatIndex; })
      .Case<ReduceOp>([&](ReduceOp op) -> AffineExpr {
        auto inputs = elements(op.getInput(), 64);
        if (!inputs || cast<RankedTensorType>(op.getType()).getNumElements() != 1)
          return {};
        if (op.getKind() == ReduceKind::prod)
          return product(*inputs);
        if (op.getKind() != ReduceKind::sum)
          return {};
        AffineExpr sum = constant(0);
        for (AffineExpr input : *inputs)
          sum = sum + input;
        // The sum of many numbers that only the run knows is read better than computed again.
        return constantValue(sum) || inputs->size() <= largestReadSum ? sum : AffineExpr();
      })
      .Default([&](Operation *op) {
        return isa<ElementwiseOpInterface>(op) ? elementOfArithmetic(op, flatIndex) : AffineExpr();
      });
}

AffineExpr ShapeAnalysis::elementOfArithmetic(Operation *op, int64_t flatIndex) {
  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<AffineExpr> x;
  for (Value operand : op->getOperands()) {
    auto type = cast<RankedTensorType>(operand.getType());
    if (!isa<IntegerType>(type.getElementType()) || !type.hasStaticShape() || !resultType.hasStaticShape())
      return {};
    bool single = type.getNumElements() == 1;
    if (!single && type.getNumElements() != resultType.getNumElements())
      return {};
    x.push_back(element(operand, single ? 0 : flatIndex));
  }
  using F = SizeFunction;
  bool isBool = resultType.getElementType().isInteger(1);
  return llvm::TypeSwitch<Operation *, AffineExpr>(op)
      .Case<AddOp>([&](auto) { return x[0] + x[1]; })
      .Case<SubOp>([&](auto) { return x[0] - x[1]; })
      .Case<MulOp>([&](auto) { return x[0] * x[1]; })
      .Case<NegOp>([&](auto) { return -x[0]; })
      .Case<DivOp>([&](auto) { return apply(F::DivS, x); })
      .Case<MaxOp>([&](auto) { return apply(F::Max, x); })
      .Case<MinOp>([&](auto) { return apply(F::Min, x); })
      .Case<EqualOp>([&](auto) { return apply(F::Eq, x); })
      .Case<LessOp>([&](auto) { return apply(F::Lt, x); })
      .Case<LessOrEqualOp>([&](auto) { return apply(F::Le, x); })
      .Case<GreaterOp>([&](auto) { return apply(F::Lt, {x[1], x[0]}); })
      .Case<GreaterOrEqualOp>([&](auto) { return apply(F::Le, {x[1], x[0]}); })
      .Case<WhereOp>([&](auto) { return apply(F::Select, x); })
      .Case<BitwiseAndOp>([&](auto) { return isBool ? apply(F::And, x) : AffineExpr(); })
      .Case<BitwiseOrOp>([&](auto) { return isBool ? apply(F::Or, x) : AffineExpr(); })
      .Case<BitwiseNotOp>([&](auto) { return isBool ? constant(1) - x[0] : AffineExpr(); })
      .Default([](Operation *) { return AffineExpr(); });
}
