//===- ContractionOps.cpp - matrix products, convolutions and pooling ---------------------------------------------------===//
//
// Every contraction becomes tiles: a small accumulator per tile, one mul-add `linalg.generic` into it over the whole reduction, and the ops
// fused after it applied when the tile is written. The generic is what the vectorizer turns into a register-blocked micro-kernel.
//
//===----------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/AttentionEmitter.h"
#include "dialects/Lepton/TileEmitter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

/// Columns of a tile of an unpacked right operand.
static constexpr int64_t columnsPerTile = 64;

//===----------------------------------------------------------------------------------------------------------------------===//
// MatMul
//===----------------------------------------------------------------------------------------------------------------------===//

LogicalResult MatMulOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> l = shapes.shape(getLhs()), r = shapes.shape(getRhs());
  if (l.empty() || r.empty())
    return emitOpError() << "needs operands of at least one dimension";
  AffineExpr kl = l.back(), kr = r.size() == 1 ? r[0] : r[r.size() - 2];
  if (!shapes.requireEqual(kl, kr))
    return emitOpError() << "operands differ in the inner dimension: " << getLhs().getType() << " and "
                         << getRhs().getType();
  SmallVector<AffineExpr> lb(l.begin(), l.end() - std::min<size_t>(l.size(), 2)),
      rb(r.begin(), r.end() - std::min<size_t>(r.size(), 2)), dims;
  int64_t rank = std::max(lb.size(), rb.size());
  for (int64_t i = 0; i < rank; ++i) {
    int64_t li = i - (rank - int64_t(lb.size())), ri = i - (rank - int64_t(rb.size()));
    AffineExpr one = shapes.constant(1), size = shapes.broadcast(li >= 0 ? lb[li] : one, ri >= 0 ? rb[ri] : one);
    if (!size)
      return emitOpError() << "batch dimensions do not broadcast: " << getLhs().getType() << " and "
                           << getRhs().getType();
    dims.push_back(size);
  }
  if (l.size() > 1)
    dims.push_back(l[l.size() - 2]);
  if (r.size() > 1)
    dims.push_back(r.back());
  OpBuilder b(getContext());
  results.push_back({contractionResultType(b, elementTypeOf(getLhs())), dims});
  return success();
}

/// Products of elements of both operands, summed with the operand types' rules. Where `inside` is given and does not hold, the element of the left one is 0.
static Value productTerm(KernelEmitter &e, Value x, Type xElement, Value w, Type wElement, Type type,
                         Value inside = {}) {
  x = emitCast(e, x, xElement, type);
  if (inside) // not of the product, which would keep it from being added in one instruction
    x = e.select(inside, x, e.scalar(type, 0));
  return e.product(x, emitCast(e, w, wElement, type));
}

/// One sum per result element, which is how a GPU's threads share out a product.
static SmallVector<Value> emitByElements(KernelEmitter &e, MatMulOp op, ValueRange inits) {
  Value lhs = op.getLhs(), rhs = op.getRhs();
  Type lhsElement = elementTypeOf(lhs), rhsElement = elementTypeOf(rhs), type = sumType(e.b, lhsElement);
  const bool lhsVector = rankOf(lhs) == 1, rhsVector = rankOf(rhs) == 1;
  SmallVector<AffineExpr> sizes = e.shapes.shape(op.getResult());
  const AffineExpr depth = e.shapes.shape(lhs).back();
  const size_t batch = sizes.size() - !lhsVector - !rhsVector;
  // An operand's element: its batch dimensions broadcast, the last ones are the row or column and the depth.
  auto load = [&](Value operand, ValueRange out, ValueRange matrix) {
    SmallVector<AffineExpr> whole(ArrayRef(sizes).take_front(batch));
    SmallVector<Value> indices(out.take_front(batch));
    llvm::append_range(whole, ArrayRef(e.shapes.shape(operand)).take_back(matrix.size()));
    llvm::append_range(indices, matrix);
    return e.loadBroadcast(operand, whole, indices);
  };
  Value init = e.fill(e.temporary(sizes, type), e.scalar(type, 0));
  Value sums = e.reduce(init, depth, [&](ValueRange out, ValueRange k, Value accumulator) -> Value {
    SmallVector<Value> l = {k[0]}, r = {k[0]};
    if (!lhsVector)
      l.insert(l.begin(), out[batch]);
    if (!rhsVector)
      r.push_back(out.back());
    return e.accumulate(accumulator,
                        productTerm(e, load(lhs, out, l), lhsElement, load(rhs, out, r), rhsElement, type));
  });
  return {e.finish(inits[0], op.getResult(), {},
                   [&](ValueRange indices) { return fromAccumulator(e, sums, indices, op.getResult()); })};
}

