//===- PairLoops.cpp - two independent loops run side by side ---------------------------------------------------------------===//
//
// Before: a scf.for of kernel calls, and later in the same block another one that takes as long and has nothing to do with it: the two directions of a
//         bidirectional recurrence.
// After:  scf.parallel of two tasks, one for each of them. Their kernels find the threads busy and run on one, so that nothing is split and joined in
//         every step.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lepton {
#define GEN_PASS_DEF_PAIRLOOPS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// Elements assumed of a dimension whose size only the run knows.
static constexpr int64_t assumedSize = 64;

/// The numbers of the arguments that a kernel writes to; nothing where that cannot be told.
static std::optional<llvm::SmallDenseSet<unsigned>> writtenArguments(func::FuncOp kernel) {
  llvm::SmallDenseSet<unsigned> written;
  BufferViewFlowAnalysis views(kernel);
  WalkResult result = kernel.walk([&](Operation *op) {
    auto effects = dyn_cast<MemoryEffectOpInterface>(op);
    if (!effects)
      return isMemoryEffectFree(op) || op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() || isa<func::FuncOp>(op)
                 ? WalkResult::advance()
                 : WalkResult::interrupt();
    SmallVector<MemoryEffects::EffectInstance> instances;
    effects.getEffects(instances);
    for (const MemoryEffects::EffectInstance &effect : instances)
      if (isa<MemoryEffects::Write>(effect.getEffect()) && effect.getValue())
        for (Value origin : views.resolveReverse(effect.getValue()))
          if (auto argument = dyn_cast<BlockArgument>(origin); argument && argument.getOwner() == &kernel.front())
            written.insert(argument.getArgNumber());
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return std::nullopt;
  return written;
}

namespace {

/// The buffers, each by its allocation or the entry's argument, that ops read and write.
struct Accesses {
  llvm::SmallDenseSet<Value> read, written;
  bool isUnknown = false;

  static bool meet(const llvm::SmallDenseSet<Value> &a, const llvm::SmallDenseSet<Value> &b) {
    return llvm::any_of(a, [&](Value value) { return b.contains(value); });
  }
  bool conflictsWith(const Accesses &other) const {
    return isUnknown || other.isUnknown || meet(written, other.written) || meet(written, other.read) ||
           meet(read, other.written);
  }
};

class EntryAnalysis {
public:
  explicit EntryAnalysis(func::FuncOp entry)
      : entry(entry), views(entry), symbols(entry->getParentOfType<ModuleOp>()) {}

  Accesses accesses(Operation *op) {
    Accesses found;
    op->walk([&](Operation *inner) { add(inner, found); });
    return found;
  }

  /// Elements that the kernels called in a loop's iteration read and write.
  static int64_t cost(scf::ForOp loop) {
    int64_t elements = 0;
    loop.walk([&](func::CallOp call) {
      for (Type type : call.getOperandTypes())
        if (auto buffer = dyn_cast<MemRefType>(type)) {
          int64_t size = 1;
          for (int64_t dim : buffer.getShape())
            size *= ShapedType::isDynamic(dim) ? assumedSize : dim;
          elements += size;
        }
    });
    return elements;
  }

private:
  void insert(Value value, llvm::SmallDenseSet<Value> &buffers, Accesses &found) {
    bool isKnown = false;
    for (Value origin : views.resolveReverse(value)) {
      auto argument = dyn_cast<BlockArgument>(origin);
      if (!origin.getDefiningOp<memref::AllocOp>() && !(argument && argument.getOwner() == &entry.front()))
        continue;
      buffers.insert(origin);
      isKnown = true;
    }
    found.isUnknown |= !isKnown;
  }

  void add(Operation *op, Accesses &found) {
    if (auto call = dyn_cast<func::CallOp>(op)) {
      auto kernel = symbols.lookup<func::FuncOp>(call.getCallee());
      auto [at, isNew] = writes.try_emplace(kernel);
      if (isNew && kernel && kernel->hasAttr("lepton.kernel"))
        at->second = writtenArguments(kernel);
      if (!at->second) {
        found.isUnknown = true;
        return;
      }
      for (auto [i, operand] : llvm::enumerate(call.getOperands()))
        if (isa<MemRefType>(operand.getType())) {
          insert(operand, found.read, found);
          if (at->second->contains(i))
            insert(operand, found.written, found);
        }
      return;
    }
    auto effects = dyn_cast<MemoryEffectOpInterface>(op);
    if (!effects) {
      found.isUnknown |= !isMemoryEffectFree(op) && !op->hasTrait<OpTrait::HasRecursiveMemoryEffects>();
      return;
    }
    SmallVector<MemoryEffects::EffectInstance> instances;
    effects.getEffects(instances);
    for (const MemoryEffects::EffectInstance &effect : instances) {
      if (isa<MemoryEffects::Allocate>(effect.getEffect()))
        continue;
      bool isRead = isa<MemoryEffects::Read>(effect.getEffect()),
           isWrite = isa<MemoryEffects::Write>(effect.getEffect());
      if (effect.getValue() && (isRead || isWrite))
        insert(effect.getValue(), isRead ? found.read : found.written, found);
      else
        found.isUnknown = true; // an assertion, say, which ends the run
    }
  }

  func::FuncOp entry;
  BufferViewFlowAnalysis views;
  SymbolTable symbols;
  llvm::DenseMap<Operation *, std::optional<llvm::SmallDenseSet<unsigned>>> writes; // by kernel
};

/// Whether an op, or one inside it, uses a result of one of `ops`.
static bool usesResultOf(Operation *op, ArrayRef<Operation *> ops) {
  return llvm::any_of(ops, [&](Operation *before) {
    return llvm::any_of(before->getUsers(), [&](Operation *user) { return op->isAncestor(user); });
  });
}

struct PairLoops : lepton::impl::PairLoopsBase<PairLoops> {
  using PairLoopsBase::PairLoopsBase;

  void runOnOperation() override {
    auto entry = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!entry || !runsPairs(threads))
      return;
    while (pairOnce(entry))
      ;
  }

  /// Pairs the first two loops that can be; false when there are none.
  static bool pairOnce(func::FuncOp entry) {
    auto loops = llvm::to_vector(entry.getOps<scf::ForOp>());
    if (loops.size() < 2)
      return false;
    EntryAnalysis analysis(entry);
    for (auto [i, first] : llvm::enumerate(loops))
      for (scf::ForOp second : llvm::drop_begin(loops, i + 1))
        if (areTwins(first, second) && gather(analysis, first, second)) {
          runSideBySide(first, second);
          return true;
        }
    return false;
  }

  /// Loops that take about as long.
  static bool areTwins(scf::ForOp first, scf::ForOp second) {
    const std::optional<APInt> firstTrips = first.getStaticTripCount(), secondTrips = second.getStaticTripCount();
    const bool isCounted = firstTrips && secondTrips;
    if (!isCounted && (first.getLowerBound() != second.getLowerBound() ||
                       first.getUpperBound() != second.getUpperBound() || first.getStep() != second.getStep()))
      return false;
    int64_t a = EntryAnalysis::cost(first), b = EntryAnalysis::cost(second);
    if (isCounted) {
      a *= firstTrips->getSExtValue();
      b *= secondTrips->getSExtValue();
    }
    auto isStatic = [](Value result) {
      auto type = dyn_cast<MemRefType>(result.getType());
      return result.use_empty() || (type && type.hasStaticShape() && type.getLayout().isIdentity());
    };
    return std::min(a, b) > 0 && std::max(a, b) - std::min(a, b) <= std::min(a, b) / 8 &&
           llvm::all_of(first.getResults(), isStatic) && llvm::all_of(second.getResults(), isStatic);
  }

  /// Moves what the second loop needs, and the loop itself, to the first one; false, and nothing is moved, if it needs the first one.
  static bool gather(EntryAnalysis &analysis, scf::ForOp first, scf::ForOp second) {
    SmallVector<Operation *> staying = {first}, moving;
    SmallVector<Accesses> stayingAccesses = {analysis.accesses(first)};
    if (stayingAccesses.front().isUnknown)
      return false;
    auto mustStay = [&](Operation *op, const Accesses &accesses) {
      return usesResultOf(op, staying) ||
             llvm::any_of(stayingAccesses, [&](const Accesses &before) { return accesses.conflictsWith(before); });
    };
    for (Operation *op = first->getNextNode(); op != second; op = op->getNextNode()) {
      Accesses accesses = analysis.accesses(op);
      if (!mustStay(op, accesses)) {
        moving.push_back(op);
        continue;
      }
      staying.push_back(op);
      stayingAccesses.push_back(std::move(accesses));
    }
    if (mustStay(second, analysis.accesses(second)))
      return false;
    for (Operation *op : moving)
      op->moveBefore(first);
    second->moveAfter(first);
    return true;
  }

  /// Memory outside of the tasks that stands for a loop's result from now on.
  static Value keptOutside(scf::ParallelOp tasks, Value result) {
    OpBuilder b(tasks);
    Value kept = memref::AllocOp::create(b, result.getLoc(), cast<MemRefType>(result.getType()));
    result.replaceAllUsesWith(kept);
    return kept;
  }

  static void runSideBySide(scf::ForOp first, scf::ForOp second) {
    OpBuilder b(first);
    Location loc = first.getLoc();
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1),
          two = arith::ConstantIndexOp::create(b, loc, 2);
    auto tasks = scf::ParallelOp::create(b, loc, zero, two, one);
    tasks->setAttr("lepton.tasks", b.getUnitAttr());
    b.setInsertionPointToStart(tasks.getBody());
    auto choice =
        scf::IndexSwitchOp::create(b, loc, TypeRange(), tasks.getInductionVars().front(), ArrayRef<int64_t>{0},
                                   /*caseRegionsCount=*/1);
    for (auto [loop, region] :
         {std::pair(first, &choice.getCaseRegions().front()), std::pair(second, &choice.getDefaultRegion())}) {
      b.setInsertionPointToEnd(&region->emplaceBlock());
      Operation *end = scf::YieldOp::create(b, loc);
      loop->moveBefore(end);
      b.setInsertionPoint(end);
      for (Value result : loop.getResults())
        if (!result.use_empty())
          memref::CopyOp::create(b, loc, result, keptOutside(tasks, result));
    }
  }
};

} // namespace
