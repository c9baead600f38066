//===- SharedReduction.cpp - reductions that the threads of a block share ----------------------------------------------------===//

#include "passes/gpu/SharedReduction.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lepton;

Operation *lepton::combinerOf(linalg::LinalgOp op) {
  if (op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0)
    return nullptr;
  BlockArgument accumulator = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  Operation *combiner = op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  if (!accumulator.hasOneUse() || *accumulator.user_begin() != combiner || combiner->getNumOperands() != 2 ||
      !arith::getNeutralElement(combiner))
    return nullptr;
  return combiner;
}

SmallVector<int64_t> lepton::reductionOf(linalg::LinalgOp op) {
  SmallVector<unsigned> dims;
  op.getReductionDims(dims);
  SmallVector<int64_t> loops(dims.begin(), dims.end());
  // An unknown extent, a negative number, is taken for the longest.
  auto extents = op.getStaticLoopRanges();
  auto longest =
      llvm::max_element(loops, [&](int64_t l, int64_t r) { return uint64_t(extents[l]) < uint64_t(extents[r]); });
  std::rotate(longest, longest + 1, loops.end());
  return loops;
}

Value lepton::neutralElement(OpBuilder &b, Operation *combiner) {
  return arith::ConstantOp::create(b, combiner->getLoc(), *arith::getNeutralElement(combiner));
}

SharedReduction::SharedReduction(DeviceFunction &device, Operation *combiner, int64_t threads, int64_t parts)
    : device(device), b(device.b), loc(combiner->getLoc()), combiner(combiner), threads(threads), parts(parts),
      lines(threads / parts) {
  line = b.createOrFold<arith::RemUIOp>(loc, device.thread(), device.constant(lines));
  part = b.createOrFold<arith::DivUIOp>(loc, device.thread(), device.constant(lines));
  isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, part, device.constant(0));
}

Value SharedReduction::begin(Value initial) {
  return arith::SelectOp::create(b, loc, isFirst, initial, neutralElement(b, combiner));
}

/// How the threads of a subgroup combine numbers; nothing where no instruction does. Of the largest and the least of floats that says nothing where one is no
/// number: these are found as integers.
static std::optional<gpu::AllReduceOperation> subgroupOperation(Operation *combiner) {
  Type type = combiner->getResult(0).getType();
  if (!targetOf(combiner).hasSubgroups() || !(type.isF32() || type.isInteger(32)))
    return std::nullopt;
  using Known = std::optional<gpu::AllReduceOperation>;
  return llvm::TypeSwitch<Operation *, Known>(combiner)
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return gpu::AllReduceOperation::ADD; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return gpu::AllReduceOperation::MUL; })
      .Case<arith::MaximumFOp, arith::MaxSIOp>([](auto) { return gpu::AllReduceOperation::MAXSI; })
      .Case<arith::MinimumFOp, arith::MinSIOp>([](auto) { return gpu::AllReduceOperation::MINSI; })
      .Default(Known());
}

bool lepton::hasSubgroupOperation(Operation *combiner) { return subgroupOperation(combiner).has_value(); }

/// The bits of a float, all but the sign flipped where that is set: integers in the order of the floats. The other way round the same.
static Value orderBits(OpBuilder &b, Location loc, Value bits) {
  Value sign = arith::ShRSIOp::create(b, loc, bits, arith::ConstantIntOp::create(b, loc, bits.getType(), 31)),
        others = arith::ConstantIntOp::create(b, loc, bits.getType(), std::numeric_limits<int32_t>::max());
  return arith::XOrIOp::create(b, loc, bits, arith::AndIOp::create(b, loc, sign, others));
}

