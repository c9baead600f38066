//===- KernelEmitter.cpp - writes kernels in linalg on tensors ---------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/ReductionEmitter.h"

#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

Type KernelEmitter::scalarType(Type elementType) {
  if (isNarrow(elementType))
    return IntegerType::get(elementType.getContext(), 8);
  if (isHandle(elementType))
    return IntegerType::get(elementType.getContext(), 64);
  auto integer = dyn_cast<IntegerType>(elementType);
  return integer ? IntegerType::get(elementType.getContext(), integer.getWidth()) : elementType;
}

Type KernelEmitter::storageType(Type elementType) {
  Type scalar = scalarType(elementType);
  return scalar.isInteger(1) ? IntegerType::get(elementType.getContext(), 8) : scalar;
}

RankedTensorType KernelEmitter::storageType(RankedTensorType type) {
  return RankedTensorType::get(type.getShape(), storageType(type.getElementType()));
}

Value KernelEmitter::toStorage(Value scalar, Type elementType) {
  Type type = storageType(elementType);
  return scalar.getType() == type ? scalar : b.createOrFold<arith::ExtUIOp>(loc, type, scalar);
}

Value KernelEmitter::fromStorage(Value scalar, Type elementType) {
  Type type = scalarType(elementType);
  if (scalar.getType() == type)
    return scalar;
  if (type.isInteger(1)) {
    Value zero = arith::ConstantOp::create(b, loc, b.getIntegerAttr(scalar.getType(), 0));
    return compare(arith::CmpIPredicate::ne, scalar, zero);
  }
  return b.createOrFold<arith::TruncIOp>(loc, type, scalar);
}

Value KernelEmitter::scalar(Type type, double value) {
  if (auto floatType = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(floatType, value));
  if (auto complexType = dyn_cast<ComplexType>(type)) {
    Type part = complexType.getElementType();
    return complex::ConstantOp::create(b, loc, type,
                                       b.getArrayAttr({b.getFloatAttr(part, value), b.getFloatAttr(part, 0)}));
  }
  return arith::ConstantOp::create(
      b, loc,
      b.getIntegerAttr(type,
                       llvm::APInt(type.isIndex() ? 64 : type.getIntOrFloatBitWidth(), int64_t(value), true, true)));
}

/// The scalar of a constant that holds the same element everywhere; null otherwise.
static Value splatScalar(KernelEmitter &e, ConstantOp op) {
  ElementsAttr value = op.getValue();
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense || !dense.isSplat())
    return {};
  Type type = KernelEmitter::scalarType(value.getElementType());
  if (isNarrow(value.getElementType()))
    return arith::ConstantOp::create(e.b, e.loc, e.b.getI8IntegerAttr(constantBytes(value).data.front()));
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(e.b, e.loc, cast<TypedAttr>(dense.getSplatValue<Attribute>()));
  if (isa<ComplexType>(type))
    return complex::ConstantOp::create(e.b, e.loc, type, cast<ArrayAttr>(dense.getSplatValue<Attribute>()));
  return arith::ConstantOp::create(
      e.b, e.loc,
      e.b.getIntegerAttr(type, llvm::APInt(type.getIntOrFloatBitWidth(), readInteger(value, 0), true, true)));
}

/// The elements of a small constant as a tensor.
static Value denseConstant(KernelEmitter &e, ConstantOp op) {
  ElementsAttr value = op.getValue();
  auto type = KernelEmitter::storageType(cast<RankedTensorType>(op.getType()));
  ConstantBytes bytes = constantBytes(value);
  return arith::ConstantOp::create(e.b, e.loc, DenseElementsAttr::getFromRawBuffer(type, bytes.data));
}

