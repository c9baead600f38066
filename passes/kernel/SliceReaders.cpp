//===- SliceReaders.cpp - who can read a part of a tensor where it lies --------------------------------------------------===//

#include "passes/kernel/SliceReaders.h"
#include "passes/kernel/KernelGroups.h"

using namespace mlir;
using namespace lepton;

bool Box::coversRows() const { return ArrayRef(sizes).drop_back() == ArrayRef(shape).drop_back(); }

Box Box::viewed(ArrayRef<int64_t> leading) const {
  Box result{SmallVector<int64_t>(leading), SmallVector<int64_t>(leading.size() + 1, 0), SmallVector<int64_t>(leading)};
  result.shape.push_back(shape.back());
  result.offsets.back() = offsets.back();
  result.sizes.push_back(sizes.back());
  return result;
}

bool lepton::keepsRows(ReshapeOp op) {
  auto from = op.getInput().getType(), to = op.getResult().getType();
  return from.hasStaticShape() && to.hasStaticShape() && from.getRank() > 0 && to.getRank() > 0 &&
         from.getShape().back() == to.getShape().back();
}

bool lepton::findReaders(ShapeAnalysis &shapes, Value value, const Box &box,
                         const llvm::SmallPtrSetImpl<Operation *> &except, std::vector<Reader> &readers) {
  constexpr int64_t mostUses = 128; // that are looked at
  int64_t uses = 0;
  std::vector<std::pair<Value, Box>> pending = {{value, box}};
  while (!pending.empty()) {
    const auto [read, place] = std::move(pending.back());
    pending.pop_back();
    for (OpOperand &use : read.getUses()) {
      Operation *user = use.getOwner();
      if (read == value && except.contains(user))
        continue;
      if (++uses > mostUses)
        return false;
      const bool isSource = use.getOperandNumber() == 0;
      auto slice = isSource ? dyn_cast<SliceOp>(user) : SliceOp();
      if (auto offsets = slice ? slice.getOffsets(shapes) : std::nullopt) {
        Box inner = place;
        for (auto [at, offset] : llvm::zip_equal(inner.offsets, *offsets))
          at += offset;
        llvm::copy(slice.getResult().getType().getShape(), inner.sizes.begin());
        pending.emplace_back(slice.getResult(), std::move(inner));
      } else if (auto reshape = isSource ? dyn_cast<ReshapeOp>(user) : ReshapeOp()) {
        if (!keepsRows(reshape) || !place.coversRows())
          return false;
        pending.emplace_back(reshape.getResult(), place.viewed(reshape.getResult().getType().getShape().drop_back()));
      } else if (readsSlice(use)) {
        readers.push_back({&use, place});
      } else {
        return false;
      }
    }
  }
  return true;
}

Value lepton::viewed(GraphBuilder &g, Location loc, Value whole, ArrayRef<int64_t> shape) {
  return cast<RankedTensorType>(whole.getType()).getShape() == shape ? whole : g.reshape(loc, whole, shape);
}

void lepton::redirect(GraphBuilder &g, const Reader &reader, Value whole) {
  Operation *user = reader.operand->getOwner();
  g.b.setInsertionPoint(user);
  Location loc = user->getLoc();
  const Box &box = reader.box;
  Value source = viewed(g, loc, whole, box.shape);
  SmallVector<int64_t> axes, starts, ends;
  for (auto [d, offset, size] : llvm::enumerate(box.offsets, box.sizes))
    if (size != box.shape[d]) {
      axes.push_back(d);
      starts.push_back(offset);
      ends.push_back(offset + size);
    }
  const SmallVector<int64_t> steps(axes.size(), 1);
  if (!axes.empty())
    source = g.create<SliceOp>(loc, {source, g.integers(loc, starts), g.integers(loc, ends), g.integers(loc, steps)},
                               g.attr("axes", axes));
  reader.operand->set(source);
}
