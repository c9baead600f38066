//===- SelectTiles.cpp - decides how a kernel's work is cut -------------------------------------------------------------===//
//
// Before: kernels of lepton ops.
// After:  the same; kernels whose work is cut into tiles of rows have `lepton.tile_rows`.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/TileEmitter.h"
#include "passes/Passes.h"
#include "passes/schedule/TunedSchedules.h"

#include "mlir/IR/Remarks.h"

namespace lepton {
#define GEN_PASS_DEF_SELECTTILES
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// The op whose result is cut; null where the kernel has none, or is attention, whose rows follow from its keys.
static Operation *findCut(func::FuncOp kernel) {
  SmallVector<Operation *> found;
  kernel.walk([&](Operation *op) {
    if (isa<MatMulOp, PackedMatMulOp, PackedConvOp, PackedConvTransposeOp, DepthwiseConvOp>(op))
      found.push_back(op);
  });
  return found.size() == 1 ? found.front() : nullptr;
}

/// A right operand that no cache holds comes from memory, a block of columns at a time, while the first rows of a tile are computed: more rows hide that.
static int64_t defaultRows(Operation *cut) {
  constexpr int64_t timesL2 = 8, rowsFromMemory = 256;
  auto product = dyn_cast<PackedMatMulOp>(cut);
  auto rhs = product ? cast<RankedTensorType>(product.getRhs().getType()) : RankedTensorType();
  if (!rhs || !rhs.hasStaticShape())
    return standardTileRows;
  const int64_t bytes = rhs.getNumElements() * elementBytes(rhs.getElementType());
  return bytes > timesL2 * targetOf(cut).getL2() ? rowsFromMemory : standardTileRows;
}

/// Numbers of rows that cut the result in different ways, the default first and then those nearest to it; none where sizes are unknown.
static SmallVector<int64_t> rowsToTry(Operation *cut) {
  auto type = cast<RankedTensorType>(cut->getResult(0).getType());
  const bool isMatrix = isa<MatMulOp, PackedMatMulOp>(cut);
  const int64_t rank = type.getRank();
  if (!type.hasStaticShape() || rank < 2)
    return {defaultRows(cut)};
  auto tileOf = [&](int64_t dim, int64_t rows) {
    return pickTile(getAffineConstantExpr(type.getDimSize(dim), type.getContext()), rows);
  };
  // Tiles of short lines go on in the next line.
  auto cutOf = [&](int64_t rows) {
    const int64_t along = tileOf(rank - 2, rows);
    return std::pair(along, isMatrix || rank < 4 ? 1 : tileOf(rank - 3, std::max<int64_t>(1, rows / along)));
  };
  SmallVector<int64_t> choices;
  SmallVector<std::pair<int64_t, int64_t>> cuts;
  for (int64_t rows :
       {defaultRows(cut), standardTileRows, int64_t(32), int64_t(128), int64_t(16), int64_t(256), int64_t(8)}) {
    if (llvm::is_contained(cuts, cutOf(rows)))
      continue;
    cuts.push_back(cutOf(rows));
    choices.push_back(rows);
  }
  return choices;
}

/// What was measured; nothing where that is no number of rows.
static std::optional<int64_t> tunedRows(func::FuncOp kernel) {
  constexpr int64_t most = 1024;
  ArrayAttr entry = tunedEntry(kernel);
  auto tiles = entry && entry.size() == 1 ? dyn_cast<DictionaryAttr>(entry[0]) : DictionaryAttr();
  auto rows = tiles ? tiles.getAs<IntegerAttr>("tile_rows") : IntegerAttr();
  if (!rows || !rows.getType().isInteger(64) || rows.getInt() < 1 || rows.getInt() > most)
    return std::nullopt;
  return rows.getInt();
}

namespace {

struct SelectTiles : lepton::impl::SelectTilesBase<SelectTiles> {
  using SelectTilesBase::SelectTilesBase;

  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    Operation *cut = kernel->hasAttr("lepton.kernel") ? findCut(kernel) : nullptr;
    if (!cut)
      return markAllAnalysesPreserved();
    Builder b(&getContext());
    const std::optional<int64_t> tuned = tunedRows(kernel);
    const int64_t rows = tuned.value_or(defaultRows(cut));
    kernel->setAttr("lepton.tile_rows", b.getI64IntegerAttr(rows));
    remark::analysis(
        cut->getLoc(),
        remark::RemarkOpts::name(tuned ? "tuned" : "chosen").category(getName()).function(kernel.getName()))
        << remark::add("tiles of {0} rows", rows);
    if (!list)
      return;
    kernel->setAttr("lepton.tile_hash", b.getStringAttr(kernelHash(kernel)));
    kernel->setAttr("lepton.tile_candidates", b.getDenseI64ArrayAttr(rowsToTry(cut)));
  }
};

} // namespace
