//===- OutlineParallelLoops.cpp - bodies of parallel loops become functions ------------------------------------------------------===//
//
// Before: scf.parallel at the outermost level of kernels.
// After:  lrt.parallel_for of a function `(context, begin, end, captured...)` that walks its range in order. scf.parallel inside other loops has become scf.for.
//
//===----------------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Runtime/RuntimeOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"

namespace lepton {
#define GEN_PASS_DEF_OUTLINEPARALLELLOOPS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// Work below this many scalar operations is not worth a second thread (a region costs about a microsecond).
static constexpr int64_t worthwhileWork = 32 * 1024;
/// Iterations assumed of a loop whose count only the run knows.
static constexpr int64_t assumedIterations = 64;
/// What is more is counted as this many, so that a product of two counts is a number.
static constexpr int64_t mostWork = 1 << 30;

static int64_t times(int64_t a, int64_t b) { return std::min(a * b, mostWork); }

static int64_t staticCount(Value lower, Value upper, Value step) {
  auto l = getConstantIntValue(lower), u = getConstantIntValue(upper), s = getConstantIntValue(step);
  if (!l || !u || !s || *s <= 0)
    return assumedIterations;
  const uint64_t span = *l < *u ? uint64_t(*u) - uint64_t(*l) : 0; // of an endless loop more than is signed
  return int64_t(std::min<uint64_t>(llvm::divideCeil(span, uint64_t(*s)), mostWork));
}

/// Scalar operations that one execution of a block takes, roughly.
static int64_t work(Block &block) {
  int64_t total = 0;
  for (Operation &op : block) {
    int64_t iterations = 1, body = 0;
    if (auto loop = dyn_cast<scf::ForOp>(op))
      iterations = staticCount(loop.getLowerBound(), loop.getUpperBound(), loop.getStep());
    if (auto loop = dyn_cast<scf::ParallelOp>(op))
      for (auto [l, u, s] : llvm::zip_equal(loop.getLowerBound(), loop.getUpperBound(), loop.getStep()))
        iterations = times(iterations, staticCount(l, u, s));
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        body += work(inner);
    int64_t lanes = 1;
    for (Type type : op.getResultTypes())
      if (auto vector = dyn_cast<VectorType>(type))
        lanes = std::max(lanes, vector.getNumElements());
    total = std::min(total + (op.getNumRegions() ? times(iterations, body) : lanes), mostWork);
  }
  return total;
}

static void toSequential(IRRewriter &b, scf::ParallelOp op) {
  b.setInsertionPoint(op);
  SmallVector<Value> ivs;
  for (auto [lower, upper, step] : llvm::zip_equal(op.getLowerBound(), op.getUpperBound(), op.getStep())) {
    auto loop = scf::ForOp::create(b, op.getLoc(), lower, upper, step);
    ivs.push_back(loop.getInductionVar());
    b.setInsertionPointToStart(loop.getBody());
  }
  Operation *terminator = op.getBody()->getTerminator();
  b.eraseOp(terminator);
  b.inlineBlockBefore(op.getBody(), b.getInsertionBlock(), b.getInsertionPoint(), ivs);
  b.eraseOp(op);
}

namespace {

struct OutlineParallelLoops : lepton::impl::OutlineParallelLoopsBase<OutlineParallelLoops> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    IRRewriter b(&getContext());
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      SmallVector<scf::ParallelOp> outer, inner;
      function.walk(
          [&](scf::ParallelOp op) { (op->getParentOfType<LoopLikeOpInterface>() ? inner : outer).push_back(op); });
      for (scf::ParallelOp op : inner)
        toSequential(b, op);
      for (scf::ParallelOp op : outer)
        outline(b, symbols, function, op);
    }
  }

  /// The loops that are split among threads: the outer ones, and the innermost too where it is the only one or the outer ones are few.
  static SmallVector<int64_t> splitLoops(scf::ParallelOp op) {
    int64_t rank = op.getNumLoops(), outside = 1;
    for (int64_t d = 0; d + 1 < rank; ++d)
      outside = times(outside, staticCount(op.getLowerBound()[d], op.getUpperBound()[d], op.getStep()[d]));
    bool isTile = !llvm::any_of(op.getBody()->getOps<memref::StoreOp>(), [](auto) { return true; });
    if (isTile)
      return llvm::to_vector(llvm::seq<int64_t>(0, rank));
    if (rank == 1 || outside < 8)
      return {rank - 1};
    return llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
  }

  static void outline(IRRewriter &b, SymbolTable &symbols, func::FuncOp function, scf::ParallelOp op) {
    Location loc = op.getLoc();
    SmallVector<int64_t> split = splitLoops(op);
    b.setInsertionPoint(op);
    Value n = arith::ConstantIndexOp::create(b, loc, 1);
    SmallVector<Value> counts;
    for (int64_t d : split) {
      Value span = b.createOrFold<arith::SubIOp>(loc, op.getUpperBound()[d], op.getLowerBound()[d]);
      counts.push_back(b.createOrFold<arith::CeilDivSIOp>(loc, span, op.getStep()[d]));
      n = b.createOrFold<arith::MulIOp>(loc, n, counts.back());
    }
    int64_t each = work(*op.getBody());
    for (int64_t d = 0; d < int64_t(op.getNumLoops()); ++d)
      if (!llvm::is_contained(split, d))
        each = times(each, staticCount(op.getLowerBound()[d], op.getUpperBound()[d], op.getStep()[d]));
    bool areTasks = op->hasAttr("lepton.tasks"); // who made them knows that they are worth a thread each
    int64_t grain = areTasks ? 1 : std::max<int64_t>(1, worthwhileWork / std::max<int64_t>(each, 1));
    // The range's function: what the loop captures comes as arguments; constants are cloned.
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    for (Value value : llvm::concat<Value>(counts, SmallVector<Value>(op->getOperands())))
      captured.insert(value);
    Value context = function.getArgument(0);
    SmallVector<Value> arguments, constants;
    for (Value value : captured)
      if (value != context)
        (value.getDefiningOp() && value.getDefiningOp()->hasTrait<OpTrait::ConstantLike>() ? constants : arguments)
            .push_back(value);
    Type index = b.getIndexType();
    SmallVector<Type> inputs = {context.getType(), index, index};
    llvm::append_range(inputs, ValueRange(arguments).getTypes());
    auto body =
        func::FuncOp::create(loc, (function.getName() + "_body").str(), FunctionType::get(b.getContext(), inputs, {}));
    body.setPrivate();
    body->setAttr("lepton.parallel_body", b.getUnitAttr());
    symbols.insert(body, std::next(function->getIterator()));
    lrt::ParallelForOp::create(b, loc, context, FlatSymbolRefAttr::get(body.getNameAttr()), n,
                               b.getI64IntegerAttr(grain), arguments);
    Block *block = body.addEntryBlock();
    IRMapping mapping;
    mapping.map(context, block->getArgument(0));
    for (auto [value, argument] : llvm::zip_equal(arguments, block->getArguments().drop_front(3)))
      mapping.map(value, argument);
    b.setInsertionPointToStart(block);
    for (Value constant : constants)
      mapping.map(constant, b.clone(*constant.getDefiningOp())->getResult(0));
    emitRange(b, op, split, counts, mapping, block->getArgument(1), block->getArgument(2));
    b.setInsertionPointToEnd(block);
    func::ReturnOp::create(b, loc);
    hoistStackBuffers(body);
    b.eraseOp(op);
  }

  /// for range in [begin, end): the split loops' indices from the range's number, the other loops inside.
  static void emitRange(IRRewriter &b, scf::ParallelOp op, ArrayRef<int64_t> split, ArrayRef<Value> counts,
                        IRMapping &mapping, Value begin, Value end) {
    Location loc = op.getLoc();
    auto range = scf::ForOp::create(b, loc, begin, end, arith::ConstantIndexOp::create(b, loc, 1));
    b.setInsertionPointToStart(range.getBody());
    Value rest = range.getInductionVar();
    for (int64_t i = int64_t(split.size()) - 1; i >= 0; --i) {
      int64_t d = split[i];
      Value count = mapping.lookupOrDefault(counts[i]), number = rest;
      if (i > 0) {
        number = b.createOrFold<arith::RemUIOp>(loc, rest, count);
        rest = b.createOrFold<arith::DivUIOp>(loc, rest, count);
      }
      Value scaled = b.createOrFold<arith::MulIOp>(loc, number, mapping.lookupOrDefault(op.getStep()[d]));
      mapping.map(op.getInductionVars()[d],
                  b.createOrFold<arith::AddIOp>(loc, scaled, mapping.lookupOrDefault(op.getLowerBound()[d])));
    }
    for (int64_t d = 0; d < int64_t(op.getNumLoops()); ++d) {
      if (llvm::is_contained(split, d))
        continue;
      auto loop =
          scf::ForOp::create(b, loc, mapping.lookupOrDefault(op.getLowerBound()[d]),
                             mapping.lookupOrDefault(op.getUpperBound()[d]), mapping.lookupOrDefault(op.getStep()[d]));
      mapping.map(op.getInductionVars()[d], loop.getInductionVar());
      b.setInsertionPointToStart(loop.getBody());
    }
    for (Operation &inner : op.getBody()->without_terminator())
      b.clone(inner, mapping);
  }

  /// One stack buffer per call of the body, not one per iteration.
  static void hoistStackBuffers(func::FuncOp body) {
    SmallVector<memref::AllocaOp> buffers;
    body.walk([&](memref::AllocaOp op) { buffers.push_back(op); });
    for (memref::AllocaOp op : buffers)
      op->moveBefore(&body.front(), body.front().begin());
  }
};

} // namespace