/// A slice of something in memory, where it lies there; null for other values.
static Value viewOf(KernelEmitter &e, Value value) {
  auto op = value.getDefiningOp<SliceOp>();
  Value memory = op ? e.tensor(op.getInput()) : Value();
  auto starts = memory ? op.getOffsets(e.shapes) : std::nullopt;
  if (!starts)
    return {};
  SmallVector<OpFoldResult> offsets = getAsIndexOpFoldResult(e.b.getContext(), *starts),
                            sizes = getAsIndexOpFoldResult(e.b.getContext(), op.getResult().getType().getShape()),
                            strides(starts->size(), e.b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(e.b, e.loc, memory, offsets, sizes, strides);
}

Value KernelEmitter::materialize(Value value) {
  if (Value memory = tensor(value))
    return memory;
  if (Value view = viewOf(*this, value)) {
    bind(value, view);
    return view;
  }
  Type elementType = elementTypeOf(value);
  Value result = map(temporary(shapes.shape(value), elementType), elementType,
                     [&](ValueRange indices) { return load(value, indices); });
  bind(value, result);
  return result;
}

Value KernelEmitter::load(Value value, ValueRange indices) {
  std::vector<const void *> key;
  for (Value index : indices)
    key.push_back(getAsOpFoldResult(index).getOpaqueValue());
  auto &entry = loaded[{value.getAsOpaquePointer(), key}];
  if (entry.second && entry.first == b.getInsertionBlock())
    return entry.second;
  if (auto element = elements.find(value); element != elements.end())
    return element->second(indices);
  Value result;
  if (Value memory = tensor(value)) {
    result = fromStorage(tensor::ExtractOp::create(b, loc, memory, indices), elementTypeOf(value));
  } else if (auto constant = value.getDefiningOp<ConstantOp>()) {
    result = splatScalar(*this, constant);
    if (!result)
      result =
          fromStorage(tensor::ExtractOp::create(b, loc, denseConstant(*this, constant), indices), elementTypeOf(value));
  } else {
    auto op = value.getDefiningOp<ElementOpInterface>();
    assert(op && "a value inside a kernel is in memory or defined element by element");
    result = op.emitElement(*this, cast<OpResult>(value).getResultNumber(), indices);
  }
  loaded[{value.getAsOpaquePointer(), key}] = {b.getInsertionBlock(), result};
  return result;
}

Value KernelEmitter::loadBroadcast(Value value, ArrayRef<AffineExpr> sizes, ValueRange indices) {
  const auto &shape = shapes.shape(value);
  size_t skip = sizes.size() - shape.size();
  SmallVector<Value> own;
  for (auto [i, extent] : llvm::enumerate(llvm::to_vector(shape))) {
    Value position = indices[skip + i];
    if (ShapeAnalysis::constantValue(extent) == 1)
      position = index(0);
    else if (extent != sizes[skip + i] && !ShapeAnalysis::constantValue(extent)) {
      // Equal to the result's size or 1: only the run knows which.
      Value one = compare(arith::CmpIPredicate::eq, size(extent), index(1));
      position = select(one, index(0), position);
    }
    own.push_back(position);
  }
  return load(value, own);
}

Value KernelEmitter::loadScalar(Value value) { return load(value, SmallVector<Value>(rankOf(value), index(0))); }

Type KernelEmitter::computeType(Type elementType) { return scalarType(lepton::computeType(elementType)); }

Value KernelEmitter::widen(Value scalar, Type elementType) {
  return emitCast(*this, scalar, elementType, lepton::computeType(elementType));
}

Value KernelEmitter::narrow(Value scalar, Type elementType) {
  return emitCast(*this, scalar, lepton::computeType(elementType), elementType);
}

Value KernelEmitter::isInside(Value position, Value extent) {
  // As unsigned numbers, negative positions are larger than every size.
  return compare(arith::CmpIPredicate::ult, position, extent);
}

Value KernelEmitter::beforeNest(llvm::function_ref<Value()> code) {
  OpBuilder::InsertionGuard guard(b);
  if (auto nest = dyn_cast<linalg::GenericOp>(b.getInsertionBlock()->getParentOp()))
    b.setInsertionPoint(nest);
  return code();
}

Value KernelEmitter::checkedIndex(Value raw, Value extent, StringRef what) {
  Value position = raw.getType().isIndex() ? raw : b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), raw);
  Value negative = compare(arith::CmpIPredicate::slt, position, index(0));
  position = select(negative, add(position, extent), position);
  Value inside = isInside(position, extent);
  cf::AssertOp::create(b, loc, inside, what);
  return select(inside, position, index(0));
}

//===--------------------------------------------------------------------------------------------------------------===//
// Loop nests
//===--------------------------------------------------------------------------------------------------------------===//

static SmallVector<Value> loopIndices(OpBuilder &b, Location loc, int64_t begin, int64_t end) {
  SmallVector<Value> indices;
  for (int64_t d = begin; d < end; ++d)
    indices.push_back(linalg::IndexOp::create(b, loc, d));
  return indices;
}

Value KernelEmitter::temporary(ArrayRef<AffineExpr> sizes, Type elementType) {
  RankedTensorType type = storageType(shapes.type({elementType, SmallVector<AffineExpr>(sizes)}));
  SmallVector<Value> dynamic;
  for (auto [i, expr] : llvm::enumerate(sizes))
    if (type.isDynamicDim(i))
      dynamic.push_back(size(expr));
  return tensor::EmptyOp::create(b, loc, type, dynamic);
}