SmallVector<Value> MatMulOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  if (SoftmaxOp weights = attentionWeights(e, *this))
    return emitAttention(e, *this, weights, inits);
  e.materialize(getLhs());
  e.materialize(getRhs());
  if (targetOf(*this).isGpu())
    return emitByElements(e, *this, inits);
  MLIRContext *context = getContext();
  Type lhsElement = elementTypeOf(getLhs()), rhsElement = elementTypeOf(getRhs()), type = sumType(e.b, lhsElement);
  bool lhsVector = rankOf(getLhs()) == 1, rhsVector = rankOf(getRhs()) == 1;
  SmallVector<AffineExpr> sizes = e.shapes.shape(getResult());
  AffineExpr k = e.shapes.shape(getLhs()).back();
  AffineExpr m = lhsVector ? e.shapes.constant(1) : *(e.shapes.shape(getLhs()).end() - 2),
             n = rhsVector ? e.shapes.constant(1) : e.shapes.shape(getRhs()).back();
  int64_t batch = sizes.size() - !lhsVector - !rhsVector;
  int64_t mt = pickTile(m, tileRows(e)), nt = pickTile(n, columnsPerTile);
  SmallVector<OpFoldResult> bounds;
  for (int64_t d = 0; d < batch; ++d)
    bounds.push_back(getAsOpFoldResult(e.size(sizes[d])));
  bounds.push_back(getAsOpFoldResult(e.size(tileCount(m, mt))));
  bounds.push_back(getAsOpFoldResult(e.size(tileCount(n, nt))));
  // Dimensions of the generic: [m] [n] k; those of a vector operand are missing.
  int64_t parallel = !lhsVector + !rhsVector;
  AffineExpr dm = getAffineDimExpr(0, context), dn = getAffineDimExpr(lhsVector ? 0 : 1, context),
             dk = getAffineDimExpr(parallel, context);
  SmallVector<AffineExpr> lhsDims, rhsDims, accDims;
  if (!lhsVector) {
    lhsDims.push_back(dm);
    accDims.push_back(dm);
  }
  lhsDims.push_back(dk);
  rhsDims.push_back(dk);
  if (!rhsVector) {
    rhsDims.push_back(dn);
    accDims.push_back(dn);
  }
  auto map = [&](ArrayRef<AffineExpr> dims) { return AffineMap::get(parallel + 1, 0, dims, context); };
  SmallVector<AffineMap> maps = {map(lhsDims), map(rhsDims), map(accDims)};
  return {e.forEach(bounds, inits[0], [&](ValueRange ivs, Value destination) -> KernelEmitter::Part {
    auto rows = tileRange(e, ivs[batch], m, mt), columns = tileRange(e, ivs[batch + 1], n, nt);
    std::pair<Value, OpFoldResult> inner = {e.index(0), getAsOpFoldResult(e.size(k))};
    ValueRange position = ivs.take_front(batch);
    Value lhs = batchMatrix(e, getLhs(), sizes, position, rows, inner, lhsVector);
    Value rhs = rhsVector ? slice(e, e.tensor(getRhs()), {e.b.getIndexAttr(0)}, {inner.second}, {false})
                          : batchMatrix(e, getRhs(), sizes, position, inner, columns, false);
    SmallVector<OpFoldResult> offsets(position.begin(), position.end()), extents(batch, e.b.getIndexAttr(1)), accSizes;
    SmallVector<int64_t> capacity;
    SmallVector<Value> start(position);
    SmallVector<bool> drop(batch, true);
    for (auto [present, range, tile] : {std::tuple(!lhsVector, rows, mt), std::tuple(!rhsVector, columns, nt)}) {
      if (!present)
        continue;
      offsets.push_back(range.first);
      extents.push_back(range.second);
      accSizes.push_back(range.second);
      capacity.push_back(tile);
      drop.push_back(false);
    }
    Value acc =
        contract(e, lhs, rhs, accumulatorTile(e, type, capacity, accSizes), maps, parallel, lhsElement, rhsElement);
    Value part = slice(e, destination, offsets, extents, SmallVector<bool>(offsets.size(), false));
    for (OpFoldResult offset : ArrayRef(offsets).drop_front(batch))
      start.push_back(cast<Value>(offset));
    Value result = e.finish(part, getResult(), start, [&](ValueRange local) {
      return fromAccumulator(e, acc, local.drop_front(batch), getResult());
    });
    return {result, offsets, extents};
  })};
}

