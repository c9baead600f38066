//===- SelectLaunch.cpp - decides how each step of a kernel is spread over a GPU ------------------------------------------------===//
//
// Before: kernels of linalg and scf on memrefs.
// After:  each step has a `lepton.launch`, or the kernel has one, where it is no list of steps. One that is there already, by hand, stays.
//
//===------------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"
#include "passes/Passes.h"
#include "passes/gpu/Steps.h"

namespace lepton {
#define GEN_PASS_DEF_SELECTLAUNCH
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

static constexpr int64_t warp = 32, most = 256; // threads of a block
/// Elements that are enough for all threads of a GPU, so that each can compute several.
static constexpr int64_t manyElements = 1 << 16;
/// Iterations of a parallel loop inside of another one that are worth a block.
static constexpr int64_t worthwhileLoop = 16;
/// Bytes of a thread's own buffers.
static constexpr int64_t mostPrivate = 4096;

/// Elements of a parallel nest; nothing where sizes are unknown.
static std::optional<int64_t> elementsOf(linalg::LinalgOp op) {
  int64_t count = 1;
  for (auto [extent, kind] : llvm::zip_equal(op.getStaticLoopRanges(), op.getIteratorTypesArray())) {
    if (kind != utils::IteratorType::parallel)
      continue;
    if (ShapedType::isDynamic(extent))
      return std::nullopt;
    count *= extent;
  }
  return count;
}

/// As many neighbouring elements as 16 bytes hold, where lines of the result are whole numbers of that and there are many.
static int64_t widthOf(linalg::LinalgOp op) {
  if (op.getNumReductionLoops() || op.getNumDpsInits() != 1 || op.getNumLoops() == 0 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return 1;
  int64_t bytes = 1;
  auto seeType = [&](Type type) { bytes = std::max(bytes, elementBytes(getElementTypeOrSelf(type))); };
  for (Value operand : op->getOperands())
    seeType(operand.getType());
  op.getBlock()->walk([&](memref::LoadOp load) { seeType(load.getMemRefType()); });
  const int64_t width = 16 / bytes, line = op.getStaticLoopRanges().back();
  if (width < 2 || ShapedType::isDynamic(line) || line % width)
    return 1;
  return elementsOf(op).value_or(manyElements) >= manyElements ? width : 1;
}

namespace {

struct SelectLaunch : lepton::impl::SelectLaunchBase<SelectLaunch> {
  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!kernel->hasAttr("lepton.kernel") || kernel->hasAttr("lepton.launch"))
      return markAllAnalysesPreserved();
    if (!hasSeparateSteps(kernel)) {
      kernel->setAttr("lepton.launch", LaunchAttr::get(&getContext(), Unit::block, most, 1));
      return;
    }
    for (Operation &op : kernel.front())
      if (isStep(&op) && !op.hasAttr("lepton.launch"))
        op.setAttr("lepton.launch", choose(&op));
  }

  LaunchAttr choose(Operation *step) {
    if (auto nest = dyn_cast<linalg::LinalgOp>(step))
      return LaunchAttr::get(&getContext(), Unit::thread, most, widthOf(nest));
    if (auto forall = dyn_cast<scf::ForallOp>(step))
      return chooseForall(forall);
    return LaunchAttr::get(&getContext(), isa<memref::CopyOp>(step) ? Unit::thread : Unit::block,
                           isa<memref::CopyOp>(step) ? most : warp, 1);
  }

  /// A block for each iteration where there is parallel work inside, of as many threads as that is worth.
  LaunchAttr chooseForall(scf::ForallOp forall) {
    int64_t widest = 0, bytes = 0;
    forall.walk([&](linalg::LinalgOp nest) { widest = std::max(widest, elementsOf(nest).value_or(most)); });
    forall.walk([&](memref::AllocaOp op) {
      bytes += op.getType().getNumElements() * elementBytes(op.getType().getElementType());
    });
    bool allocates = false;
    forall.walk([&](Operation *op) { allocates |= isa<lrt::AllocOp>(op); });
    if (widest < worthwhileLoop && bytes <= mostPrivate && !allocates)
      return LaunchAttr::get(&getContext(), Unit::thread, most, 1);
    return LaunchAttr::get(&getContext(), Unit::block,
                           std::min<int64_t>(most, llvm::alignTo(std::max<int64_t>(widest, 1), warp)), 1);
  }
};

} // namespace
