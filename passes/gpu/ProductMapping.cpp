//===- ProductMapping.cpp - matrix products by blocks --------------------------------------------------------------------------===//
//
// A block computes a tile of the result. Slices of the rows and columns that it needs are under way to shared memory while its warps multiply one that is there (SharedTile.h):
//
//   begin slices 0 .. stages - 2
//   for each slice:
//     wait until this thread's copies of it are there; barrier, so that those of all threads are, and nobody reads the stage that is filled next
//     begin the slice that is stages - 1 further on
//     multiply the slice
//
//===----------------------------------------------------------------------------------------------------------------------------===//

#include "passes/gpu/BlockCode.h"
#include "passes/gpu/ElementMapping.h"
#include "passes/gpu/ProductTile.h"
#include "passes/gpu/SharedReduction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace lepton;

/// Tiles of a product with so many rows or columns.
static int64_t tilesOf(linalg::LinalgOp op, const Product::Side &side, int64_t tile) {
  return llvm::divideCeil(iterationsOf(op, side.loops), tile);
}

static linalg::LinalgOp reductionIn(ArrayRef<Operation *> group) {
  return cast<linalg::LinalgOp>(
      *llvm::find_if(group, [](Operation *step) { return combinerOf(cast<linalg::LinalgOp>(step)); }));
}

int64_t ElementMapping::productBlocks() {
  linalg::LinalgOp op = reductionIn(group);
  const Product product = *productOf(op);
  return tilesOf(op, product.rows, launch.getRows()) * tilesOf(op, product.columns, launch.getColumns()) *
         iterationsOf(op, product.batch);
}

namespace {

/// The pipeline: brings slices of both factors to shared memory, and has them multiplied.
struct Pipeline {
  DeviceFunction &device;
  const Slices &slices;
  int64_t stages;
  SharedTile &rows, &columns;
  RewriterBase &b = device.b;
  Location loc = device.function.getLoc();
  IndexMath index{b, loc};

  void begin(Value slice, Value is) {
    Value stage = index.rest(slice, stages);
    rows.begin(slice, stage, is);
    columns.begin(slice, stage, is);
  }
  /// Every slice is a group of copies, those too of which there is nothing.
  void closeGroup() {
    if (isCopied())
      NVVM::CpAsyncCommitGroupOp::create(b, loc);
  }
  bool isCopied() const { return rows.isCopied() || columns.isCopied(); }
  void finish() {
    rows.finish();
    columns.finish();
  }

  SmallVector<Value> run(ValueRange initial,
                         llvm::function_ref<void(Value stage, MutableArrayRef<Value> sums)> multiply) {
    const int64_t ahead = stages - 1;
    for (int64_t slice = 0; slice < ahead; ++slice) {
      if (slice < slices.count)
        begin(device.constant(slice), {});
      closeGroup();
      finish();
    }
    auto loop =
        scf::ForOp::create(b, loc, device.constant(0), device.constant(slices.count), device.constant(1), initial);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value slice = loop.getInductionVar();
    if (isCopied())
      NVVM::CpAsyncWaitGroupOp::create(b, loc, uint32_t(ahead - 1));
    gpu::BarrierOp::create(b, loc);
    Value next = index.add(slice, ahead);
    begin(next, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, next, device.constant(slices.count)));
    closeGroup();
    SmallVector<Value> sums(loop.getRegionIterArgs());
    multiply(index.rest(slice, stages), sums);
    finish();
    scf::YieldOp::create(b, loc, sums);
    return loop.getResults();
  }
};

} // namespace

/// All threads of the block come to the barriers, with the last row or column where a tile has none; they write only what there is.
void ElementMapping::emitProduct() {
  linalg::LinalgOp op = reductionIn(group);
  const Product known = *productOf(op);
  const int64_t rowCount = iterationsOf(op, known.rows.loops), columnCount = iterationsOf(op, known.columns.loops),
                rowTiles = tilesOf(op, known.rows, launch.getRows()),
                columnTiles = tilesOf(op, known.columns, launch.getColumns());
  const FloatType multiplicand = launch.getTensorCores() ? multiplicandOf(op, known) : FloatType();
  std::unique_ptr<ProductTile> tile =
      multiplicand ? makeWarpTile(device, loc, launch, multiplicand) : makeThreadTile(device, loc, launch);
  const IndexMath index{b, loc};
  Value block = device.block(), firstRow = index.times(index.rest(block, rowTiles), launch.getRows()),
        firstColumn = index.times(index.rest(index.over(block, rowTiles), columnTiles), launch.getColumns()),
        product = index.over(block, rowTiles * columnTiles);

  // Indices of the parallel loops, by the op's loops.
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  auto place = [&](MutableArrayRef<Value> loops, ArrayRef<int64_t> numbered, Value number) {
    SmallVector<Value> sizes;
    for (int64_t loop : numbered)
      sizes.push_back(device.constant(op.getStaticLoopRanges()[loop]));
    for (auto [loop, iteration] : llvm::zip_equal(numbered, delinearize(b, loc, number, sizes)))
      loops[loop] = iteration;
  };
  auto isThere = [&](Value number, int64_t count) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, number, device.constant(count)).getResult();
  };
  auto clamp = [&](Value number, Value is, int64_t count) {
    return arith::SelectOp::create(b, loc, is, number, device.constant(count - 1)).getResult();
  };
  const bool hasAllRows = rowCount % launch.getRows() == 0;
  SmallVector<Value> has;
  SmallVector<Indices> elements; // a thread's own: by columns, of each the rows
  SmallVector<Value> loops(op.getNumLoops());
  place(loops, known.batch, product);
  for (Value column : tile->ownColumns()) {
    column = index.add(firstColumn, column);
    Value hasColumn = isThere(column, columnCount);
    place(loops, known.columns.loops, clamp(column, hasColumn, columnCount));
    if (hasAllRows)
      has.push_back(hasColumn);
    for (Value row : tile->ownRows()) {
      row = index.add(firstRow, row);
      Value hasRow = isThere(row, rowCount);
      place(loops, known.rows.loops, clamp(row, hasRow, rowCount));
      if (!hasAllRows)
        has.push_back(arith::AndIOp::create(b, loc, hasColumn, hasRow));
      elements.push_back(llvm::map_to_vector(parallel, [&](unsigned loop) { return loops[loop]; }));
    }
  }
  SmallVector<Lane> lanes = makeLanes(elements);
  auto *reduction = llvm::find(group, op.getOperation());
  for (Operation *step : ArrayRef(group.begin(), reduction))
    emitStep(step, lanes);
  Clones clones(b, *reduction, lanes);
  const NestBody &nest = clones.bodies.front();
  const Product own = *productOf(nest.op);

  const Slices slices(nest.op, launch.getDepth());
  SharedTile rows(device, nest, own.rows, multiplicand, slices, launch, launch.getRows(), firstRow),
      columns(device, nest, own.columns, multiplicand, slices, launch, launch.getColumns(), firstColumn);
  SmallVector<Value> sums = Pipeline{device, slices, launch.getStages(), rows, columns}.run(
      clones.load(),
      [&](Value stage, MutableArrayRef<Value> sums) { tile->multiply(rows, columns, stage, launch.getDepth(), sums); });
  writeColumns(ArrayRef(reduction + 1, group.end()), lanes, clones, sums, has);
  useRegisters(lanes);
}
