//===- PackedWeights.cpp - weights as micro-kernels read them ------------------------------------------------------===//

#include "passes/graph/PackedWeights.h"
#include "dialects/Lepton/TileEmitter.h"

using namespace mlir;
using namespace lepton;

int64_t PackedWeights::blockFor(int64_t size) const {
  const int64_t lanes = target.lanes(g.b.getF32Type()), mostVectors = target.getRegisters() >= 32 ? 5 : 3;
  int64_t block = panel ? panel : 2 * lanes;
  while (block > 8 && block / 2 >= size)
    block /= 2;
  // Half vectors take more instructions.
  auto isBetter = [&](int64_t columns, double gain) {
    return !panel && llvm::alignTo(size, columns) * gain < llvm::alignTo(size, block);
  };
  for (int64_t vectors = 3; vectors <= mostVectors; ++vectors)
    if (isBetter(vectors * lanes, 1))
      block = vectors * lanes;
  for (int64_t halves = 3; target.hasHalfVectors() && halves <= mostVectors; halves += 2)
    if (isBetter(halves * lanes / 2, 1.05))
      block = halves * lanes / 2;
  return block;
}

Value PackedWeights::columns(Location loc, Value matrix) {
  const int64_t n = cast<RankedTensorType>(matrix.getType()).getDimSize(1);
  Value blocks = g.create<PackBlocksOp>(loc, matrix, {g.attr("axis", int64_t(1)), g.attr("block", blockFor(n))});
  return g.transpose(loc, blocks, {1, 0, 2});
}

Value PackedWeights::filter(Location loc, Value filter, int64_t group, bool isTransposed,
                            SmallVectorImpl<NamedAttribute> &attributes) {
  SmallVector<int64_t> shape(cast<RankedTensorType>(filter.getType()).getShape()), taps;
  shape[0] /= group;
  shape.insert(shape.begin(), group);
  const int64_t outputAxis = isTransposed ? 2 : 1, inputAxis = 3 - outputAxis, rank = shape.size();
  const int64_t outputs = shape[outputAxis], channels = shape[inputAxis];
  for (int64_t d = 3; d < rank; ++d)
    taps.push_back(d);
  Value grouped = g.reshape(loc, filter, shape);

  const int64_t lanes = target.lanes(sumType(g.b, elementTypeOf(filter)));
  if (2 * outputs < lanes && group == 1 && channels >= lanes) {
    attributes.push_back(g.flag("channels_inner"));
    SmallVector<int64_t> perm = {0};
    perm.append(taps);
    perm.append({outputAxis, inputAxis});
    Value inner = g.transpose(loc, grouped, perm);
    SmallVector<int64_t> blocked(cast<RankedTensorType>(inner.getType()).getShape());
    blocked.insert(blocked.begin(), 1);
    return g.reshape(loc, inner, blocked);
  }
  SmallVector<int64_t> perm = {0, outputAxis};
  perm.append(taps);
  perm.append({inputAxis, rank});
  Value blocks = g.create<PackBlocksOp>(loc, grouped, {g.attr("axis", outputAxis), g.attr("block", blockFor(outputs))});
  return g.transpose(loc, blocks, perm);
}

Value PackedWeights::depthwise(Location loc, Value filter) {
  auto type = cast<RankedTensorType>(filter.getType());
  SmallVector<int64_t> flat = {type.getDimSize(0)}, perm;
  llvm::append_range(flat, type.getShape().drop_front(2));
  for (size_t d = 1; d < flat.size(); ++d)
    perm.push_back(d);
  perm.push_back(0);
  return g.transpose(loc, g.reshape(loc, filter, flat), perm);
}
