//===- LowerToLoops.cpp - linalg on memrefs becomes loops ----------------------------------------------------------------------===//
//
// Before: linalg ops on memrefs that no micro-kernel took, scf.forall, copies between strided views.
// After:  scf.parallel where a kernel's outermost nest is parallel, scf.for elsewhere. A reduction whose innermost loop reduces carries its accumulator
//         in a register; one that reads memory with stride 1 along a parallel dimension has that dimension innermost instead. Sums of many floats
//         are sums of the sums of blocks.
//
//===--------------------------------------------------------------------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "passes/vector/LongSum.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/IR/PatternMatch.h"

namespace lepton {
#define GEN_PASS_DEF_LOWERTOLOOPS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// The loop number that `index` walks with stride 1, looking through sums; -1 where there is none.
static int64_t unitStrideLoop(Value index) {
  if (auto loop = index.getDefiningOp<linalg::IndexOp>())
    return loop.getDim();
  Operation *op = index.getDefiningOp();
  if (!isa_and_present<arith::AddIOp, arith::SubIOp>(op))
    return -1;
  int64_t left = unitStrideLoop(op->getOperand(0));
  return left >= 0 ? left : unitStrideLoop(op->getOperand(1));
}

namespace {

/// Writes the loops of one op.
struct LoopNest : NestBody {
  bool parallelOutside;

  static constexpr int64_t tileSize = 16;

  LoopNest(RewriterBase &b, linalg::LinalgOp op, bool parallelOutside)
      : NestBody(b, op), parallelOutside(parallelOutside) {}

  /// Whether more of what is read is read with stride 1 along loop `a` than along loop `b`.
  bool readsRatherAlong(int64_t a, int64_t b) {
    int64_t forA = 0, forB = 0;
    auto vote = [&](int64_t loop) {
      forA += loop == a;
      forB += loop == b;
    };
    op.getBlock()->walk([&](memref::LoadOp load) {
      if (!load.getIndices().empty())
        vote(unitStrideLoop(load.getIndices().back()));
    });
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(input);
      if (map.getNumResults() && !op.getBlock()->getArgument(input->getOperandNumber()).use_empty())
        if (auto dim = dyn_cast<AffineDimExpr>(map.getResults().back()))
          vote(dim.getPosition());
    }
    return forA > forB;
  }

  /// Whether the last of the parallel loops is a few channels that are gathered from planes: unrolled, they leave a loop that reads each plane in order.
  bool interleavesPlanes(ArrayRef<int64_t> parallel) {
    constexpr int64_t mostPlanes = 4;
    if (parallel.size() < 2)
      return false;
    const int64_t extent = op.getStaticLoopRanges()[parallel.back()];
    return !ShapedType::isDynamic(extent) && extent <= mostPlanes && op.getNumDpsInits() == 1 &&
           readsRatherAlong(parallel[parallel.size() - 2], parallel.back());
  }

  /// The loop along which most of what is read lies in order, if it is not the last one, which the writes go along; nothing where a vector's worth of one of
  /// the two is not there.
  std::optional<int64_t> crossedLoop(ArrayRef<int64_t> parallel) {
    auto isLong = [&](int64_t loop) {
      const int64_t extent = op.getStaticLoopRanges()[loop];
      return ShapedType::isDynamic(extent) || extent >= tileSize / 2;
    };
    if (parallel.empty() || op.getNumDpsInits() != 1 || !isLong(parallel.back()))
      return std::nullopt;
    for (int64_t loop : llvm::reverse(parallel.drop_back()))
      if (isLong(loop) && readsRatherAlong(loop, parallel.back()))
        return loop;
    return std::nullopt;
  }

  void emit() {
    SmallVector<int64_t> parallel, reduction;
    for (auto [i, kind] : llvm::enumerate(op.getIteratorTypesArray()))
      (kind == utils::IteratorType::parallel ? parallel : reduction).push_back(i);
    SmallVector<int64_t> innermost;
    // One that reads memory in order along a parallel loop, and not along the reduction, has that loop innermost.
    if (!parallel.empty() && !reduction.empty() && readsRatherAlong(parallel.back(), reduction.back()))
      innermost.push_back(parallel.pop_back_val());
    std::optional<int64_t> planes;
    if (reduction.empty() && interleavesPlanes(parallel))
      planes = parallel.pop_back_val();
    if (reduction.empty() && !planes)
      if (auto crossed = crossedLoop(parallel))
        return emitTiled(parallel, *crossed);
    bool asParallel = parallelOutside && !parallel.empty();
    if (asParallel)
      openParallel(parallel);
    for (int64_t d : asParallel ? ArrayRef<int64_t>() : ArrayRef<int64_t>(parallel))
      openFor(d);
    LongSum sum{*this, reduction};
    if (sum.applies(innermost))
      return innermost.empty() ? sum.emitElement() : sum.emitLanes(innermost.front());
    bool inRegister =
        innermost.empty() && !reduction.empty() && op.getNumDpsInits() == 1 && op.hasPureBufferSemantics();
    if (inRegister)
      return emitRegisterReduction(reduction);
    for (int64_t d : reduction)
      openFor(d);
    for (int64_t d : innermost)
      openFor(d);
    if (!planes)
      return emitBody();
    for (int64_t plane = 0; plane < op.getStaticLoopRanges()[*planes]; ++plane) {
      ivs[*planes] = arith::ConstantIndexOp::create(b, loc, plane);
      emitBody();
    }
  }

