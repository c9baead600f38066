//===- VectorizeContraction.cpp - Loops around the micro-kernel -----------===//
//
// IR before: linalg.generic `C += f(A) * g(B)` on memrefs, or the same after a linalg.fill of C with zero. IR after: scf.for over the blocks of C, one micro-kernel
// (MicroKernel.h) in each; C on the stack is gone where what reads it became part of the micro-kernel (Epilogue.h). Precondition: C does not overlap A or B; work for threads has been split off already, all
// loops here are sequential.
//
//===----------------------------------------------------------------------===//
#include "passes/vector/VectorizeContraction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Passes.h"
#include "passes/vector/MicroKernel.h"

namespace lepton {
#define GEN_PASS_DEF_VECTORIZECONTRACTION
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

namespace {

/// One loop of the nest: a parallel dimension and the iterations (for the vector dimension: vectors) that one micro-
/// kernel takes.
struct BlockedLoop {
  unsigned dim;
  int64_t block;
};

class LoopNest {
public:
  LoopNest(RewriterBase &rewriter, linalg::GenericOp op, const Contraction &contraction, ScheduleAttr schedule,
           TargetAttr target, bool fromZero, const Epilogue *epilogue)
      : builder(rewriter), loc(op.getLoc()), contraction(contraction), schedule(schedule), target(target),
        fromZero(fromZero), epilogue(epilogue) {
    for (unsigned dim = 0; dim < contraction.extents.size(); ++dim)
      extents.push_back(extentOf(op, dim));
  }

  void emit() {
    MicroKernel kernel(builder, loc, contraction, schedule, target, extents, fromZero, epilogue);
    KernelTile tile;
    tile.origin.resize(extents.size());
    tile.sizes.assign(extents.size(), 1);
    tile.lanes = schedule.getLanes();
    emitLoops(loops(), tile, kernel);
  }

private:
  OpFoldResult extentOf(linalg::GenericOp op, unsigned dim);
  SmallVector<BlockedLoop> loops();
  void emitLoops(ArrayRef<BlockedLoop> rest, KernelTile tile, MicroKernel &kernel);
  void emitRange(ArrayRef<BlockedLoop> rest, KernelTile tile, MicroKernel &kernel, Value from, Value to, int64_t step,
                 int64_t size);
  void emitStatic(ArrayRef<BlockedLoop> rest, KernelTile tile, MicroKernel &kernel, int64_t extent);
  void emitDynamic(ArrayRef<BlockedLoop> rest, KernelTile tile, MicroKernel &kernel, Value extent);
  void emitVectorTail(ArrayRef<BlockedLoop> rest, KernelTile tile, MicroKernel &kernel, Value from, Value extent);
  bool isVectorDim(unsigned dim) const {
    return contraction.form == ContractionForm::Columns && dim == contraction.vectorDim;
  }
  Value index(int64_t x) { return arith::ConstantIndexOp::create(builder, loc, x); }
  /// The largest multiple of `step` iterations after `from` that ends before `to`.
  Value wholeSteps(Value from, Value to, int64_t step) {
    Value count = arith::SubIOp::create(builder, loc, to, from);
    Value rest = arith::RemUIOp::create(builder, loc, count, index(step));
    return arith::SubIOp::create(builder, loc, to, rest);
  }