//===----------------------------------------------------------------------------------------------------------------------===//
// PackedMatMul, PackBlocks
//===----------------------------------------------------------------------------------------------------------------------===//

LogicalResult PackedMatMulOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (rankOf(getLhs()) != 2 || rankOf(getRhs()) != 3)
    return emitOpError() << "needs a matrix and a blocked matrix of three dimensions, got " << getLhs().getType()
                         << " and " << getRhs().getType();
  if (!shapes.requireEqual(shapes.dim(getLhs(), 1), shapes.dim(getRhs(), 1)))
    return emitOpError() << "operands differ in the inner dimension: " << getLhs().getType() << " and "
                         << getRhs().getType();
  OpBuilder b(getContext());
  results.push_back(
      {contractionResultType(b, elementTypeOf(getLhs())), {shapes.dim(getLhs(), 0), shapes.constant(getN())}});
  return success();
}

/// Blocks of columns of one item of work. A few rows by one block would leave the multiply-adds waiting for their own results: at least 8 accumulators
/// hide that (a latency of 4 cycles on two ports).
static int64_t blocksPerItem(AffineExpr rows, int64_t blocks, int64_t vectorsPerBlock) {
  constexpr int64_t accumulators = 8;
  auto count = ShapeAnalysis::constantValue(rows);
  if (!count || *count * vectorsPerBlock >= accumulators)
    return 1;
  return largestDivisor(blocks, llvm::divideCeil(accumulators, std::max<int64_t>(*count * vectorsPerBlock, 1)));
}

/// Blocks of columns outermost read the right operand once, and the left one once per block, from L2 where it fits. Where it
/// does not, tiles of rows come first: there are more rows in a tile than columns in a block.
static bool hasRowsOutermost(AffineExpr rows, AffineExpr depth, Type element, TargetAttr target) {
  auto m = ShapeAnalysis::constantValue(rows), k = ShapeAnalysis::constantValue(depth);
  return m && k && *m * *k * elementBytes(element) > target.getL2();
}

