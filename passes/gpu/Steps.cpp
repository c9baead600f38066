//===- Steps.cpp - what of a kernel runs by itself on a GPU -----------------------------------------------------------------===//

#include "passes/gpu/Steps.h"
#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace lepton;

bool lepton::isStep(Operation *op) {
  if (auto forall = dyn_cast<scf::ForallOp>(op))
    return forall.isNormalized();
  return isa<linalg::LinalgOp, memref::CopyOp, lrt::CheckOp>(op);
}

std::optional<int64_t> lepton::iterationsOf(linalg::LinalgOp op, utils::IteratorType kind) {
  int64_t count = 1;
  for (auto [extent, own] : llvm::zip_equal(op.getStaticLoopRanges(), op.getIteratorTypesArray())) {
    if (own == kind && ShapedType::isDynamic(extent))
      return std::nullopt;
    count *= own == kind ? extent : 1;
  }
  return count;
}

llvm::SmallBitVector lepton::loopsOf(Value value, linalg::LinalgOp op) {
  llvm::SmallBitVector loops(op.getNumLoops());
  auto argument = dyn_cast<BlockArgument>(value);
  if (value.getParentBlock() != op.getBlock())
    return loops;
  if (argument) {
    AffineMap map = op.getMatchingIndexingMap(op.getMatchingOpOperand(argument));
    for (unsigned d = 0; d < loops.size(); ++d)
      loops[d] = map.isFunctionOfDim(d);
  } else if (auto index = value.getDefiningOp<linalg::IndexOp>()) {
    loops.set(index.getDim());
  } else {
    for (Value operand : value.getDefiningOp()->getOperands())
      loops |= loopsOf(operand, op);
  }
  return loops;
}

Value lepton::baseOf(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    if (!isa<ViewLikeOpInterface, memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(op))
      break;
    memref = op->getOperand(0);
  }
  return memref;
}

bool lepton::dependsOnMemory(Operation *op) {
  if (isa<memref::LoadOp>(op))
    return true;
  return !isa<memref::AllocaOp, lrt::AllocOp>(op) && llvm::any_of(op->getOperands(), [](Value operand) {
    Operation *source = operand.getDefiningOp();
    return source && dependsOnMemory(source);
  });
}

/// What a step writes.
static SmallVector<Value> writtenBy(Operation *step) {
  SmallVector<Value> bases;
  step->walk([&](Operation *op) {
    if (auto nest = dyn_cast<linalg::LinalgOp>(op))
      llvm::append_range(bases, nest.getDpsInits());
    if (auto copy = dyn_cast<memref::CopyOp>(op))
      bases.push_back(copy.getTarget());
    if (auto store = dyn_cast<memref::StoreOp>(op))
      bases.push_back(store.getMemRef());
  });
  for (Value &base : bases)
    base = baseOf(base);
  return bases;
}

bool lepton::hasSeparateSteps(func::FuncOp kernel) {
  SmallVector<Value> written;
  for (Operation &op : kernel.front())
    if (isStep(&op))
      llvm::append_range(written, writtenBy(&op));
  for (Operation &op : kernel.front().without_terminator()) {
    if (isStep(&op))
      continue;
    if (op.getNumRegions() || isa<memref::StoreOp>(op))
      return false;
    auto load = dyn_cast<memref::LoadOp>(op); // is read again by each step that needs it
    if (load && llvm::is_contained(written, baseOf(load.getMemRef())))
      return false;
  }
  return true;
}

//===----------------------------------------------------------------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------------------------------------------------------------===//

static SmallVector<int64_t> parallelLoops(linalg::LinalgOp op) {
  SmallVector<int64_t> loops;
  for (auto [i, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (kind == utils::IteratorType::parallel)
      loops.push_back(i);
  return loops;
}

/// Where a size of a memref is known from: a value, or a memref and its dimension.
static std::pair<Value, int64_t> sizeSource(Value memref, int64_t d) {
  auto type = cast<MemRefType>(memref.getType());
  Operation *op = memref.getDefiningOp();
  auto alloca = dyn_cast_or_null<memref::AllocaOp>(op);
  auto alloc = dyn_cast_or_null<lrt::AllocOp>(op);
  if (!alloca && !alloc)
    return {memref, d};
  Value size =
      alloca ? alloca.getDynamicSizes()[type.getDynamicDimIndex(d)] : alloc.getSizes()[type.getDynamicDimIndex(d)];
  auto dim = size.getDefiningOp<memref::DimOp>();
  return dim && dim.getConstantIndex() ? sizeSource(dim.getSource(), *dim.getConstantIndex())
                                       : std::pair(size, int64_t(-1));
}

/// Whether both have one result, of the same shape.
static bool haveEqualResults(linalg::LinalgOp a, linalg::LinalgOp b) {
  if (a.getNumDpsInits() != 1 || b.getNumDpsInits() != 1)
    return false;
  Value left = a.getDpsInits()[0], right = b.getDpsInits()[0];
  auto type = cast<MemRefType>(left.getType());
  if (type.getShape() != cast<MemRefType>(right.getType()).getShape())
    return false;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.isDynamicDim(d) && sizeSource(left, d) != sizeSource(right, d))
      return false;
  return true;
}

/// Whether the op reads and writes this memory at the indices of its parallel loops alone.
static bool usesOwnElements(linalg::LinalgOp op, Value base) {
  SmallVector<int64_t> loops = parallelLoops(op);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()) || baseOf(operand.get()) != base)
      continue;
    SmallVector<AffineExpr> own;
    for (int64_t loop : loops)
      own.push_back(getAffineDimExpr(loop, op.getContext()));
    const bool isRead = !op.getMatchingBlockArgument(&operand).use_empty();
    if ((isRead || op.isDpsInit(&operand)) &&
        (operand.get() != base || op.getMatchingIndexingMap(&operand).getResults() != ArrayRef(own)))
      return false;
  }
  WalkResult result = op.getBlock()->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      if (!isa<MemRefType>(operand.getType()) || baseOf(operand) != base)
        continue;
      auto load = dyn_cast<memref::LoadOp>(inner);
      if (!load || operand != base || load.getIndices().size() != loops.size())
        return WalkResult::interrupt();
      for (auto [d, index, loop] : llvm::enumerate(load.getIndices(), loops)) {
        auto own = index.getDefiningOp<linalg::IndexOp>();
        const bool isOnlyOne = load.getMemRefType().getDimSize(d) == 1 && getConstantIntValue(index) == 0;
        if (!isOnlyOne && (!own || int64_t(own.getDim()) != loop))
          return WalkResult::interrupt();
      }
    }
    return WalkResult::advance();
  });
  return !result.wasInterrupted();
}

