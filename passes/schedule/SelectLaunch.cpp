//===- SelectLaunch.cpp - decides how each step of a kernel is spread over a GPU ------------------------------------------------===//
//
// Before: kernels of linalg and scf on memrefs.
// After:  each step has a `lepton.launch`, or the kernel has one, where it is no list of steps. One that is there already, by hand, stays.
//
//===------------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"
#include "passes/Passes.h"
#include "passes/gpu/Product.h"
#include "passes/gpu/SharedReduction.h"
#include "passes/gpu/Steps.h"

#include "llvm/ADT/SmallBitVector.h"

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

static LaunchAttr makeLaunch(MLIRContext *context, Unit unit, int64_t threads, int64_t width, int64_t rows = 1,
                             int64_t rowLoop = 0, int64_t columns = 1, int64_t parts = 1, bool tensorCores = false,
                             int64_t depth = 0, int64_t stages = 0) {
  return LaunchAttr::get(context, unit, threads, width, rows, rowLoop, columns, parts, tensorCores, depth, stages);
}

static std::optional<int64_t> elementsOf(linalg::LinalgOp op) {
  return iterationsOf(op, utils::IteratorType::parallel);
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

/// The loops on which each element that an iteration reads depends.
static SmallVector<llvm::SmallBitVector> readsOf(linalg::LinalgOp op) {
  SmallVector<llvm::SmallBitVector> reads;
  for (OpOperand *input : op.getDpsInputOperands())
    if (BlockArgument element = op.getMatchingBlockArgument(input);
        isa<MemRefType>(input->get().getType()) && !element.use_empty())
      reads.push_back(loopsOf(element, op));
  op.getBlock()->walk([&](memref::LoadOp load) { reads.push_back(loopsOf(load.getResult(), op)); });
  return reads;
}

/// The parallel loop along which a tile of elements has rows: some reads depend on it and not on the innermost loop, along which threads have columns, and others the
/// other way round. Its place among the parallel loops.
static std::optional<int64_t> rowLoopOf(linalg::LinalgOp op) {
  SmallVector<llvm::SmallBitVector> reads = readsOf(op);
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  std::optional<int64_t> best;
  for (int64_t place = 0; place + 1 < int64_t(parallel.size()); ++place) {
    const unsigned loop = parallel[place];
    auto isOfRows = [&](const llvm::SmallBitVector &read) { return read[loop] && !read[parallel.back()]; };
    auto isOfColumns = [&](const llvm::SmallBitVector &read) { return !read[loop] && read[parallel.back()]; };
    if (llvm::any_of(reads, isOfRows) && llvm::any_of(reads, isOfColumns) &&
        (!best || extents[loop] > extents[parallel[*best]]))
      best = place;
  }
  return best;
}

/// Whether both factors of a product of float32 lie in memory as two matrices: no windows, of which what a thread reads for itself is near what others read.
static bool isOfMatrices(linalg::LinalgOp op, const Product &product) {
  auto isMatrix = [](const Product::Side &side) {
    auto read = plainReadOf(side.factor);
    return read && !read->condition && read->load.getType().isF32();
  };
  return isMatrix(product.rows) && isMatrix(product.columns) &&
         iterationsOf(op, utils::IteratorType::reduction) == op.getStaticLoopRanges()[reductionOf(op).back()];
}

/// A tile for each block, which its threads bring to shared memory and multiply, on tensor cores where they may; null where a product is too small for that.
static LaunchAttr blockTileOf(linalg::LinalgOp op, int64_t rowLoop) {
  // Of fewer elements threads that share reductions are faster (measured on an H200 with the convolutions of 8 networks).
  constexpr int64_t threads = 128, stages = 3, fewest = 500'000;
  constexpr int64_t shallowest = 16;
  constexpr int64_t sliceBytes = 64; // of a line: with tiles of 192 lines three slices of both factors fit in 48 KiB
  auto product = productOf(op);
  if (!product || !targetOf(op).hasTensorCores() || *elementsOf(op) < fewest)
    return {};
  FloatType multiplicand = multiplicandOf(op, *product);
  if (!multiplicand && !isOfMatrices(op, *product))
    return {};
  const int64_t extent = op.getStaticLoopRanges()[reductionOf(op).back()];
  int64_t depth = sliceBytes / (multiplicand && multiplicand.getWidth() <= 16 ? 2 : 4);
  auto hasMostlyNumbers = [&] { return int64_t(llvm::alignTo(extent, depth)) * 3 <= extent * 4; }; // not zeros
  while (depth > shallowest && !hasMostlyNumbers())
    depth /= 2;
  if (!hasMostlyNumbers())
    return {};
  const int64_t rows = iterationsOf(op, product->rows.loops), columns = iterationsOf(op, product->columns.loops),
                batch = iterationsOf(op, product->batch);
  // Threads that multiply themselves wait for shared memory: they want two blocks on each processor.
  const int64_t enough = multiplicand ? 128 : 256, smallest = multiplicand ? 32 * 32 : 64 * 32;
  const std::pair<int64_t, int64_t> tiles[] = {{128, 64}, {64, 128}, {64, 64}, {32, 128},
                                               {128, 32}, {32, 64},  {64, 32}, {32, 32}};
  for (auto [tileRows, tileColumns] : tiles) {
    // What lies beyond the matrix is computed in vain.
    const int64_t count = batch * llvm::divideCeil(rows, tileRows) * llvm::divideCeil(columns, tileColumns),
                  computed = count * tileRows * tileColumns;
    const bool isLast = multiplicand && tileRows * tileColumns == smallest;
    if (isLast || (count >= enough && computed * 4 <= *elementsOf(op) * 5 && tileRows * tileColumns >= smallest))
      return makeLaunch(op.getContext(), Unit::thread, threads, 1, tileRows, rowLoop, tileColumns, 1,
                        bool(multiplicand), depth, stages);
  }
  return {};
}

/// How a reduction's elements are shared out: as large a tile for a thread as leaves enough threads to fill the GPU; where there are too few elements for that,
/// several threads for one.
static LaunchAttr tileOf(linalg::LinalgOp op) {
  constexpr int64_t enough = 1 << 16, shortest = 16; // threads; iterations of a part
  MLIRContext *context = op.getContext();
  auto elements = elementsOf(op);
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  const int64_t depth = iterationsOf(op, utils::IteratorType::reduction).value_or(0);
  if (!combinerOf(op) || !elements || *elements == 0 || depth < shortest)
    return makeLaunch(context, Unit::thread, most, widthOf(op));
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  auto rowLoop = rowLoopOf(op);
  const int64_t line = rowLoop ? extents[parallel[*rowLoop]] : 1;
  if (LaunchAttr launch = rowLoop ? blockTileOf(op, *rowLoop) : LaunchAttr())
    return launch;
  const int64_t mostParts = std::clamp<int64_t>(llvm::bit_floor(uint64_t(depth / shortest)), 1, 16);
  // Rows of weights are loaded four at a time: they are worth more than columns.
  const std::pair<int64_t, int64_t> tiles[] = {{8, 4}, {8, 2}, {4, 4}, {8, 1}, {4, 2}, {4, 1}, {2, 1}, {1, 1}};
  for (auto [rows, columns] : tiles)
    for (int64_t parts = 1; parts <= mostParts; parts *= 2) {
      const bool isWorthwhile = depth / parts >= 2 * rows * columns || parts == 1, // of what adding up takes
          isEnough = *elements * parts >= enough * rows * columns, isLast = rows * columns == 1 && parts == mostParts;
      if (line % rows == 0 && ((isWorthwhile && isEnough) || isLast))
        return makeLaunch(context, Unit::thread, most, 1, rows, rowLoop.value_or(0), columns, parts);
    }
  llvm_unreachable("one row and all parts suit any reduction");
}

namespace {

struct SelectLaunch : lepton::impl::SelectLaunchBase<SelectLaunch> {
  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!kernel->hasAttr("lepton.kernel") || kernel->hasAttr("lepton.launch"))
      return markAllAnalysesPreserved();
    if (!hasSeparateSteps(kernel)) {
      kernel->setAttr("lepton.launch", makeLaunch(&getContext(), Unit::block, most, 1));
      return;
    }
    for (Operation &op : kernel.front())
      if (isStep(&op) && !op.hasAttr("lepton.launch"))
        op.setAttr("lepton.launch", choose(&op));
  }

  LaunchAttr choose(Operation *step) {
    if (auto nest = dyn_cast<linalg::LinalgOp>(step))
      return tileOf(nest);
    if (auto forall = dyn_cast<scf::ForallOp>(step))
      return chooseForall(forall);
    return makeLaunch(&getContext(), isa<memref::CopyOp>(step) ? Unit::thread : Unit::block,
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
      return makeLaunch(&getContext(), Unit::thread, most, 1);
    return makeLaunch(&getContext(), Unit::block,
                      std::clamp<int64_t>(llvm::PowerOf2Ceil(std::max<int64_t>(widest, 1)), warp, most), 1);
  }
};

} // namespace