SmallVector<Value> PackedMatMulOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  e.materialize(getLhs());
  e.materialize(getRhs());
  MLIRContext *context = getContext();
  Type lhsElement = elementTypeOf(getLhs()), rhsElement = elementTypeOf(getRhs()), type = sumType(e.b, lhsElement);
  AffineExpr m = e.shapes.dim(getLhs(), 0), k = e.shapes.dim(getLhs(), 1), n = e.shapes.constant(getN());
  auto rhsType = cast<RankedTensorType>(getRhs().getType());
  const int64_t block = rhsType.getDimSize(2), mt = pickTile(m, tileRows(e)),
                vectors = llvm::divideCeil(block, targetOf(*this).lanes(type)),
                blocks = blocksPerItem(m, rhsType.getDimSize(0), vectors);
  AffineExpr dm, db, dn, dk; // row, block, column in it, depth
  bindDims(context, dm, db, dn, dk);
  auto map = [&](ArrayRef<AffineExpr> dims) { return AffineMap::get(4, 0, dims, context); };
  SmallVector<AffineMap> maps = {map({dm, dk}), map({db, dk, dn}), map({dm, db, dn})};
  OpFoldResult zero = e.b.getIndexAttr(0), depth = getAsOpFoldResult(e.size(k)), width = e.b.getIndexAttr(block),
               count = e.b.getIndexAttr(blocks);
  SmallVector<OpFoldResult> bounds = {getAsOpFoldResult(e.size(tileCount(n, block * blocks))),
                                      getAsOpFoldResult(e.size(tileCount(m, mt)))};
  const bool rowsOutermost = hasRowsOutermost(m, k, lhsElement, targetOf(*this));
  if (rowsOutermost)
    std::swap(bounds[0], bounds[1]);
  return {e.forEach(bounds, inits[0], [&](ValueRange ivs, Value destination) -> KernelEmitter::Part {
    auto [row, column] = rowsOutermost ? std::pair(ivs[0], ivs[1]) : std::pair(ivs[1], ivs[0]);
    auto rows = tileRange(e, row, m, mt), columns = tileRange(e, column, n, block * blocks);
    Value lhs = slice(e, e.tensor(getLhs()), {rows.first, zero}, {rows.second, depth}, {false, false});
    Value first = e.mul(column, e.index(blocks));
    Value rhs = slice(e, e.tensor(getRhs()), {first, zero, zero}, {count, depth, width}, {false, false, false});
    Value acc = contract(e, lhs, rhs, accumulatorTile(e, type, {mt, blocks, block}, {rows.second, count, width}), maps,
                         3, lhsElement, rhsElement);
    acc = tensor::CollapseShapeOp::create(e.b, e.loc, acc, ArrayRef<ReassociationIndices>{{0}, {1, 2}});
    SmallVector<OpFoldResult> offsets = {rows.first, columns.first}, sizes = {rows.second, columns.second};
    Value part = slice(e, destination, offsets, sizes, {false, false});
    Value result = e.finish(part, getResult(), {rows.first, columns.first},
                            [&](ValueRange local) { return fromAccumulator(e, acc, local, getResult()); });
    return {result, offsets, sizes};
  })};
}

LogicalResult PackBlocksOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims = shapes.shape(getInput());
  if (getAxis() >= dims.size() || int64_t(getBlock()) < 1)
    return emitOpError() << "has the axis " << getAxis() << " or the block " << getBlock() << " out of range";
  dims[getAxis()] = tileCount(dims[getAxis()], getBlock());
  dims.push_back(shapes.constant(getBlock()));
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

Value PackBlocksOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  int64_t axis = getAxis();
  SmallVector<Value> source(indices.drop_back());
  Value position = e.add(e.mul(indices[axis], e.index(getBlock())), indices.back());
  auto isWhole = [&](int64_t size) { return !ShapedType::isDynamic(size) && size % int64_t(getBlock()) == 0; };
  if (isWhole(cast<RankedTensorType>(getInput().getType()).getDimSize(axis))) {
    source[axis] = position;
    return e.load(getInput(), source);
  }
  Value size = e.dim(getInput(), axis), inside = e.compare(arith::CmpIPredicate::slt, position, size);
  source[axis] = e.select(inside, position, e.index(0));
  return e.select(inside, e.load(getInput(), source),
                  e.scalar(KernelEmitter::scalarType(elementTypeOf(getInput())), 0));
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------------------------------------------------------===//