  /// A transposition: squares of the loop that is read along and the one that is written along, so that lines of both stay in the first-level cache.
  void emitTiled(ArrayRef<int64_t> parallel, int64_t crossed) {
    const std::pair<int64_t, int64_t> tiled(crossed, parallel.back());
    auto isTiled = [&](int64_t d) { return d == tiled.first || d == tiled.second; };
    Value size = arith::ConstantIndexOp::create(b, loc, tileSize);
    SmallVector<Value> upper, steps;
    for (int64_t d : parallel) {
      upper.push_back(bounds[d]);
      steps.push_back(isTiled(d) ? size : one());
    }
    auto place = [&](ValueRange begins) {
      for (auto [d, begin] : llvm::zip_equal(parallel, begins))
        ivs[d] = begin;
    };
    if (parallelOutside) {
      auto loop = scf::ParallelOp::create(b, loc, SmallVector<Value>(parallel.size(), zero()), upper, steps);
      place(loop.getInductionVars());
      b.setInsertionPointToStart(loop.getBody());
    } else {
      SmallVector<Value> begins;
      for (auto [end, step] : llvm::zip_equal(upper, steps)) {
        auto loop = scf::ForOp::create(b, loc, zero(), end, step);
        begins.push_back(loop.getInductionVar());
        b.setInsertionPointToStart(loop.getBody());
      }
      place(begins);
    }
    for (int64_t d : {tiled.second, tiled.first}) {
      const int64_t extent = op.getStaticLoopRanges()[d];
      Value end = arith::AddIOp::create(b, loc, ivs[d], size);
      if (ShapedType::isDynamic(extent) || extent % tileSize)
        end = arith::MinSIOp::create(b, loc, end, bounds[d]);
      auto loop = scf::ForOp::create(b, loc, ivs[d], end, one());
      ivs[d] = loop.getInductionVar();
      b.setInsertionPointToStart(loop.getBody());
    }
    emitBody();
  }

  void openParallel(ArrayRef<int64_t> dims) {
    SmallVector<Value> upper;
    for (int64_t d : dims)
      upper.push_back(bounds[d]);
    auto loop = scf::ParallelOp::create(b, loc, SmallVector<Value>(dims.size(), zero()), upper,
                                        SmallVector<Value>(dims.size(), one()));
    for (auto [d, iv] : llvm::zip_equal(dims, loop.getInductionVars()))
      ivs[d] = iv;
    b.setInsertionPointToStart(loop.getBody());
  }
};

struct LowerToLoops : lepton::impl::LowerToLoopsBase<LowerToLoops> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    IRRewriter rewriter(&getContext());
    SmallVector<memref::CopyOp> copies;
    function.walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp copy : copies)
      lowerCopy(rewriter, copy);
    SmallVector<linalg::LinalgOp> ops;
    function.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      rewriter.setInsertionPoint(op);
      LoopNest(rewriter, op, isOutermost(op)).emit();
      rewriter.eraseOp(op);
    }
    SmallVector<scf::ForallOp> foralls;
    function.walk([&](scf::ForallOp op) { foralls.push_back(op); });
    for (scf::ForallOp op : foralls) {
      rewriter.setInsertionPoint(op);
      if (failed(scf::forallToParallelLoop(rewriter, op)))
        return signalPassFailure();
    }
  }

  /// Only a kernel's outermost nests are split among threads.
  static bool isOutermost(Operation *op) {
    return op->getParentOfType<func::FuncOp>()->hasAttr("lepton.kernel") && !op->getParentOfType<LoopLikeOpInterface>();
  }

  /// A copy becomes loops, which LLVM turns into a memcpy where the memory is dense; only one whose types say so for good stays, to become it at once.
  /// (Upstream would call a function of MLIR's own runtime for any other.)
  static void lowerCopy(IRRewriter &rewriter, memref::CopyOp copy) {
    auto isContiguous = [](Value value) {
      auto type = cast<MemRefType>(value.getType());
      return type.getLayout().isIdentity() && type.hasStaticShape();
    };
    rewriter.setInsertionPoint(copy);
    if (copy.getSource() == copy.getTarget()) {
      rewriter.eraseOp(copy);
      return;
    }
    if (isContiguous(copy.getSource()) && isContiguous(copy.getTarget()))
      return;
    linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(), copy.getTarget());
    rewriter.eraseOp(copy);
  }
};

} // namespace