/// Of the threads of a subgroup. What is no number is the last integer in the direction that is looked for, which is none as a float, either.
Value SharedReduction::combineSubgroup(Value partial, gpu::AllReduceOperation operation) {
  const bool isOrdered = isa<arith::MaximumFOp, arith::MinimumFOp>(combiner);
  if (!isOrdered)
    return gpu::SubgroupReduceOp::create(b, loc, partial, operation, /*uniform=*/false);
  const int32_t last = operation == gpu::AllReduceOperation::MAXSI ? std::numeric_limits<int32_t>::max()
                                                                   : std::numeric_limits<int32_t>::min();
  Value bits = orderBits(b, loc, arith::BitcastOp::create(b, loc, b.getI32Type(), partial)),
        isNoNumber = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, partial, partial);
  bits = arith::SelectOp::create(b, loc, isNoNumber, arith::ConstantIntOp::create(b, loc, b.getI32Type(), last), bits);
  bits = gpu::SubgroupReduceOp::create(b, loc, bits, operation, /*uniform=*/false);
  return arith::BitcastOp::create(b, loc, partial.getType(), orderBits(b, loc, bits));
}

Value SharedReduction::combineTwo(Value l, Value r) {
  Operation *sum = b.clone(*combiner);
  sum->setOperands({l, r});
  return sum->getResult(0);
}

/// Of all threads of a block: each subgroup, of whatever width, leaves its sum in shared memory, and each thread adds these up.
Value SharedReduction::combineBlock(Value partial, gpu::AllReduceOperation operation) {
  Value shared = device.shared(MemRefType::get({threads}, partial.getType()), loc), zero = device.constant(0),
        one = device.constant(1);
  Value sum = combineSubgroup(partial, operation);
  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                        gpu::LaneIdOp::create(b, loc, /*upper_bound=*/nullptr), zero);
  {
    OpBuilder::InsertionGuard guard(b);
    Value subgroup = gpu::SubgroupIdOp::create(b, loc, /*upper_bound=*/nullptr);
    b.setInsertionPointToStart(scf::IfOp::create(b, loc, isFirst, /*withElseRegion=*/false).thenBlock());
    memref::StoreOp::create(b, loc, sum, shared, subgroup);
  }
  gpu::BarrierOp::create(b, loc);
  Value count = gpu::NumSubgroupsOp::create(b, loc, /*upper_bound=*/nullptr);
  auto loop = scf::ForOp::create(b, loc, one, count, one, memref::LoadOp::create(b, loc, shared, zero).getResult());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value other = memref::LoadOp::create(b, loc, shared, loop.getInductionVar());
  scf::YieldOp::create(b, loc, combineTwo(loop.getRegionIterArg(0), other));
  return loop.getResult(0);
}

SmallVector<Value> SharedReduction::combine(ValueRange partial) {
  if (auto operation = subgroupOperation(combiner); operation && lines == 1 && partial.size() == 1)
    return {combineBlock(partial.front(), *operation)};
  auto type = MemRefType::get({int64_t(partial.size()), threads}, partial.front().getType());
  Value shared = device.shared(type, loc);
  auto place = [&](size_t i, Value thread) { return SmallVector<Value>{device.constant(i), thread}; };
  for (auto [i, value] : llvm::enumerate(partial))
    memref::StoreOp::create(b, loc, value, shared, place(i, device.thread()));
  for (int64_t half = parts / 2; half > 0; half /= 2) {
    gpu::BarrierOp::create(b, loc);
    Value has = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, part, device.constant(half));
    auto branch = scf::IfOp::create(b, loc, has, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value other = arith::AddIOp::create(b, loc, device.thread(), device.constant(half * lines));
    for (size_t i = 0; i < partial.size(); ++i) {
      Value own = memref::LoadOp::create(b, loc, shared, place(i, device.thread())),
            theirs = memref::LoadOp::create(b, loc, shared, place(i, other));
      memref::StoreOp::create(b, loc, combineTwo(own, theirs), shared, place(i, device.thread()));
    }
  }
  SmallVector<Value> sums;
  for (size_t i = 0; i < partial.size(); ++i)
    sums.push_back(memref::LoadOp::create(b, loc, shared, place(i, device.thread())));
  return sums;
}