LogicalResult ConvOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> x = shapes.shape(getInput()), w = shapes.shape(getFilter());
  int64_t spatial = int64_t(x.size()) - 2, group = getGroup();
  if (x.size() != w.size())
    return emitOpError() << "input and filter differ in rank: " << getInput().getType() << " and "
                         << getFilter().getType();
  if (failed(checkWindow(*this, spatial, getStrides(), getDilations(), getPads(), true)))
    return failure();
  if (group < 1)
    return emitOpError() << "has group " << group << "; it must be at least 1";
  if (!shapes.requireEqual(x[1], w[1] * group))
    return emitOpError() << "has " << *ShapeAnalysis::constantValue(x[1]) << " input channels, but the filter takes "
                         << *ShapeAnalysis::constantValue(w[1]) << " in each of " << group << " groups";
  if (!shapes.requireEqual(w[0] % group, shapes.constant(0)))
    return emitOpError() << "has " << *ShapeAnalysis::constantValue(w[0])
                         << " output channels, which do not divide into " << group << " groups";
  SmallVector<AffineExpr> dims = {x[0], w[0]};
  for (int64_t i = 0; i < spatial; ++i)
    dims.push_back(windowCount(shapes, x[2 + i] + getPads()[i] + getPads()[spatial + i], w[2 + i], getStrides()[i],
                               getDilations()[i]));
  for (int64_t i = 0; i < spatial; ++i)
    if (auto size = ShapeAnalysis::constantValue(dims[2 + i]); size && *size < 1)
      return emitOpError() << "filter is larger than the padded input along spatial dimension " << i;
  OpBuilder b(getContext());
  results.push_back({contractionResultType(b, elementTypeOf(getInput())), dims});
  return success();
}

/// The plain form, used where no layout was assigned: one sum per result element.
SmallVector<Value> ConvOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  SmallVector<AffineExpr> x = e.shapes.shape(getInput()), w = e.shapes.shape(getFilter()),
                          y = e.shapes.shape(getResult());
  int64_t spatial = x.size() - 2;
  Type xElement = elementTypeOf(getInput()), wElement = elementTypeOf(getFilter()), type = sumType(e.b, xElement);
  Value channelsPerGroup = e.size(w[1]),
        outputsPerGroup = e.b.createOrFold<arith::DivUIOp>(e.loc, e.size(w[0]), e.index(getGroup()));
  Value init = e.fill(e.temporary(y, type), e.scalar(type, 0));
  Value sums =
      e.reduce(init, ArrayRef(w).drop_front(), [&](ValueRange out, ValueRange tap, Value accumulator) -> Value {
        Value group = getGroup() == 1 ? e.index(0) : e.b.createOrFold<arith::DivUIOp>(e.loc, out[1], outputsPerGroup);
        SmallVector<Value> source = {out[0], e.add(e.mul(group, channelsPerGroup), tap[0])}, filter = {out[1]};
        filter.append(tap.begin(), tap.end());
        Value inside;
        for (int64_t i = 0; i < spatial; ++i) {
          Value p = e.add(e.mul(out[2 + i], e.index(getStrides()[i])), e.mul(tap[1 + i], e.index(getDilations()[i])));
          if (getPads()[i] == 0 && getPads()[spatial + i] == 0) {
            source.push_back(p);
            continue;
          }
          p = e.sub(p, e.index(getPads()[i]));
          Value here = e.isInside(p, e.size(x[2 + i]));
          inside = inside ? e.b.createOrFold<arith::AndIOp>(e.loc, inside, here) : here;
          source.push_back(e.select(here, p, e.index(0)));
        }
        return e.accumulate(accumulator, productTerm(e, e.load(getInput(), source), xElement,
                                                     e.load(getFilter(), filter), wElement, type, inside));
      });
  return {e.finish(inits[0], getResult(), {},
                   [&](ValueRange indices) { return fromAccumulator(e, sums, indices, getResult()); })};
}