  RewriterBase &builder;
  Location loc;
  const Contraction &contraction;
  ScheduleAttr schedule;
  TargetAttr target;
  bool fromZero;
  const Epilogue *epilogue; // null: none
  SmallVector<OpFoldResult> extents;
};

} // namespace

OpFoldResult LoopNest::extentOf(linalg::GenericOp op, unsigned dim) {
  if (!ShapedType::isDynamic(contraction.extents[dim]))
    return builder.getIndexAttr(contraction.extents[dim]);
  for (auto [operand, map] : llvm::zip_equal(op->getOperands(), op.getIndexingMapsArray()))
    for (auto [position, expr] : llvm::enumerate(map.getResults()))
      if (expr == builder.getAffineDimExpr(dim))
        return memref::DimOp::create(builder, loc, operand, position).getResult();
  llvm_unreachable("linalg's verifier asks for an invertible map of all loops");
}

/// The order of the loops, outermost first.
///
/// The panel of B that the micro-kernel walks is its widest stream (vectors * lanes elements per step, against `rows`
/// of A), so columns go outside: the panel stays in L1 or L2 while A passes by. Measured, this needs no further
/// blocking while a panel of B and the rows of A that pass by fit L2 and L3; splitting the reduction only adds traffic
/// of C. A caller tiles rows so that each task's A fits half of L3 (for K = 2048: 200 to 400 rows), and packs B in
/// panels as wide as the register block, so that the panel is one sequential stream.
SmallVector<BlockedLoop> LoopNest::loops() {
  SmallVector<BlockedLoop> batches, rows, columns;
  for (unsigned dim : contraction.batchDims)
    batches.push_back({dim, 1});
  const int64_t perLine = contraction.lineDim() ? contraction.extents[*contraction.rowDim] : schedule.getRows(),
                block = std::min(schedule.getRows(), std::max<int64_t>(perLine, 1));
  for (unsigned dim : contraction.rowDims)
    rows.push_back({dim, dim == contraction.rowDim      ? block
                         : dim == contraction.lineDim() ? schedule.getRows() / block
                                                        : 1});
  bool isColumns = contraction.form == ContractionForm::Columns;
  for (unsigned dim : contraction.columnDims)
    columns.push_back({dim, dim != contraction.columnDims.back() ? 1
                            : isColumns                          ? schedule.getPanels()
                                                                 : schedule.getVectors()});
  if (isColumns)
    columns.push_back({contraction.vectorDim, schedule.getVectors()});
  if (schedule.getRowsOutermost())
    return llvm::to_vector(llvm::concat<BlockedLoop>(batches, rows, columns));
  return llvm::to_vector(llvm::concat<BlockedLoop>(batches, columns, rows));
}

/// Emits the remaining loops around one tile; the edges of each loop get their own copy of what is inside.
void LoopNest::emitLoops(ArrayRef<BlockedLoop> rest, KernelTile tile, MicroKernel &kernel) {
  if (rest.empty())
    return kernel.emit(tile);
  OpFoldResult extent = extents[rest.front().dim];
  if (std::optional<int64_t> trip = getConstantIntValue(extent))
    emitStatic(rest, tile, kernel, *trip);
  else
    emitDynamic(rest, tile, kernel, cast<Value>(extent));
}

/// for (i = from; i < to; i += step) with tiles of `size`.
void LoopNest::emitRange(ArrayRef<BlockedLoop> rest, KernelTile tile, MicroKernel &kernel, Value from, Value to,
                         int64_t step, int64_t size) {
  tile.sizes[rest.front().dim] = size;
  std::optional<int64_t> first = getConstantIntValue(from), last = getConstantIntValue(to);
  if (first && last && *last - *first <= step) {
    tile.origin[rest.front().dim] = from;
    if (*first < *last)
      emitLoops(rest.drop_front(), tile, kernel);
    return;
  }
  auto loop = scf::ForOp::create(builder, loc, from, to, index(step));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  tile.origin[rest.front().dim] = loop.getInductionVar();
  emitLoops(rest.drop_front(), tile, kernel);
}

void LoopNest::emitStatic(ArrayRef<BlockedLoop> rest, KernelTile tile, MicroKernel &kernel, int64_t extent) {
  auto [dim, block] = rest.front();
  int64_t lanes = isVectorDim(dim) ? tile.lanes : 1;
  int64_t step = block * lanes, main = extent - extent % step;
  emitRange(rest, tile, kernel, index(0), index(main), step, block);
  int64_t full = (extent - main) / lanes, tail = (extent - main) % lanes;
  if (tail && target.hasMasks()) {
    tile.mask = vector::CreateMaskOp::create(builder, loc, VectorType::get(lanes, builder.getI1Type()), index(tail));
    return emitRange(rest, tile, kernel, index(main), index(extent), step, full + 1);
  }
  if (full)
    emitRange(rest, tile, kernel, index(main), index(main + full * lanes), step, full);
  // Without masks: vectors of 4, 2, 1 elements.
  for (int64_t from = extent - tail; from < extent; from += tile.lanes) {
    tile.lanes = llvm::bit_floor(static_cast<uint64_t>(extent - from));
    emitRange(rest, tile, kernel, index(from), index(from + tile.lanes), tile.lanes, 1);
  }
}

void LoopNest::emitDynamic(ArrayRef<BlockedLoop> rest, KernelTile tile, MicroKernel &kernel, Value extent) {
  auto [dim, block] = rest.front();
  int64_t lanes = isVectorDim(dim) ? tile.lanes : 1;
  Value from = index(0);
  Value to = wholeSteps(from, extent, block * lanes);
  emitRange(rest, tile, kernel, from, to, block * lanes, block);
  if (lanes > 1)
    return emitVectorTail(rest, tile, kernel, to, extent);
  // Fewer rows than a block: 8, 4, 2, 1 as needed.
  for (int64_t size = llvm::bit_floor(static_cast<uint64_t>(block - 1)); size > 0; size /= 2) {
    from = to;
    to = wholeSteps(from, extent, size);
    emitRange(rest, tile, kernel, from, to, size, size);
  }
}

/// Single vectors, then the part of one.
void LoopNest::emitVectorTail(ArrayRef<BlockedLoop> rest, KernelTile tile, MicroKernel &kernel, Value from,
                              Value extent) {
  Value to = from;
  if (rest.front().block > 1) {
    to = wholeSteps(from, extent, tile.lanes);
    emitRange(rest, tile, kernel, from, to, tile.lanes, 1);
  }
  if (!target.hasMasks()) {
    tile.lanes = 1;
    return emitRange(rest, tile, kernel, to, extent, 1, 1);
  }
  Value left = arith::SubIOp::create(builder, loc, extent, to);
  tile.mask = vector::CreateMaskOp::create(builder, loc, VectorType::get(tile.lanes, builder.getI1Type()), left);
  emitRange(rest, tile, kernel, to, extent, tile.lanes, 1);
}

/// The fill that sets all of C to zero, with nothing between that reads or writes memory; null where there is none.
static linalg::FillOp zeroFill(linalg::GenericOp op) {
  AffineMap map = op.getIndexingMapsArray().back();
  if (!map.isProjectedPermutation()) // every element of C is written
    return {};
  Operation *before = op->getPrevNode();
  while (before && isMemoryEffectFree(before))
    before = before->getPrevNode();
  auto fill = dyn_cast_or_null<linalg::FillOp>(before);
  if (!fill || fill.output() != op.getDpsInits().front())
    return {};
  return matchPattern(fill.value(), m_AnyZeroFloat()) || matchPattern(fill.value(), m_Zero()) ? fill : linalg::FillOp();
}

LogicalResult lepton::vectorizeContraction(RewriterBase &rewriter, linalg::GenericOp op, ScheduleAttr schedule,
                                           TargetAttr target) {
  FailureOr<Contraction> contraction = analyzeContraction(op, schedule.getLanes());
  if (failed(contraction))
    return op.emitOpError() << "is scheduled as a register block, but is no contraction with a dimension to vectorize";
  linalg::FillOp fill = zeroFill(op);
  std::optional<Epilogue> epilogue;
  if (fill && contraction->form == ContractionForm::Columns)
    epilogue = Epilogue::find(op, *contraction, target);
  rewriter.setInsertionPoint(epilogue ? epilogue->getOp() : op);
  LoopNest(rewriter, op, *contraction, schedule, target, /*fromZero=*/bool(fill), epilogue ? &*epilogue : nullptr)
      .emit();
  if (epilogue)
    rewriter.eraseOp(epilogue->getOp());
  rewriter.eraseOp(op);
  if (fill)
    rewriter.eraseOp(fill);
  return success();
}

namespace {

struct VectorizeContraction : lepton::impl::VectorizeContractionBase<VectorizeContraction> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    const TargetAttr target = targetOf(getOperation());
    SmallVector<linalg::GenericOp> contractions; // an epilogue, which goes with its contraction, is none
    getOperation()->walk([&](linalg::GenericOp op) {
      auto schedule = op->getAttrOfType<ScheduleAttr>("lepton.schedule");
      if (schedule && schedule.getAlgorithm() == Algorithm::register_block)
        contractions.push_back(op);
    });
    for (linalg::GenericOp op : contractions)
      if (failed(vectorizeContraction(rewriter, op, op->getAttrOfType<ScheduleAttr>("lepton.schedule"), target)))
        return signalPassFailure();
  }
};

} // namespace