static bool joins(Operation *step, ArrayRef<Operation *> group) {
  auto nest = dyn_cast<linalg::LinalgOp>(step);
  auto own = step->getAttrOfType<LaunchAttr>("lepton.launch"),
       theirs = group.front()->getAttrOfType<LaunchAttr>("lepton.launch");
  if (!nest || own.getUnit() != theirs.getUnit())
    return false;
  return llvm::all_of(group, [&](Operation *other) {
    auto before = dyn_cast<linalg::LinalgOp>(other);
    if (!before || !haveEqualResults(before, nest))
      return false;
    Value theirs = baseOf(before.getDpsInits()[0]), ours = baseOf(nest.getDpsInits()[0]);
    return usesOwnElements(before, theirs) && usesOwnElements(nest, theirs) && usesOwnElements(before, ours) &&
           usesOwnElements(nest, ours);
  });
}

SmallVector<SmallVector<Operation *>> lepton::groupSteps(func::FuncOp kernel) {
  SmallVector<SmallVector<Operation *>> groups;
  for (Operation &op : kernel.front()) {
    if (!isStep(&op))
      continue;
    if (groups.empty() || !joins(&op, groups.back()))
      groups.emplace_back();
    groups.back().push_back(&op);
  }
  return groups;
}

static LaunchAttr ownLaunch(Operation *step) { return step->getAttrOfType<LaunchAttr>("lepton.launch"); }

/// Whether the threads that share a reduction may all do what comes before it.
static bool mayHaveParts(ArrayRef<Operation *> group, Operation *reduction) {
  return llvm::all_of(group.take_until([&](Operation *step) { return step == reduction; }),
                      [](Operation *step) { return isa<linalg::FillOp>(step); });
}

LaunchAttr lepton::launchOf(ArrayRef<Operation *> group) {
  LaunchAttr launch = ownLaunch(group.front());
  for (Operation *step : group) {
    LaunchAttr own = ownLaunch(step);
    if (own.getRows() * own.getColumns() * own.getParts() > 1) {
      if (mayHaveParts(group, step))
        return own;
      const bool hasTile = !own.getStages();
      return LaunchAttr::get(own.getContext(), own.getUnit(), own.getThreads(), 1, hasTile ? own.getRows() : 1,
                             own.getRowLoop(), hasTile ? own.getColumns() : 1, 1, false, 0, 0);
    }
    if (own.getWidth() < launch.getWidth())
      launch = own;
  }
  return launch;
}

SmallVector<Value> lepton::privateMemory(ArrayRef<Operation *> group) {
  SmallVector<Value> found;
  for (Operation *step : group) {
    auto nest = dyn_cast<linalg::LinalgOp>(step);
    Value memory = nest && nest.getNumDpsInits() == 1 ? nest.getDpsInits()[0] : Value();
    if (!memory || !memory.getDefiningOp() || !isa<memref::AllocaOp, lrt::AllocOp>(memory.getDefiningOp()) ||
        llvm::is_contained(found, memory))
      continue;
    auto isInside = [&](Operation *user) {
      return isa<lrt::DeallocOp>(user) ||
             llvm::any_of(group, [&](Operation *member) { return member->isAncestor(user); });
    };
    if (group.size() > 1 && llvm::all_of(memory.getUsers(), isInside))
      found.push_back(memory);
  }
  return found;
}

bool lepton::isOnlyShape(Value memref) {
  return llvm::all_of(memref.getUses(), [](OpOperand &use) {
    auto nest = dyn_cast<linalg::LinalgOp>(use.getOwner());
    return (nest && nest.isDpsInput(&use) && nest.getMatchingBlockArgument(&use).use_empty()) ||
           isa<lrt::DeallocOp, memref::DimOp>(use.getOwner());
  });
}
