//===- NestBody.cpp - one step of a linalg op's loops -----------------------------------------------------------------------===//

#include "passes/vector/NestBody.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace lepton;

NestBody::NestBody(RewriterBase &b, linalg::LinalgOp op) : b(b), op(op), loc(op.getLoc()) {
  for (Range range : op.createLoopRanges(b, loc))
    bounds.push_back(getValueOrCreateConstantIndexOp(b, loc, range.size));
  ivs.resize(bounds.size());
}

scf::ForOp NestBody::openFor(int64_t d, ValueRange carried, Value begin, Value step) {
  auto loop = scf::ForOp::create(b, loc, begin ? begin : zero(), bounds[d], step ? step : one(), carried);
  ivs[d] = loop.getInductionVar();
  b.setInsertionPointToStart(loop.getBody());
  return loop;
}

SmallVector<Value> NestBody::indicesOf(OpOperand &operand) {
  SmallVector<Value> indices;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  for (AffineExpr result : map.getResults())
    indices.push_back(affine::expandAffineExpr(b, loc, result, ivs, {}));
  return indices;
}

IRMapping NestBody::cloneOps(Value accumulator) {
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (argument.use_empty())
      continue;
    bool isScalar = !isa<MemRefType>(operand.get().getType());
    bool carried = accumulator && op.isDpsInit(&operand);
    Value element = carried    ? accumulator
                    : isScalar ? operand.get()
                               : memref::LoadOp::create(b, loc, operand.get(), indicesOf(operand)).getResult();
    mapping.map(argument, element);
  }
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(index.getResult(), ivs[index.getDim()]);
    else
      b.clone(inner, mapping);
  }
  return mapping;
}

SmallVector<Value> NestBody::cloneValues(ValueRange inner, Value accumulator) {
  IRMapping mapping = cloneOps(accumulator);
  return llvm::map_to_vector(inner, [&](Value value) { return mapping.lookupOrDefault(value); });
}

SmallVector<Value> NestBody::cloneBody(Value accumulator) {
  return cloneValues(op.getBlock()->getTerminator()->getOperands(), accumulator);
}

void NestBody::emitBody() {
  SmallVector<Value> values = cloneBody({});
  for (auto [i, value] : llvm::enumerate(values)) {
    OpOperand *init = op.getDpsInitOperand(i);
    memref::StoreOp::create(b, loc, value, init->get(), indicesOf(*init));
  }
}

void NestBody::emitRegisterReduction(ArrayRef<int64_t> reduction) {
  OpOperand *init = op.getDpsInitOperand(0);
  SmallVector<Value> where = indicesOf(*init);
  Value accumulator = memref::LoadOp::create(b, loc, init->get(), where),
        result = emitSideBySide(*this, reduction, accumulator, zero(), one()).front();
  memref::StoreOp::create(b, loc, result, init->get(), where);
}

SmallVector<Value> NestBody::emitSideBySide(MutableArrayRef<NestBody> lanes, ArrayRef<int64_t> reduction,
                                            ValueRange accumulators, Value begin, Value step, int64_t unroll) {
  NestBody &first = lanes.front();
  RewriterBase &b = first.b;
  SmallVector<Value> carried(accumulators);
  SmallVector<scf::ForOp> loops;
  const int64_t extent = first.op.getStaticLoopRanges()[reduction.back()],
                copies = !ShapedType::isDynamic(extent) && extent % unroll == 0 ? unroll : 1;
  auto times = [&](Value count) {
    return b.createOrFold<arith::MulIOp>(first.loc, count, arith::ConstantIndexOp::create(b, first.loc, copies));
  };
  for (int64_t d : reduction) {
    loops.push_back(d == reduction.back() ? first.openFor(d, carried, times(begin), times(step))
                                          : first.openFor(d, carried));
    llvm::copy(loops.back().getRegionIterArgs(), carried.begin());
  }
  const Value innermost = first.ivs[reduction.back()];
  for (int64_t copy = 0; copy < copies; ++copy) {
    first.ivs[reduction.back()] = b.createOrFold<arith::AddIOp>(
        first.loc, innermost, arith::ConstantIndexOp::create(b, first.loc, copy).getResult());
    for (auto [lane, accumulator] : llvm::zip_equal(lanes, carried)) {
      for (int64_t d : reduction)
        lane.ivs[d] = first.ivs[d];
      accumulator = lane.cloneBody(accumulator).front();
    }
  }
  for (scf::ForOp loop : llvm::reverse(loops)) {
    scf::YieldOp::create(b, first.loc, carried);
    b.setInsertionPointAfter(loop);
    llvm::copy(loop.getResults(), carried.begin());
  }
  return carried;
}

SmallVector<int64_t> NestBody::loopsOf(utils::IteratorType kind) {
  SmallVector<int64_t> loops;
  for (auto [i, own] : llvm::enumerate(op.getIteratorTypesArray()))
    if (own == kind)
      loops.push_back(i);
  return loops;
}

SmallVector<Value> NestBody::parallelBounds() {
  return llvm::map_to_vector(loopsOf(utils::IteratorType::parallel), [&](int64_t d) { return bounds[d]; });
}

void NestBody::placeAt(ValueRange indices) {
  for (auto [d, index] : llvm::zip_equal(loopsOf(utils::IteratorType::parallel), indices))
    ivs[d] = index;
}

void NestBody::emitElement() {
  SmallVector<int64_t> reduction = loopsOf(utils::IteratorType::reduction);
  if (!reduction.empty() && op.getNumDpsInits() == 1)
    return emitRegisterReduction(reduction);
  for (int64_t d : reduction)
    openFor(d);
  emitBody();
}

void NestBody::emitInOrder() {
  for (int64_t d : loopsOf(utils::IteratorType::parallel))
    openFor(d);
  emitElement();
}