Value KernelEmitter::map(Value init, Type elementType, ElementFn element) {
  auto type = cast<RankedTensorType>(init.getType());
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  auto op = linalg::GenericOp::create(b, loc, type, ValueRange{}, init, {identity}, iterators,
                                      [&](OpBuilder &, Location, ValueRange) {});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(op.getBlock());
  Value result = element(loopIndices(b, loc, 0, type.getRank()));
  linalg::YieldOp::create(b, loc, toStorage(result, elementType));
  return op.getResult(0);
}

Value lepton::reduceOver(KernelEmitter &e, Value init, ArrayRef<OpFoldResult> sizes, KernelEmitter::ReduceFn combine) {
  OpBuilder &b = e.b;
  auto type = cast<RankedTensorType>(init.getType());
  int64_t kept = type.getRank(), all = kept + sizes.size();
  SmallVector<utils::IteratorType> iterators(kept, utils::IteratorType::parallel);
  iterators.append(sizes.size(), utils::IteratorType::reduction);
  MLIRContext *context = b.getContext();
  AffineMap out = AffineMap::getMultiDimIdentityMap(kept, context);
  out = AffineMap::get(all, 0, out.getResults(), context);
  SmallVector<AffineExpr> reducedDims;
  for (int64_t d = kept; d < all; ++d)
    reducedDims.push_back(b.getAffineDimExpr(d));
  AffineMap reducedMap = AffineMap::get(all, 0, reducedDims, context);
  // linalg takes loop bounds from operands: this one has only a shape, and no memory by the time loops are made.
  Value domain = tensor::EmptyOp::create(b, e.loc, sizes, b.getI8Type());
  auto op = linalg::GenericOp::create(b, e.loc, type, domain, init, {reducedMap, out}, iterators,
                                      [&](OpBuilder &, Location, ValueRange) {});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(op.getBlock());
  auto indices = loopIndices(b, e.loc, 0, kept), reduced = loopIndices(b, e.loc, kept, all);
  linalg::YieldOp::create(b, e.loc, combine(indices, reduced, op.getBlock()->getArgument(1)));
  return op.getResult(0);
}

Value KernelEmitter::reduce(Value init, ArrayRef<AffineExpr> sizes, ReduceFn combine) {
  SmallVector<OpFoldResult> extents;
  for (AffineExpr extent : sizes)
    extents.push_back(getAsOpFoldResult(size(extent)));
  return reduceOver(*this, init, extents, combine);
}

Value KernelEmitter::fill(Value init, Value scalar) {
  return linalg::FillOp::create(b, loc, scalar, init).getResult(0);
}

SmallVector<Value> KernelEmitter::inOrder(Value begin, Value end, ValueRange inits, OrderFn body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, index(1), inits, [](OpBuilder &, Location, Value, ValueRange) {});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(b, loc, body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return loop.getResults();
}

SmallVector<Value> KernelEmitter::inOrder(ArrayRef<AffineExpr> sizes, ValueRange inits, OrderFn body) {
  SmallVector<Value> ivs;
  std::function<SmallVector<Value>(ValueRange)> nest = [&](ValueRange carried) -> SmallVector<Value> {
    if (ivs.size() == sizes.size())
      return body(ivs, carried);
    return inOrder(index(0), size(sizes[ivs.size()]), carried, [&](ValueRange iv, ValueRange inner) {
      ivs.push_back(iv.front());
      SmallVector<Value> next = nest(inner);
      ivs.pop_back();
      return next;
    });
  };
  return nest(inits);
}

SmallVector<Value> KernelEmitter::repeatWhile(ValueRange inits, PartsFn condition,
                                              llvm::function_ref<SmallVector<Value>(ValueRange)> body) {
  auto loop = scf::WhileOp::create(b, loc, TypeRange(inits), inits);
  SmallVector<Location> locations(inits.size(), loc);
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, TypeRange(inits), locations);
  scf::ConditionOp::create(b, loc, condition(before->getArguments()), before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, TypeRange(inits), locations);
  scf::YieldOp::create(b, loc, body(after->getArguments()));
  return loop.getResults();
}

Value KernelEmitter::forEach(ArrayRef<OpFoldResult> bounds, Value init, PartFn part) {
  auto forall = scf::ForallOp::create(b, loc, bounds, init, std::nullopt, [](OpBuilder &b, Location loc, ValueRange) {
    scf::InParallelOp::create(b, loc);
  });
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(forall.getTerminator());
  Value out = forall.getRegionIterArgs()[0];
  Part result = part(forall.getInductionVars(), out);
  b.setInsertionPointToEnd(forall.getTerminator().getBody());
  result.strides.resize(result.offsets.size(), b.getIndexAttr(1));
  tensor::ParallelInsertSliceOp::create(b, loc, result.value, out, result.offsets, result.sizes, result.strides);
  return forall.getResult(0);
}

