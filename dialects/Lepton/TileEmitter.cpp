//===- TileEmitter.cpp - tiles of contractions ----------------------------------------------------------------------===//

#include "dialects/Lepton/TileEmitter.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

Type lepton::contractionResultType(OpBuilder &b, Type elementType) {
  const bool isNarrow = isa<IntegerType>(elementType) &&
                        (elementType.getIntOrFloatBitWidth() == 8 || elementType.getIntOrFloatBitWidth() == 16);
  return isNarrow ? b.getI32Type() : elementType;
}

Type lepton::sumType(OpBuilder &b, Type elementType) {
  auto floatType = dyn_cast<FloatType>(elementType);
  if (floatType && floatType.getWidth() < 32)
    return b.getF32Type();
  return KernelEmitter::scalarType(contractionResultType(b, elementType));
}

int64_t lepton::tileRows(KernelEmitter &e) {
  Operation *parent = e.b.getInsertionBlock()->getParentOp();
  auto kernel = isa<func::FuncOp>(parent) ? cast<func::FuncOp>(parent) : parent->getParentOfType<func::FuncOp>();
  auto given = kernel ? kernel->getAttrOfType<IntegerAttr>("lepton.tile_rows") : IntegerAttr();
  return given ? given.getInt() : standardTileRows;
}

int64_t lepton::largestDivisor(int64_t count, int64_t most) {
  int64_t best = 1;
  for (int64_t d = 1; d <= std::min(count, most); ++d)
    if (count % d == 0)
      best = d;
  return best;
}

int64_t lepton::pickTile(AffineExpr size, int64_t target) {
  auto value = ShapeAnalysis::constantValue(size);
  if (!value)
    return target;
  if (*value <= target)
    return std::max<int64_t>(*value, 1);
  for (int64_t tile = target; tile > target / 2; --tile)
    if (*value % tile == 0)
      return tile;
  return target;
}

std::pair<Value, OpFoldResult> lepton::tileRange(KernelEmitter &e, Value iv, AffineExpr size, int64_t tile) {
  Value offset = e.mul(iv, e.index(tile));
  auto value = ShapeAnalysis::constantValue(size);
  if (value && *value % tile == 0)
    return {offset, e.b.getIndexAttr(tile)};
  Value rest = e.sub(e.size(size), offset);
  return {offset, getAsOpFoldResult(e.b.createOrFold<arith::MinSIOp>(e.loc, rest, e.index(tile)))};
}

Value lepton::contract(KernelEmitter &e, Value lhs, Value rhs, Value acc, ArrayRef<AffineMap> maps, int64_t parallel,
                       Type lhsElement, Type rhsElement) {
  int64_t all = maps[0].getNumDims();
  SmallVector<utils::IteratorType> iterators(parallel, utils::IteratorType::parallel);
  iterators.append(all - parallel, utils::IteratorType::reduction);
  auto op = linalg::GenericOp::create(
      e.b, e.loc, acc.getType(), ValueRange{lhs, rhs}, acc, maps, iterators,
      [&](OpBuilder &, Location, ValueRange args) {
        Type type = args[2].getType();
        auto widen = [&](Value x, Type element) {
          return x.getType() == type ? x : emitCast(e, e.fromStorage(x, element), element, type);
        };
        OpBuilder::InsertionGuard guard(e.b);
        e.b.setInsertionPointToEnd(args[0].getParentBlock());
        Value sum = e.accumulate(args[2], e.product(widen(args[0], lhsElement), widen(args[1], rhsElement)));
        linalg::YieldOp::create(e.b, e.loc, sum);
      });
  op->setAttr("lepton.contraction", e.b.getUnitAttr());
  return op.getResult(0);
}

Value lepton::slice(KernelEmitter &e, Value tensor, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
                    ArrayRef<bool> drop, ArrayRef<OpFoldResult> given) {
  SmallVector<OpFoldResult> strides(given);
  strides.resize(offsets.size(), e.b.getIndexAttr(1));
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape;
  for (auto [size, dropped] : llvm::zip_equal(sizes, drop))
    if (!dropped)
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  return tensor::ExtractSliceOp::create(e.b, e.loc, RankedTensorType::get(shape, type.getElementType()), tensor,
                                        offsets, sizes, strides);
}

Value lepton::batchMatrix(KernelEmitter &e, Value operand, ArrayRef<AffineExpr> batchSizes, ValueRange position,
                          std::pair<Value, OpFoldResult> rows, std::pair<Value, OpFoldResult> columns, bool isVector) {
  const SmallVector<AffineExpr> shape = e.shapes.shape(operand);
  int64_t batch = std::max<int64_t>(int64_t(shape.size()) - 2, 0);
  SmallVector<OpFoldResult> offsets, sizes;
  SmallVector<bool> drop;
  for (int64_t d = 0; d < batch; ++d) {
    int64_t at = int64_t(position.size()) - batch + d;
    Value index = position[at];
    if (ShapeAnalysis::constantValue(shape[d]) == 1)
      index = e.index(0);
    else if (shape[d] != batchSizes[at] && !ShapeAnalysis::constantValue(shape[d]))
      index = e.select(e.compare(arith::CmpIPredicate::eq, e.size(shape[d]), e.index(1)), e.index(0), index);
    offsets.push_back(index);
    sizes.push_back(e.b.getIndexAttr(1));
    drop.push_back(true);
  }
  if (!isVector || shape.size() > 1) {
    offsets.push_back(rows.first);
    sizes.push_back(rows.second);
    drop.push_back(false);
  }
  offsets.push_back(columns.first);
  sizes.push_back(columns.second);
  drop.push_back(false);
  return slice(e, e.tensor(operand), offsets, sizes, drop);
}

Value lepton::accumulatorTile(KernelEmitter &e, Type type, ArrayRef<int64_t> capacity, ArrayRef<OpFoldResult> sizes) {
  Value memory = tensor::EmptyOp::create(e.b, e.loc, capacity, type);
  SmallVector<OpFoldResult> offsets(capacity.size(), e.b.getIndexAttr(0));
  Value tile = slice(e, memory, offsets, sizes, SmallVector<bool>(capacity.size(), false));
  return e.fill(tile, e.scalar(type, 0));
}

Value lepton::fromAccumulator(KernelEmitter &e, Value acc, ValueRange indices, Value result) {
  Value sum = tensor::ExtractOp::create(e.b, e.loc, acc, indices);
  Type element = elementTypeOf(result);
  return isa<FloatType>(element) ? emitCast(e, sum, sum.getType(), element) : sum;
}

OpFoldResult lepton::reachOf(KernelEmitter &e, OpFoldResult count, int64_t stride, Value reach) {
  Value steps = e.sub(getValueOrCreateConstantIndexOp(e.b, e.loc, count), e.index(1));
  return getAsOpFoldResult(e.add(e.mul(steps, e.index(stride)), reach));
}

KernelEmitter::Part lepton::writeTile(KernelEmitter &e, Value result, Value destination, Value sums, ValueRange start,
                                      ArrayRef<OpFoldResult> sizes, ArrayRef<int64_t> steps) {
  SmallVector<OpFoldResult> offsets(start.begin(), start.end()), strides;
  for (int64_t step : steps)
    strides.push_back(e.b.getIndexAttr(step));
  Value part = slice(e, destination, offsets, sizes, SmallVector<bool>(offsets.size(), false), strides);
  Value written = e.finish(
      part, result, start,
      [&](ValueRange local) { return fromAccumulator(e, sums, local.take_back(rankOf(sums)), result); }, steps);
  return {written, offsets, llvm::to_vector(sizes), strides};
}
