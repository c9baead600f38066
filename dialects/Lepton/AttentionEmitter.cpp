//===- AttentionEmitter.cpp - products of a softmax, row by row -------------------------------------------------------===//
//
// softmax(f(Q K^T)) V, where f is what stands between the product and the softmax: scale, mask, bias. An item of work takes some rows of one head through all
// of it, so that the matrix of scores never lies in memory as a whole: only the rows of an item do, in the cache. (Dao et al., "FlashAttention", 2022, cut the
// columns as well, for memories that do not hold a row.)
//
//===------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/AttentionEmitter.h"
#include "dialects/Lepton/TileEmitter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

/// The scores of an item: they share the first levels of the cache with what they are computed from.
static constexpr int64_t scoreBytes = 64 << 10;
/// Fewer rows would leave registers of a product unused.
static constexpr int64_t fewestRows = 16;
/// Rows for a block of a GPU's threads: with few, there are blocks enough.
static constexpr int64_t rowsOfBlock = 8;

SoftmaxOp lepton::attentionWeights(KernelEmitter &e, MatMulOp product) {
  return e.tensor(product.getLhs()) ? SoftmaxOp() : product.getLhs().getDefiningOp<SoftmaxOp>();
}

namespace {

struct Attention {
  KernelEmitter &e;
  MatMulOp values;
  SoftmaxOp weights;
  MatMulOp scores = scoresOf(values); // null: something else gives the softmax its rows

  SmallVector<AffineExpr> sizes = e.shapes.shape(values.getResult());
  const int64_t batch = int64_t(sizes.size()) - 2;
  AffineExpr keys = e.shapes.shape(weights.getInput()).back();
  const int64_t rowsPerItem = pickTile(sizes[batch], targetOf(values).isGpu() ? rowsOfBlock : rowsFor(keys));

  SmallVector<Value> emit(ValueRange inits) {
    e.materialize(values.getRhs());
    if (scores) {
      e.materialize(scores.getLhs());
      e.materialize(scores.getRhs());
    }
    SmallVector<OpFoldResult> bounds;
    for (AffineExpr size : ArrayRef(sizes).drop_back(2))
      bounds.push_back(getAsOpFoldResult(e.size(size)));
    bounds.push_back(getAsOpFoldResult(e.size(tileCount(sizes[batch], rowsPerItem))));
    return {e.forEach(bounds, inits[0], [&](ValueRange ivs, Value destination) -> KernelEmitter::Part {
      auto rows = tileRange(e, ivs.back(), sizes[batch], rowsPerItem);
      ValueRange position = ivs.drop_back();
      Value sums = multiply(values, weightRows(position, rows), position);
      SmallVector<OpFoldResult> offsets(position.begin(), position.end()), extents(batch, e.b.getIndexAttr(1));
      offsets.append({rows.first, e.b.getIndexAttr(0)});
      extents.append({rows.second, getAsOpFoldResult(e.size(sizes.back()))});
      return {write(slice(e, destination, offsets, extents, SmallVector<bool>(offsets.size(), false)), values, sums,
                    position, rows.first),
              offsets, extents};
    })};
  }

private:
  using Range = std::pair<Value, OpFoldResult>;

  static MatMulOp scoresOf(MatMulOp values) {
    for (Operation &op : *values->getBlock())
      if (auto product = dyn_cast<MatMulOp>(op); product && product != values)
        return product;
    return {};
  }

  static int64_t rowsFor(AffineExpr keys) {
    auto count = ShapeAnalysis::constantValue(keys);
    const int64_t fitting = count ? scoreBytes / (std::max<int64_t>(*count, 1) * int64_t(sizeof(float))) : fewestRows;
    return std::clamp(fitting, fewestRows, standardTileRows);
  }

  Range whole(AffineExpr size) { return {e.index(0), getAsOpFoldResult(e.size(size))}; }