Value KernelEmitter::forEachSlice(Value init, ArrayRef<int64_t> dims, SliceFn slice) {
  if (dims.empty())
    return slice({}, init);
  auto type = cast<RankedTensorType>(init.getType());
  SmallVector<OpFoldResult> bounds, sizes, strides(type.getRank(), b.getIndexAttr(1));
  SmallVector<int64_t> sliceShape;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    OpFoldResult extent = tensor::getMixedSize(b, loc, init, d);
    bool split = llvm::is_contained(dims, d);
    sizes.push_back(split ? b.getIndexAttr(1) : extent);
    if (!split)
      sliceShape.push_back(type.getDimSize(d));
  }
  for (int64_t d : dims)
    bounds.push_back(tensor::getMixedSize(b, loc, init, d));
  auto sliceType = RankedTensorType::get(sliceShape, type.getElementType());
  return forEach(bounds, init, [&](ValueRange position, Value destination) -> Part {
    SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
    for (auto [d, iv] : llvm::zip_equal(dims, position))
      offsets[d] = iv;
    Value part = tensor::ExtractSliceOp::create(b, loc, sliceType, destination, offsets, sizes, strides);
    return {slice(position, part), offsets, sizes};
  });
}

Value KernelEmitter::forEachLine(Value init, int64_t axis, SliceFn line) {
  SmallVector<int64_t> others = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(init)));
  others.erase(others.begin() + axis);
  return forEachSlice(init, others, line);
}

SmallVector<Value> lepton::inLine(ValueRange position, int64_t axis, Value along) {
  SmallVector<Value> indices(position);
  indices.insert(indices.begin() + axis, along);
  return indices;
}

Value KernelEmitter::finish(Value init, Value result, ValueRange offsets, ElementFn own, ArrayRef<int64_t> strides) {
  Value last = finals.contains(result) ? finals.lookup(result) : result;
  return map(init, elementTypeOf(last), [&](ValueRange indices) {
    SmallVector<Value> global(indices);
    for (auto [i, offset] : llvm::enumerate(offsets))
      global[i] = add(strides.empty() || strides[i] == 1 ? indices[i] : mul(indices[i], index(strides[i])), offset);
    elements[result] = [&](ValueRange) { return own(indices); };
    Value value = load(last, global);
    elements.erase(result);
    return value;
  });
}

Value KernelEmitter::part(Value number, bool isImaginary) {
  return isImaginary ? b.createOrFold<complex::ImOp>(loc, number) : b.createOrFold<complex::ReOp>(loc, number);
}

Value KernelEmitter::forEachPart(ValueRange numbers, PartsFn function) {
  Type type = numbers.front().getType();
  if (!isa<ComplexType>(type))
    return function(numbers);
  Value results[2];
  for (bool isImaginary : {false, true}) {
    SmallVector<Value> parts;
    for (Value number : numbers)
      parts.push_back(part(number, isImaginary));
    results[isImaginary] = function(parts);
  }
  return complex::CreateOp::create(b, loc, type, results[0], results[1]);
}

Value KernelEmitter::accumulate(Value accumulator, Value term) {
  if (isa<ComplexType>(term.getType()))
    return forEachPart({accumulator, term}, [&](ValueRange parts) { return accumulate(parts[0], parts[1]); });
  if (!isa<FloatType>(term.getType()))
    return add(accumulator, term);
  auto flags =
      arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::reassoc | arith::FastMathFlags::contract);
  return arith::AddFOp::create(b, loc, accumulator, term, flags);
}

Value KernelEmitter::product(Value l, Value r) {
  if (isa<ComplexType>(l.getType()))
    return complex::MulOp::create(b, loc, l, r);
  if (!isa<FloatType>(l.getType()))
    return mul(l, r);
  auto flags = arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::contract);
  return arith::MulFOp::create(b, loc, l, r, flags);
}

void lepton::forEachTap(ArrayRef<int64_t> kernel, llvm::function_ref<void(ArrayRef<int64_t>)> tap) {
  SmallVector<int64_t> position(kernel.size(), 0);
  int64_t count = llvm::product_of(kernel);
  for (int64_t i = 0; i < count; ++i) {
    tap(position);
    for (int64_t d = kernel.size() - 1; d >= 0 && ++position[d] == kernel[d]; --d)
      position[d] = 0;
  }
}