LogicalResult ConvTransposeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> x = shapes.shape(getInput()), w = shapes.shape(getFilter());
  int64_t spatial = int64_t(x.size()) - 2;
  if (x.size() != w.size())
    return emitOpError() << "input and filter differ in rank: " << getInput().getType() << " and "
                         << getFilter().getType();
  if (failed(checkWindow(*this, spatial, getStrides(), getDilations(), getPads(), true)))
    return failure();
  if (int64_t(getGroup()) < 1)
    return emitOpError() << "has group " << int64_t(getGroup()) << "; it must be at least 1";
  if (!shapes.requireEqual(x[1], w[0]))
    return emitOpError() << "has " << *ShapeAnalysis::constantValue(x[1]) << " input channels, but the filter takes "
                         << *ShapeAnalysis::constantValue(w[0]);
  if (!shapes.requireEqual(x[1] % getGroup(), shapes.constant(0)))
    return emitOpError() << "has " << *ShapeAnalysis::constantValue(x[1])
                         << " input channels, which do not divide into " << getGroup() << " groups";
  SmallVector<AffineExpr> dims = {x[0], w[1] * getGroup()};
  for (int64_t i = 0; i < spatial; ++i)
    dims.push_back((x[2 + i] - 1) * getStrides()[i] + getOutputPadding()[i] + (w[2 + i] - 1) * getDilations()[i] + 1 -
                   getPads()[i] - getPads()[spatial + i]);
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

/// Gathers: the taps whose position in the input is whole contribute.
SmallVector<Value> ConvTransposeOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  SmallVector<AffineExpr> x = e.shapes.shape(getInput()), w = e.shapes.shape(getFilter()),
                          y = e.shapes.shape(getResult());
  int64_t spatial = x.size() - 2;
  Type element = elementTypeOf(getInput()), type = sumType(e.b, element);
  Value outputsPerGroup = e.size(w[1]),
        channelsPerGroup = e.b.createOrFold<arith::DivUIOp>(e.loc, e.size(x[1]), e.index(getGroup()));
  AffineExpr channels = e.shapes.exactDiv(x[1], e.shapes.constant(getGroup()));
  SmallVector<AffineExpr> taps = {channels};
  taps.append(w.begin() + 2, w.end());
  Value init = e.fill(e.temporary(y, type), e.scalar(type, 0));
  Value sums = e.reduce(init, taps, [&](ValueRange out, ValueRange tap, Value accumulator) -> Value {
    Value group = getGroup() == 1 ? e.index(0) : e.b.createOrFold<arith::DivUIOp>(e.loc, out[1], outputsPerGroup);
    Value channel = e.add(e.mul(group, channelsPerGroup), tap[0]);
    SmallVector<Value> source = {out[0], channel}, filter = {channel, e.sub(out[1], e.mul(group, outputsPerGroup))};
    filter.append(tap.begin() + 1, tap.end());
    Value inside = arith::ConstantIntOp::create(e.b, e.loc, 1, 1);
    for (int64_t i = 0; i < spatial; ++i) {
      Value stride = e.index(getStrides()[i]);
      Value p = e.sub(e.add(out[2 + i], e.index(getPads()[i])), e.mul(tap[1 + i], e.index(getDilations()[i])));
      Value whole = e.compare(arith::CmpIPredicate::eq, e.b.createOrFold<arith::RemSIOp>(e.loc, p, stride), e.index(0));
      Value position = e.b.createOrFold<arith::DivSIOp>(e.loc, p, stride);
      Value positive = e.compare(arith::CmpIPredicate::sge, p, e.index(0));
      Value here = e.b.createOrFold<arith::AndIOp>(e.loc, e.b.createOrFold<arith::AndIOp>(e.loc, whole, positive),
                                                   e.isInside(position, e.size(x[2 + i])));
      inside = e.b.createOrFold<arith::AndIOp>(e.loc, inside, here);
      source.push_back(e.select(here, position, e.index(0)));
    }
    return e.accumulate(accumulator, productTerm(e, e.load(getInput(), source), element, e.load(getFilter(), filter),
                                                 element, type, inside));
  });
  return {e.finish(inits[0], getResult(), {},
                   [&](ValueRange indices) { return fromAccumulator(e, sums, indices, getResult()); })};
}
