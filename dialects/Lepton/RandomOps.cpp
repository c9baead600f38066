//===- RandomOps.cpp - random numbers -----------------------------------------------------------------------------------------===//

#include "dialects/Lepton/FloatMath.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;
using F = SizeFunction;
using arith::CmpIPredicate;

LogicalResult RandomOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  auto type = cast<RankedTensorType>(getCount().getType());
  if (!type.hasStaticShape() || type.getNumElements() != 1 || !isa<IntegerType>(type.getElementType()))
    return emitOpError() << "needs the count as one integer, got " << type;
  AffineExpr count = shapes.apply(F::Max, {shapes.element(getCount(), 0), shapes.constant(0)});
  results.push_back({Float64Type::get(getContext()), {count}});
  return success();
}

namespace {

/// The generator MT19937. Its state, 624 words and the place of the next one, is carried through loops; a word is renewed when it is drawn.
struct MersenneTwister {
  static constexpr int64_t words = 624, reach = 397;

  KernelEmitter &e;
  OpBuilder &b;
  Type i32;
  FloatMath m;

  struct State {
    Value state, place;
  };

  explicit MersenneTwister(KernelEmitter &e) : e(e), b(e.b), i32(e.b.getI32Type()), m{e, e.b.getF64Type()} {}

  Value word(uint32_t value) {
    return arith::ConstantOp::create(b, e.loc, b.getIntegerAttr(i32, llvm::APInt(32, value)));
  }
  Value bitAnd(Value l, Value r) { return b.createOrFold<arith::AndIOp>(e.loc, l, r); }
  Value bitXor(Value l, Value r) { return b.createOrFold<arith::XOrIOp>(e.loc, l, r); }
  Value right(Value x, uint32_t by) { return b.createOrFold<arith::ShRUIOp>(e.loc, x, word(by)); }
  Value left(Value x, uint32_t by) { return b.createOrFold<arith::ShLIOp>(e.loc, x, word(by)); }
  Value read(Value state, Value at) { return tensor::ExtractOp::create(b, e.loc, state, at); }

  State seeded(uint32_t seed) {
    Value empty = e.temporary(e.shapes.constant(words), i32);
    Value first = tensor::InsertOp::create(b, e.loc, word(seed), empty, e.index(0));
    auto filled = e.inOrder(e.index(1), e.index(words), {first, word(seed)},
                            [&](ValueRange at, ValueRange carried) -> SmallVector<Value> {
                              Value i = b.createOrFold<arith::IndexCastOp>(e.loc, i32, at[0]), previous = carried[1];
                              Value next = e.add(e.mul(word(1812433253), bitXor(previous, right(previous, 30))), i);
                              return {tensor::InsertOp::create(b, e.loc, next, carried[0], at[0]), next};
                            });
    return {filled[0], e.index(0)};
  }

  /// The place `by` places after another, around the end.
  Value after(Value place, int64_t by) {
    Value next = e.add(place, e.index(by)), size = e.index(words);
    return e.select(e.compare(CmpIPredicate::slt, next, size), next, e.sub(next, size));
  }

  /// The next 32 bits.
  Value draw(State &s) {
    Value high = bitAnd(read(s.state, s.place), word(0x80000000)),
          low = bitAnd(read(s.state, after(s.place, 1)), word(0x7fffffff));
    Value joined = b.createOrFold<arith::OrIOp>(e.loc, high, low);
    Value isOdd = e.compare(CmpIPredicate::ne, bitAnd(low, word(1)), word(0));
    Value y = bitXor(bitXor(read(s.state, after(s.place, reach)), right(joined, 1)),
                     e.select(isOdd, word(0x9908b0df), word(0)));
    s.state = tensor::InsertOp::create(b, e.loc, y, s.state, s.place);
    s.place = after(s.place, 1);
    y = bitXor(y, right(y, 11));
    y = bitXor(y, bitAnd(left(y, 7), word(0x9d2c5680)));
    y = bitXor(y, bitAnd(left(y, 15), word(0xefc60000)));
    return bitXor(y, right(y, 18));
  }