  /// [rows, K] by the right operand of `product`, at `position` of the batch: sums [rows, N].
  Value multiply(MatMulOp product, Value lhs, ValueRange position) {
    Type lhsElement = elementTypeOf(product.getLhs()), rhsElement = elementTypeOf(product.getRhs()),
         type = sumType(e.b, lhsElement);
    const SmallVector<AffineExpr> rhsShape = e.shapes.shape(product.getRhs()),
                                  shape = e.shapes.shape(product.getResult());
    Value rhs =
        batchMatrix(e, product.getRhs(), shape, position, whole(*(rhsShape.end() - 2)), whole(rhsShape.back()), false);
    SmallVector<OpFoldResult> extents = {tensor::getMixedSize(e.b, e.loc, lhs, 0),
                                         getAsOpFoldResult(e.size(shape.back()))};
    Value zeros = e.fill(tensor::EmptyOp::create(e.b, e.loc, extents, type), e.scalar(type, 0));
    AffineExpr m, n, k;
    bindDims(e.b.getContext(), m, n, k);
    auto map = [&](AffineExpr row, AffineExpr column) { return AffineMap::get(3, 0, {row, column}, e.b.getContext()); };
    return contract(e, lhs, rhs, zeros, {map(m, k), map(k, n), map(m, n)}, 2, lhsElement, rhsElement);
  }

  /// Applies what is fused after a product to its sums.
  Value write(Value destination, MatMulOp product, Value sums, ValueRange position, Value firstRow) {
    SmallVector<Value> start(position);
    start.push_back(firstRow);
    return e.finish(destination, product.getResult(), start, [&](ValueRange local) {
      return fromAccumulator(e, sums, local.drop_front(batch), product.getResult());
    });
  }

  /// The softmax of an item's rows: [rows, keys].
  Value weightRows(ValueRange position, Range rows) {
    SmallVector<Value> first(position);
    first.push_back(rows.first);
    if (!e.tensor(weights.getInput())) {
      e.bind(weights.getInput(), scoreRows(position, rows));
      first.assign(first.size(), e.index(0)); // there
    }
    OpFoldResult zero = e.b.getIndexAttr(0), one = e.b.getIndexAttr(1), length = getAsOpFoldResult(e.size(keys));
    SmallVector<OpFoldResult> extents = {rows.second, length};
    Value result =
        tensor::EmptyOp::create(e.b, e.loc, extents, KernelEmitter::storageType(elementTypeOf(weights.getResult())));
    Value count = getValueOrCreateConstantIndexOp(e.b, e.loc, rows.second);
    return e.inOrder(e.index(0), count, result, [&](ValueRange row, ValueRange carried) -> SmallVector<Value> {
      SmallVector<Value> at(first);
      at.back() = e.add(at.back(), row.front());
      SmallVector<OpFoldResult> offsets = {row.front(), zero}, size = {one, length}, strides = {one, one};
      Value line = softmaxRow(e, weights, at, slice(e, carried.front(), offsets, size, {true, false}));
      return {tensor::InsertSliceOp::create(e.b, e.loc, line, carried.front(), offsets, size, strides)};
    })[0];
  }

  /// What the softmax is taken of, at an item's rows: [1..., rows, keys].
  Value scoreRows(ValueRange position, Range rows) {
    SmallVector<OpFoldResult> extents(batch, e.b.getIndexAttr(1));
    extents.append({rows.second, getAsOpFoldResult(e.size(keys))});
    Type element = elementTypeOf(weights.getInput());
    Value memory = tensor::EmptyOp::create(e.b, e.loc, extents, KernelEmitter::storageType(element));
    if (!scores)
      return e.map(memory, element, [&](ValueRange local) {
        SmallVector<Value> indices(position);
        indices.append({e.add(local[batch], rows.first), local.back()});
        return e.load(weights.getInput(), indices);
      });
    AffineExpr depth = e.shapes.shape(scores.getLhs()).back();
    Value lhs =
        batchMatrix(e, scores.getLhs(), e.shapes.shape(scores.getResult()), position, rows, whole(depth), false);
    if (scores.getResult() != weights.getInput())
      e.setFinal(scores.getResult(), weights.getInput());
    return write(memory, scores, multiply(scores, lhs, position), position, rows.first);
  }
};

} // namespace

SmallVector<Value> lepton::emitAttention(KernelEmitter &e, MatMulOp values, SoftmaxOp weights, ValueRange inits) {
  return Attention{e, values, weights}.emit(inits);
}
