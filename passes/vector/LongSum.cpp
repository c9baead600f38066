//===- LongSum.cpp - sums of many floats, block by block -----------------------------------------------------------------------===//

#include "passes/vector/LongSum.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace lepton;

/// The terms of a block: so many that joining the vectors of its sum costs little, so few that they lose little.
static constexpr int64_t mostTerms = 4096;
/// The same of sums side by side, whose vectors are not joined.
static constexpr int64_t mostTermsOfLane = 512;
/// Sums side by side, which stay in the first-level cache. Of more, known to be as many, each row is read whole instead: pieces of rows cost more than they save.
static constexpr int64_t mostLanes = 4096;

bool LongSum::applies(ArrayRef<int64_t> lanes) {
  auto isWide = [&](int64_t lane) { return nest.op.getStaticLoopRanges()[lane] > mostLanes; };
  return isLong(reduction, mostTerms) && !llvm::any_of(lanes, isWide) && nest.op.getNumDpsInits() == 1 &&
         nest.op.hasPureBufferSemantics() && adder();
}

/// Whether loops have, or may have, more iterations.
bool LongSum::isLong(ArrayRef<int64_t> loops, int64_t most) {
  int64_t terms = 1;
  for (int64_t d : loops) {
    const int64_t extent = nest.op.getStaticLoopRanges()[d];
    if (ShapedType::isDynamic(extent) || (terms *= extent) > most)
      return true;
  }
  return false;
}

/// What adds a term to the result, where that is all that happens to it.
arith::AddFOp LongSum::adder() {
  BlockArgument sum = nest.op.getMatchingBlockArgument(nest.op.getDpsInitOperand(0));
  auto add = nest.op.getBlock()->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  return add && sum.hasOneUse() && llvm::is_contained(add->getOperands(), sum) ? add : nullptr;
}

Value LongSum::none() { return arith::ConstantOp::create(nest.b, nest.loc, nest.b.getZeroAttr(adder().getType())); }

Value LongSum::add(Value l, Value r) {
  return arith::AddFOp::create(nest.b, nest.loc, l, r, adder().getFastmathAttr());
}

LongSum::Loops LongSum::over(ArrayRef<int64_t> dims) {
  Loops loops{SmallVector<int64_t>(dims), {}, {}, {}};
  for (int64_t d : dims) {
    loops.begins.push_back(nest.zero());
    loops.ends.push_back(nest.bounds[d]);
    loops.steps.push_back(nest.one());
  }
  return loops;
}

LongSum::Loops LongSum::block(int64_t dim, Value begin, int64_t count) {
  Loops loops = over(dim);
  const int64_t extent = nest.op.getStaticLoopRanges()[dim];
  Value end = nest.b.createOrFold<arith::AddIOp>(nest.loc, begin, constant(count));
  if (ShapedType::isDynamic(extent) || extent % count)
    end = arith::MinSIOp::create(nest.b, nest.loc, end, nest.bounds[dim]);
  loops.begins = {begin};
  loops.ends = {end};
  return loops;
}

LongSum::Loops LongSum::Loops::around(const Loops &inner) const {
  Loops all = *this;
  llvm::append_range(all.dims, inner.dims);
  llvm::append_range(all.begins, inner.begins);
  llvm::append_range(all.ends, inner.ends);
  llvm::append_range(all.steps, inner.steps);
  return all;
}

LongSum::Carried LongSum::emit(const Loops &loops, ValueRange carried, llvm::function_ref<Carried(ValueRange)> body) {
  return scf::buildLoopNest(nest.b, nest.loc, loops.begins, loops.ends, loops.steps, carried,
                            [&](OpBuilder &, Location, ValueRange ivs, ValueRange inner) -> scf::ValueVector {
                              for (auto [d, iv] : llvm::zip_equal(loops.dims, ivs))
                                nest.ivs[d] = iv;
                              Carried next = body(inner);
                              return {next.begin(), next.end()};
                            })
      .results;
}

/// A block is a range of the outermost loop whose inner loops are together not long.
LongSum::Carried LongSum::forEachBlock(int64_t most, ValueRange carried,
                                       llvm::function_ref<Carried(const Loops &terms, ValueRange)> emitBlock) {
  ArrayRef<int64_t> all = reduction;
  size_t split = all.size() - 1;
  while (split && !isLong(all.drop_front(split), most))
    --split;
  int64_t count = most;
  for (int64_t d : all.drop_front(split + 1))
    count /= std::max<int64_t>(nest.op.getStaticLoopRanges()[d], 1);
  count = std::max<int64_t>(count, 1);
  Loops blocks = over(all.take_front(split + 1));
  blocks.steps.back() = constant(count);
  return emit(blocks, carried, [&](ValueRange sums) {
    const int64_t dim = all[split];
    return emitBlock(block(dim, nest.ivs[dim], count).around(over(all.drop_front(split + 1))), sums);
  });
}

void LongSum::emitElement() {
  OpOperand *init = nest.op.getDpsInitOperand(0);
  SmallVector<Value> where = nest.indicesOf(*init);
  Value sum = memref::LoadOp::create(nest.b, nest.loc, init->get(), where);
  sum = forEachBlock(mostTerms, sum, [&](const Loops &terms, ValueRange sums) -> Carried {
          Value own = emit(terms, none(), [&](ValueRange sum) { return nest.cloneBody(sum.front()); }).front();
          return {add(sums.front(), own)};
        }).front();
  memref::StoreOp::create(nest.b, nest.loc, sum, init->get(), where);
}

void LongSum::emitLanes(int64_t lane) {
  RewriterBase &b = nest.b;
  Location loc = nest.loc;
  OpOperand *init = nest.op.getDpsInitOperand(0);
  const int64_t extent = nest.op.getStaticLoopRanges()[lane],
                width = ShapedType::isDynamic(extent) ? mostLanes : std::max<int64_t>(extent, 1);
  Value begin = nest.openFor(lane, {}, {}, constant(width)).getInductionVar();
  // Memory of a loop's iteration: without a scope, it would be the function's.
  auto scope = memref::AllocaScopeOp::create(b, loc, TypeRange());
  b.setInsertionPointToStart(&scope.getBodyRegion().emplaceBlock());
  Value sums = memref::AllocaOp::create(b, loc, MemRefType::get(width, adder().getType()));
  auto own = [&]() -> Value { return b.createOrFold<arith::SubIOp>(loc, nest.ivs[lane], begin); };
  auto store = [&](Value sum) { memref::StoreOp::create(b, loc, sum, sums, own()); };
  auto load = [&]() -> Value { return memref::LoadOp::create(b, loc, sums, own()); };
  const Loops lanes = block(lane, begin, width);
  auto forEach = [&](const Loops &loops, llvm::function_ref<void()> body) {
    emit(loops, {}, [&](ValueRange) -> Carried {
      body();
      return {};
    });
  };
  forEachBlock(mostTermsOfLane, {}, [&](const Loops &terms, ValueRange) -> Carried {
    forEach(lanes, [&] { store(none()); });
    forEach(terms.around(lanes), [&] { store(nest.cloneBody(load()).front()); });
    forEach(lanes, [&] {
      SmallVector<Value> where = nest.indicesOf(*init);
      Value sum = memref::LoadOp::create(b, loc, init->get(), where);
      memref::StoreOp::create(b, loc, add(sum, load()), init->get(), where);
    });
    return {};
  });
  memref::AllocaScopeReturnOp::create(b, loc);
}
