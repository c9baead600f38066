//===- PadOps.cpp - elements added at the ends of dimensions ---------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/TileEmitter.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

SmallVector<AffineExpr> PadOp::getPadsBefore(ShapeAnalysis &shapes) {
  SmallVector<AffineExpr> before(rankOf(getInput()), shapes.constant(0));
  for (auto [i, axis] : llvm::enumerate(getAxes()))
    before[axis] = shapes.element(getPads(), i);
  return before;
}

LogicalResult PadOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims = shapes.shape(getInput());
  int64_t count = getAxes().size();
  auto type = cast<RankedTensorType>(getPads().getType());
  if (type.getRank() != 1 || type.getDimSize(0) != 2 * count)
    return emitOpError() << "needs " << 2 * count << " pads for " << count << " axes, got " << type;
  for (auto [i, axis] : llvm::enumerate(getAxes())) {
    if (axis < 0 || axis >= int64_t(dims.size()))
      return emitOpError() << "has the axis " << axis << " out of range for rank " << dims.size();
    dims[axis] = shapes.sum({dims[axis], shapes.element(getPads(), i), shapes.element(getPads(), count + i)});
    if (auto size = ShapeAnalysis::constantValue(dims[axis]); size && *size < 0)
      return emitOpError() << "removes more than there is along axis " << axis;
  }
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

/// Position in the input of padded position `p` (input coordinates, possibly outside).
static Value sourcePosition(KernelEmitter &e, PadMode mode, Value p, Value size) {
  Value zero = e.index(0), last = e.sub(size, e.index(1));
  auto &b = e.b;
  auto positiveRemainder = [&](Value x, Value m) {
    Value safe = b.createOrFold<arith::MaxSIOp>(e.loc, m, e.index(1));
    Value rest = b.createOrFold<arith::RemSIOp>(e.loc, x, safe);
    return e.select(e.compare(arith::CmpIPredicate::slt, rest, zero), e.add(rest, safe), rest);
  };
  if (mode == PadMode::reflect) { // period 2 * (size - 1)
    Value rest = positiveRemainder(p, e.mul(last, e.index(2)));
    Value mirrored = e.sub(e.mul(last, e.index(2)), rest);
    p = e.select(e.compare(arith::CmpIPredicate::sgt, rest, last), mirrored, rest);
  } else if (mode == PadMode::wrap) {
    p = positiveRemainder(p, size);
  }
  p = b.createOrFold<arith::MinSIOp>(e.loc, p, last);
  return b.createOrFold<arith::MaxSIOp>(e.loc, p, zero);
}

/// What constant padding holds.
static Value padding(KernelEmitter &e, PadOp op) {
  return op.getValue() ? e.loadScalar(op.getValue())
                       : e.scalar(KernelEmitter::scalarType(elementTypeOf(op.getInput())), 0);
}

Value PadOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  SmallVector<AffineExpr> before = getPadsBefore(e.shapes), sizes = e.shapes.shape(getInput());
  SmallVector<Value> source(indices);
  Value inside;
  for (int64_t axis : getAxes()) {
    Value size = e.size(sizes[axis]), p = e.sub(indices[axis], e.size(before[axis]));
    if (getMode() == PadMode::constant) {
      Value here = e.isInside(p, size);
      inside = inside ? e.b.createOrFold<arith::AndIOp>(e.loc, inside, here) : here;
    }
    source[axis] = sourcePosition(e, getMode(), p, size);
  }
  Value value = e.load(getInput(), source);
  if (!inside)
    return value;
  return e.select(inside, value, padding(e, *this));
}

std::optional<std::pair<SmallVector<int64_t>, SmallVector<int64_t>>> PadOp::getFrame(ShapeAnalysis &shapes) {
  SmallVector<int64_t> first(rankOf(getInput()), 0), last(first);
  for (auto [i, axis] : llvm::enumerate(getAxes())) {
    auto begin = ShapeAnalysis::constantValue(shapes.element(getPads(), i)),
         end = ShapeAnalysis::constantValue(shapes.element(getPads(), getAxes().size() + i));
    if (!begin || !end || *begin < 0 || *end < 0)
      return std::nullopt;
    first[axis] = *begin;
    last[axis] = *end;
  }
  return std::make_pair(first, last);
}

Value PadOp::emitFramed(KernelEmitter &e, Value init, llvm::function_ref<Value(Value)> inside) {
  const auto [first, last] = *getFrame(e.shapes);
  const SmallVector<AffineExpr> sizes = e.shapes.shape(getInput()), padded = e.shapes.shape(getResult());
  const int64_t rank = rankOf(getInput());
  SmallVector<OpFoldResult> offsets(rank, e.b.getIndexAttr(0)), extents, strides(rank, e.b.getIndexAttr(1));
  for (AffineExpr size : padded)
    extents.push_back(getAsOpFoldResult(e.size(size)));
  auto write = [&](llvm::function_ref<Value(Value)> part) {
    Value written = part(slice(e, init, offsets, extents, SmallVector<bool>(rank, false)));
    init = tensor::InsertSliceOp::create(e.b, e.loc, written, init, offsets, extents, strides);
  };
  auto border = [&](ValueRange local) {
    if (getMode() == PadMode::constant)
      return padding(e, *this);
    SmallVector<Value> indices(local);
    for (auto [index, offset] : llvm::zip_equal(indices, offsets))
      index = e.add(index, getValueOrCreateConstantIndexOp(e.b, e.loc, offset));
    return emitElement(e, 0, indices);
  };
  for (int64_t axis : getAxes()) {
    const std::pair<AffineExpr, int64_t> borders[] = {{e.shapes.constant(0), first[axis]},
                                                      {sizes[axis] + first[axis], last[axis]}};
    for (auto [start, count] : borders) {
      if (count == 0)
        continue;
      offsets[axis] = getAsOpFoldResult(e.size(start));
      extents[axis] = e.b.getIndexAttr(count);
      write([&](Value part) { return e.map(part, elementTypeOf(getResult()), border); });
    }
    offsets[axis] = e.b.getIndexAttr(first[axis]);
    extents[axis] = getAsOpFoldResult(e.size(sizes[axis]));
  }
  write(inside);
  return init;
}

Value PadOp::emitResult(KernelEmitter &e, unsigned, Value init) {
  const Type type = elementTypeOf(getResult());
  if (!getFrame(e.shapes))
    return e.map(init, type, [&](ValueRange indices) { return emitElement(e, 0, indices); });
  return emitFramed(e, init, [&](Value part) {
    return e.map(part, type, [&](ValueRange local) { return e.load(getInput(), local); });
  });
}