  /// The next number in [0, 1), of 53 bits.
  Value uniform(State &s) {
    auto toFloat = [&](Value bits) { return b.createOrFold<arith::UIToFPOp>(e.loc, m.type, bits); };
    Value high = toFloat(right(draw(s), 5)), low = toFloat(right(draw(s), 6));
    return m.div(m.add(m.mul(high, m.number(67108864)), low), m.number(9007199254740992));
  }

  /// The next two numbers of the standard normal distribution: points in a square until one is in the circle.
  std::pair<Value, Value> normals(State &s) {
    Type types[] = {s.state.getType(), s.place.getType(), m.type, m.type, m.type};
    auto loop = scf::WhileOp::create(b, e.loc, types, ValueRange{s.state, s.place});
    Block *before = b.createBlock(&loop.getBefore(), {}, {types[0], types[1]}, {e.loc, e.loc});
    State inner{before->getArgument(0), before->getArgument(1)};
    auto coordinate = [&] { return m.sub(m.mul(m.number(2), uniform(inner)), m.number(1)); };
    Value x = coordinate(), y = coordinate(), square = m.add(m.mul(x, x), m.mul(y, y));
    Value outside = m.compare(arith::CmpFPredicate::OGE, square, m.number(1)), centre = m.equal(square, m.number(0));
    scf::ConditionOp::create(b, e.loc, b.createOrFold<arith::OrIOp>(e.loc, outside, centre),
                             ValueRange{inner.state, inner.place, x, y, square});
    Block *again = b.createBlock(&loop.getAfter(), {}, types, SmallVector<Location>(5, e.loc));
    scf::YieldOp::create(b, e.loc, again->getArguments().take_front(2));
    b.setInsertionPointAfter(loop);
    s = {loop.getResult(0), loop.getResult(1)};
    square = loop.getResult(4);
    Value factor = m.sqrt(m.div(m.mul(m.number(-2), m.log(square)), square));
    return {m.mul(factor, loop.getResult(3)), m.mul(factor, loop.getResult(2))};
  }

  /// The same one at a time: every other one was made along with the one before, and carried.
  Value normal(State &s, Value &carried, Value position) {
    Value isEven =
        e.compare(CmpIPredicate::eq, b.createOrFold<arith::RemUIOp>(e.loc, position, e.index(2)), e.index(0));
    auto choice = scf::IfOp::create(b, e.loc, TypeRange{s.state.getType(), s.place.getType(), m.type, m.type}, isEven,
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(choice.elseBlock());
    scf::YieldOp::create(b, e.loc, ValueRange{s.state, s.place, carried, carried});
    b.setInsertionPointToEnd(choice.thenBlock());
    auto [first, second] = normals(s);
    scf::YieldOp::create(b, e.loc, ValueRange{s.state, s.place, first, second});
    s = {choice.getResult(0), choice.getResult(1)};
    carried = choice.getResult(3);
    return choice.getResult(2);
  }
};

} // namespace

SmallVector<Value> RandomOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  MersenneTwister twister(e);
  MersenneTwister::State start = twister.seeded(getSeed());
  SmallVector<Value> carried = {inits[0], start.state, start.place, twister.m.number(0)};
  auto step = [&](ValueRange at, ValueRange carried) -> SmallVector<Value> {
    MersenneTwister::State s{carried[1], carried[2]};
    Value spare = carried[3], number = getNormal() ? twister.normal(s, spare, at[0]) : twister.uniform(s);
    return {tensor::InsertOp::create(e.b, e.loc, number, carried[0], at[0]), s.state, s.place, spare};
  };
  return {e.inOrder(e.index(0), e.dim(getResult(), 0), carried, step).front()};
}
