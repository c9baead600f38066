//===- MicroKernel.cpp ----------------------------------------------------===//
//
// See MicroKernel.h. Precondition: the tile lies within the iteration space, but for the masked lanes.
//
//===----------------------------------------------------------------------===//
#include "passes/vector/MicroKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/CastInterfaces.h"

using namespace mlir;
using namespace lepton;

/// Products that are added up from zero: as exact as other engines, whose blocks of the reduction have as many or fewer, at a cost of one more addition, load and store of
/// an accumulator for each so many. A batch of sums is minimal filtering's, whose inverse transform takes differences of them: their errors count several times.
static constexpr int64_t longestSum = 512, longestSumOfBatch = 128;

MicroKernel::MicroKernel(OpBuilder &builder, Location loc, const Contraction &contraction, ScheduleAttr schedule,
                         TargetAttr target, ArrayRef<OpFoldResult> extents, bool fromZero, const Epilogue *epilogue)
    : builder(builder), loc(loc), contraction(contraction), schedule(schedule), target(target), extents(extents),
      fromZero(fromZero), epilogue(epilogue) {
  a = makeView(contraction.a);
  b = makeView(contraction.b);
  c = makeView(contraction.c);
  unrolledFrom = contraction.reductionDims.size();
  int64_t copies = 1;
  while (unrolledFrom > 0) {
    int64_t extent = contraction.extents[contraction.reductionDims[unrolledFrom - 1]];
    if (ShapedType::isDynamic(extent) || (copies *= extent) > schedule.getFullUnroll())
      break;
    --unrolledFrom;
  }
}

//===----------------------------------------------------------------------===//
// Index arithmetic, constants folded
//===----------------------------------------------------------------------===//

Value MicroKernel::value(OpFoldResult x) {
  if (auto v = dyn_cast<Value>(x))
    return v;
  return arith::ConstantIndexOp::create(builder, loc, *getConstantIntValue(x));
}

OpFoldResult MicroKernel::add(OpFoldResult x, OpFoldResult y) {
  std::optional<int64_t> cx = getConstantIntValue(x), cy = getConstantIntValue(y);
  if (cx && cy)
    return builder.getIndexAttr(*cx + *cy);
  if (cx == 0)
    return y;
  if (cy == 0)
    return x;
  return arith::AddIOp::create(builder, loc, value(x), value(y), arith::IntegerOverflowFlags::nsw).getResult();
}

OpFoldResult MicroKernel::scale(OpFoldResult x, OpFoldResult y) {
  std::optional<int64_t> cx = getConstantIntValue(x), cy = getConstantIntValue(y);
  if (cx && cy)
    return builder.getIndexAttr(*cx * *cy);
  if (cx == 0 || cy == 0)
    return builder.getIndexAttr(0);
  if (cx == 1)
    return y;
  if (cy == 1)
    return x;
  return arith::MulIOp::create(builder, loc, value(x), value(y), arith::IntegerOverflowFlags::nsw).getResult();
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

MicroKernel::View MicroKernel::makeView(const OperandAccess &access) {
  auto metadata = memref::ExtractStridedMetadataOp::create(builder, loc, access.memref);
  SmallVector<OpFoldResult> sizes = metadata.getConstifiedMixedSizes(), strides = metadata.getConstifiedMixedStrides();
  View view;
  view.elementType = cast<MemRefType>(access.memref.getType()).getElementType();
  view.constant = builder.getIndexAttr(0);
  view.steps.assign(contraction.extents.size(), builder.getIndexAttr(0));
  OpFoldResult last = builder.getIndexAttr(0);
  for (auto [row, constant, size, stride] : llvm::zip_equal(access.coefficients, access.constants, sizes, strides)) {
    view.constant = add(view.constant, scale(builder.getIndexAttr(constant), stride));
    for (auto [step, coefficient] : llvm::zip_equal(view.steps, row))
      step = add(step, scale(builder.getIndexAttr(coefficient), stride));
    last = add(last, scale(add(size, builder.getIndexAttr(-1)), stride));
  }
  OpFoldResult length = add(last, builder.getIndexAttr(1));
  view.buffer =
      memref::ReinterpretCastOp::create(builder, loc, metadata.getBaseBuffer(), metadata.getConstifiedMixedOffset(),
                                        length, OpFoldResult(builder.getIndexAttr(1)));
  return view;
}

OpFoldResult MicroKernel::base(const View &view, const KernelTile &tile) {
  OpFoldResult result = view.constant;
  for (auto [origin, step] : llvm::zip_equal(tile.origin, view.steps))
    if (origin)
      result = add(result, scale(origin, step));
  return result;
}

/// Distances from the tile's base to each of its points along `dims`, the last one fastest.
MicroKernel::Offsets MicroKernel::offsets(const View &view, ArrayRef<unsigned> dims, const KernelTile &tile) {
  Offsets result = {builder.getIndexAttr(0)};
  for (unsigned dim : dims) {
    Offsets next;
    int64_t elements = contraction.form == ContractionForm::Columns && dim == contraction.vectorDim ? tile.lanes : 1;
    for (OpFoldResult outer : result)
      for (int64_t i = 0; i < tile.sizes[dim]; ++i)
        next.push_back(add(outer, scale(view.steps[dim], builder.getIndexAttr(i * elements))));
    result = std::move(next);
  }
  return result;
}

Value MicroKernel::loadScalar(const View &view, OpFoldResult index) {
  return memref::LoadOp::create(builder, loc, view.buffer, value(index));
}

Value MicroKernel::load(const View &view, OpFoldResult index, int64_t lanes, Value mask) {
  auto type = VectorType::get(lanes, view.elementType);
  if (!mask)
    return vector::LoadOp::create(builder, loc, type, view.buffer, value(index));
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  return vector::MaskedLoadOp::create(builder, loc, type, view.buffer, value(index), mask, zero);
}

void MicroKernel::store(const View &view, Value vector, OpFoldResult index, Value mask) {
  if (mask)
    vector::MaskedStoreOp::create(builder, loc, view.buffer, value(index), mask, vector);
  else
    vector::StoreOp::create(builder, loc, vector, view.buffer, value(index));
}

//===----------------------------------------------------------------------===//
// Element computations
//===----------------------------------------------------------------------===//

Value MicroKernel::broadcast(Value x, int64_t lanes) {
  return vector::BroadcastOp::create(builder, loc, VectorType::get(lanes, x.getType()), x);
}

/// Applies the element-wise operations of the body to a scalar or a vector.
Value MicroKernel::apply(ArrayRef<Operation *> chain, Value x) {
  auto shape = dyn_cast<VectorType>(x.getType());
  for (Operation *op : chain) {
    Values operands;
    for (Value operand : op->getOperands()) {
      if (operand.getParentBlock() == op->getBlock())
        operands.push_back(x);
      else
        operands.push_back(shape ? broadcast(operand, shape.getDimSize(0)) : operand);
    }
    Type type = op->getResult(0).getType();
    if (shape)
      type = VectorType::get(shape.getShape(), type);
    x = builder.create(loc, op->getName().getIdentifier(), operands, type, op->getAttrs())->getResult(0);
  }
  return x;
}

/// The broadcast element of A after the element-wise operations, which are cheaper on the scalar; but half floats only
/// have a vector conversion.
Value MicroKernel::broadcastA(Value scalar, int64_t lanes) {
  if (scalar.getType().isF16())
    return apply(contraction.body.aChain, broadcast(scalar, lanes));
  return broadcast(apply(contraction.body.aChain, scalar), lanes);
}

Value MicroKernel::multiplyAdd(Value a, Value b, Value accumulator) {
  if (!contraction.body.isFloat)
    return arith::AddIOp::create(builder, loc, accumulator, arith::MulIOp::create(builder, loc, a, b));
  if (target.getFma())
    return vector::FMAOp::create(builder, loc, a, b, accumulator);
  return arith::AddFOp::create(builder, loc, accumulator, arith::MulFOp::create(builder, loc, a, b));
}

/// The mask belongs to the last vector of each panel.
Value MicroKernel::maskOf(unsigned column) {
  int64_t perPanel = tile->sizes[contraction.vectorDim];
  return static_cast<int64_t>(column) % perPanel == perPanel - 1 ? tile->mask : Value();
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// Whether the innermost reduction goes by pairs of 16-bit integers, whose elements of A lie next to each other.
bool MicroKernel::takesPairs() const {
  auto isWidened = [](ArrayRef<Operation *> chain) {
    auto extension = chain.size() == 1 ? dyn_cast<arith::ExtSIOp>(chain.front()) : arith::ExtSIOp();
    return extension && extension.getIn().getType().isInteger(16) && extension.getType().isInteger(32);
  };
  // The AVX families multiply so; NEON would take the products apart again, and adds each to its sum in the same instruction.
  const bool isFast = target.getVectorBits() >= 256;
  return isFast && contraction.form == ContractionForm::Columns && !contraction.vectorA &&
         isWidened(contraction.body.aChain) && isWidened(contraction.body.bChain) &&
         contraction.a.isUnit(contraction.reductionDims.back());
}

/// `count` consecutive iterations of a reduction dimension, from `at` on.
MicroKernel::Values MicroKernel::steps(unsigned depth, int64_t count, Position at, Values accumulators) {
  const unsigned dim = contraction.reductionDims[depth];
  const bool pairs = takesPairs() && depth + 1 == contraction.reductionDims.size();
  auto position = [&](int64_t i) -> Position {
    OpFoldResult copy = builder.getIndexAttr(i);
    return {add(at.a, scale(copy, a.steps[dim])), add(at.b, scale(copy, b.steps[dim]))};
  };
  for (int64_t i = 0; i < count; ++i) {
    if (pairs && i + 1 < count) {
      accumulators = pairStep(position(i), position(i + 1), std::move(accumulators));
      ++i;
    } else {
      accumulators = reduce(depth + 1, position(i), std::move(accumulators));
    }
  }
  return accumulators;
}

/// One loop over a reduction dimension, `step` consecutive iterations per body.
MicroKernel::Values MicroKernel::loop(unsigned depth, OpFoldResult from, OpFoldResult to, int64_t step, Position at,
                                      Values accumulators) {
  unsigned dim = contraction.reductionDims[depth];
  auto loop = scf::ForOp::create(builder, loc, value(from), value(to), value(builder.getIndexAttr(step)), accumulators);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Values inner(loop.getRegionIterArgs());
  Position first = {add(at.a, scale(loop.getInductionVar(), a.steps[dim])),
                    add(at.b, scale(loop.getInductionVar(), b.steps[dim]))};
  scf::YieldOp::create(builder, loc, steps(depth, step, first, std::move(inner)));
  return Values(loop.getResults());
}

int64_t MicroKernel::longest() const { return contraction.batchDims.empty() ? longestSum : longestSumOfBatch; }

/// The same over [0, count), by parts that are summed from zero. Only the loop over the parts carries the totals, which may leave their registers in it.
MicroKernel::Values MicroKernel::loopByParts(unsigned depth, int64_t count, int64_t step, Position at, Values totals) {
  const int64_t parts = llvm::divideCeil(count, longest()), part = llvm::alignTo(llvm::divideCeil(count, parts), step),
                whole = count - count % part;
  auto index = [&](int64_t i) { return builder.getIndexAttr(i); };
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(totals.front().getType()));
  auto outer = scf::ForOp::create(builder, loc, value(index(0)), value(index(whole)), value(index(part)), totals);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(outer.getBody());
    OpFoldResult from = outer.getInductionVar();
    Values sums = loop(depth, from, add(from, index(part)), step, at, Values(totals.size(), zero));
    for (auto [sum, total] : llvm::zip_equal(sums, outer.getRegionIterArgs()))
      sum = arith::AddFOp::create(builder, loc, total, sum);
    scf::YieldOp::create(builder, loc, sums);
  }
  totals = Values(outer.getResults());
  return whole == count ? totals : loop(depth, index(whole), index(count), step, at, std::move(totals));
}

/// The reduction loops from `depth` inwards. The accumulators go through every one of them, so C is touched once per
/// tile.
MicroKernel::Values MicroKernel::reduce(unsigned depth, Position at, Values accumulators) {
  bool isDot = contraction.form == ContractionForm::Dot;
  if (isDot && depth + 1 == contraction.reductionDims.size())
    return dotLoops(at, std::move(accumulators));
  if (depth == contraction.reductionDims.size())
    return columnsStep(at, std::move(accumulators));
  unsigned dim = contraction.reductionDims[depth];
  if (!isDot && depth >= unrolledFrom)
    return steps(depth, contraction.extents[dim], at, std::move(accumulators));
  OpFoldResult zero = builder.getIndexAttr(0), extent = extents[dim];
  const bool isInnermost = !isDot && depth + 1 == contraction.reductionDims.size();
  const int64_t unroll = isInnermost ? llvm::alignTo(schedule.getUnroll(), takesPairs() ? 2 : 1) : 1;
  OpFoldResult main = extent;
  if (auto trip = getConstantIntValue(extent)) {
    main = builder.getIndexAttr(*trip - *trip % unroll);
  } else if (unroll > 1) {
    Value rest = arith::RemUIOp::create(builder, loc, value(extent), value(builder.getIndexAttr(unroll)));
    main = arith::SubIOp::create(builder, loc, value(extent), rest, arith::IntegerOverflowFlags::nsw).getResult();
  }
  auto count = getConstantIntValue(main);
  const bool isLong = isInnermost && contraction.body.isFloat && count && *count > longest();
  accumulators = isLong ? loopByParts(depth, *count, unroll, at, std::move(accumulators))
                        : loop(depth, zero, main, unroll, at, std::move(accumulators));
  return main == extent ? accumulators : loop(depth, main, extent, 1, at, std::move(accumulators));
}

MicroKernel::Values MicroKernel::columnsStep(Position at, Values accumulators) {
  int64_t lanes = tile->lanes;
  // Loads of B first: they are shared by all rows.
  Values bVectors;
  for (auto [column, offset] : llvm::enumerate(bColumns))
    bVectors.push_back(apply(contraction.body.bChain, load(b, add(at.b, offset), lanes, maskOf(column))));
  for (auto [row, rowOffset] : llvm::enumerate(aRows)) {
    OpFoldResult start = add(at.a, rowOffset);
    Value aVector;
    if (!contraction.vectorA)
      aVector = broadcastA(loadScalar(a, start), lanes);
    for (auto [column, bVector] : llvm::enumerate(bVectors)) {
      if (contraction.vectorA) {
        int64_t inPanel = static_cast<int64_t>(column) % tile->sizes[contraction.vectorDim];
        OpFoldResult index = add(start, builder.getIndexAttr(inPanel * lanes));
        aVector = apply(contraction.body.aChain, load(a, index, lanes, maskOf(column)));
      }
      Value &accumulator = accumulators[row * bVectors.size() + column];
      accumulator = multiplyAdd(aVector, bVector, accumulator);
    }
  }
  return accumulators;
}

/// Two steps of the reduction at once. Neighbouring products are taken apart by shuffles, not by a deinterleave: LLVM finds the instruction in that form.
MicroKernel::Values MicroKernel::pairStep(Position at, Position next, Values accumulators) {
  const int64_t lanes = tile->lanes;
  SmallVector<int64_t> evens, odds;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    evens.push_back(2 * lane);
    odds.push_back(2 * lane + 1);
  }
  auto pick = [&](Value x, ArrayRef<int64_t> places) -> Value {
    return vector::ShuffleOp::create(builder, loc, x, x, places);
  };
  Values bVectors;
  for (auto [column, offset] : llvm::enumerate(bColumns)) {
    Value first = load(b, add(at.b, offset), lanes, maskOf(column)),
          second = load(b, add(next.b, offset), lanes, maskOf(column));
    bVectors.push_back(apply(contraction.body.bChain, vector::InterleaveOp::create(builder, loc, first, second)));
  }
  // The broadcast of a whole pair is that of one 32-bit integer.
  auto one = VectorType::get(1, builder.getI32Type()), pairs = VectorType::get(2 * lanes, a.elementType);
  for (auto [row, offset] : llvm::enumerate(aRows)) {
    Value pair = vector::BitCastOp::create(builder, loc, one, load(a, add(at.a, offset), 2));
    Value bits = broadcast(vector::ExtractOp::create(builder, loc, pair, 0), lanes);
    Value aVector = apply(contraction.body.aChain, vector::BitCastOp::create(builder, loc, pairs, bits));
    for (auto [column, bVector] : llvm::enumerate(bVectors)) {
      Value products = arith::MulIOp::create(builder, loc, aVector, bVector);
      Value sums = arith::AddIOp::create(builder, loc, pick(products, evens), pick(products, odds));
      Value &accumulator = accumulators[row * bVectors.size() + column];
      accumulator = arith::AddIOp::create(builder, loc, accumulator, sums);
    }
  }
  return accumulators;
}

/// One vector of products per (row, column). A single lane is a tail element: it lands in lane 0 of the full
/// accumulators.
MicroKernel::Values MicroKernel::dotStep(Position at, Values accumulators, int64_t lanes, Value mask) {
  bool single = lanes == 1;
  auto read = [&](const View &view, OpFoldResult index, ArrayRef<Operation *> chain) -> Value {
    if (!single)
      return apply(chain, load(view, index, lanes, mask));
    Value scalar = apply(chain, loadScalar(view, index));
    Value zero = arith::ConstantOp::create(builder, loc,
                                           builder.getZeroAttr(VectorType::get(schedule.getLanes(), scalar.getType())));
    return vector::InsertOp::create(builder, loc, scalar, zero, ArrayRef<int64_t>{0});
  };
  Values bVectors;
  for (OpFoldResult offset : bColumns)
    bVectors.push_back(read(b, add(at.b, offset), contraction.body.bChain));
  for (auto [row, offset] : llvm::enumerate(aRows)) {
    Value aVector = read(a, add(at.a, offset), contraction.body.aChain);
    for (auto [column, bVector] : llvm::enumerate(bVectors)) {
      Value &accumulator = accumulators[row * bVectors.size() + column];
      accumulator = multiplyAdd(aVector, bVector, accumulator);
    }
  }
  return accumulators;
}

/// The vectorized reduction loop and its tail.
MicroKernel::Values MicroKernel::dotLoops(Position at, Values accumulators) {
  OpFoldResult extent = extents[contraction.vectorDim];
  std::optional<int64_t> trip = getConstantIntValue(extent);
  int64_t lanes = schedule.getLanes();
  // Masked lanes are read as zero and must still be zero in one factor: a zero point would turn them into something
  // else.
  auto keepsZero = [](ArrayRef<Operation *> chain) { return llvm::all_of(chain, llvm::IsaPred<CastOpInterface>); };
  bool masks = target.hasMasks() && (keepsZero(contraction.body.aChain) || keepsZero(contraction.body.bChain));
  auto emitLoop = [&](OpFoldResult from, OpFoldResult to, int64_t step) {
    auto loop =
        scf::ForOp::create(builder, loc, value(from), value(to), value(builder.getIndexAttr(step)), accumulators);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    OpFoldResult k = loop.getInductionVar();
    Values inner = dotStep({add(at.a, k), add(at.b, k)}, Values(loop.getRegionIterArgs()), step, {});
    scf::YieldOp::create(builder, loc, inner);
    accumulators = Values(loop.getResults());
  };
  OpFoldResult main;
  if (trip) {
    main = builder.getIndexAttr(*trip - *trip % lanes);
  } else {
    Value rest = arith::RemUIOp::create(builder, loc, value(extent), value(builder.getIndexAttr(lanes)));
    main = arith::SubIOp::create(builder, loc, value(extent), rest, arith::IntegerOverflowFlags::nsw).getResult();
  }
  if (getConstantIntValue(main) != 0)
    emitLoop(builder.getIndexAttr(0), main, lanes);
  if (trip && *trip % lanes == 0)
    return accumulators;
  if (!masks) {
    emitLoop(main, extent, 1);
    return accumulators;
  }
  Value rest = arith::SubIOp::create(builder, loc, value(extent), value(main));
  Value mask = vector::CreateMaskOp::create(builder, loc, VectorType::get(lanes, builder.getI1Type()), rest);
  return dotStep({add(at.a, main), add(at.b, main)}, std::move(accumulators), lanes, mask);
}

//===----------------------------------------------------------------------===//
// The two forms
//===----------------------------------------------------------------------===//

/// The points of the tile along `dims`, the last one fastest: iterations of all parallel dimensions, those of other dimensions at the tile's origin.
SmallVector<MicroKernel::Offsets> MicroKernel::points(ArrayRef<unsigned> dims) {
  SmallVector<Offsets> result(1);
  for (Value origin : tile->origin)
    result[0].push_back(origin ? OpFoldResult(origin) : builder.getIndexAttr(0));
  for (unsigned dim : dims) {
    SmallVector<Offsets> next;
    const int64_t elements = dim == contraction.vectorDim ? tile->lanes : 1;
    for (const Offsets &outer : result)
      for (int64_t i = 0; i < tile->sizes[dim]; ++i) {
        next.push_back(outer);
        next.back()[dim] = add(outer[dim], builder.getIndexAttr(i * elements));
      }
    result = std::move(next);
  }
  return result;
}

void MicroKernel::writeThroughEpilogue(ArrayRef<Value> accumulators) {
  SmallVector<unsigned> dims(contraction.rowDims);
  llvm::append_range(dims, columns);
  for (auto [i, point, accumulator] : llvm::enumerate(points(dims), accumulators)) {
    Offsets position;
    for (ArrayRef<int64_t> coefficients : contraction.c.coefficients)
      position.push_back(point[llvm::find(coefficients, 1) - coefficients.begin()]);
    epilogue->write(builder, position, accumulator, maskOf(i % cColumns.size()));
  }
}

void MicroKernel::emitColumns() {
  OpFoldResult origin = base(c, *tile);
  Values accumulators;
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(VectorType::get(tile->lanes, contraction.body.accumulatorType)));
  for (OpFoldResult row : cRows)
    for (auto [column, offset] : llvm::enumerate(cColumns))
      accumulators.push_back(fromZero ? zero : load(c, add(add(origin, row), offset), tile->lanes, maskOf(column)));
  accumulators = reduce(0, {base(a, *tile), base(b, *tile)}, std::move(accumulators));
  if (epilogue)
    return writeThroughEpilogue(accumulators);
  const Value *accumulator = accumulators.begin();
  for (OpFoldResult row : cRows)
    for (auto [column, offset] : llvm::enumerate(cColumns))
      store(c, *accumulator++, add(add(origin, row), offset), maskOf(column));
}

void MicroKernel::emitDot() {
  auto type = VectorType::get(schedule.getLanes(), contraction.body.accumulatorType);
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  Values accumulators(cRows.size() * cColumns.size(), zero);
  accumulators = reduce(0, {base(a, *tile), base(b, *tile)}, std::move(accumulators));
  OpFoldResult origin = base(c, *tile);
  const Value *accumulator = accumulators.begin();
  for (OpFoldResult row : cRows)
    for (OpFoldResult column : cColumns) {
      Value index = value(add(add(origin, row), column));
      // Reassociation lets the sum be a tree.
      Value sum = vector::ReductionOp::create(builder, loc, vector::CombiningKind::ADD, *accumulator++,
                                              arith::FastMathFlags::reassoc);
      Value result = sum;
      if (!fromZero) {
        Value old = memref::LoadOp::create(builder, loc, c.buffer, index);
        result = contraction.body.isFloat ? arith::AddFOp::create(builder, loc, old, sum).getResult()
                                          : arith::AddIOp::create(builder, loc, old, sum).getResult();
      }
      memref::StoreOp::create(builder, loc, result, c.buffer, index);
    }
}

void MicroKernel::emit(const KernelTile &newTile) {
  tile = &newTile;
  columns = contraction.columnDims;
  if (contraction.form == ContractionForm::Columns)
    columns.push_back(contraction.vectorDim);
  aRows = offsets(a, contraction.rowDims, newTile);
  cRows = offsets(c, contraction.rowDims, newTile);
  bColumns = offsets(b, columns, newTile);
  cColumns = offsets(c, columns, newTile);
  if (contraction.form == ContractionForm::Columns)
    emitColumns();
  else
    emitDot();
  tile = nullptr;
}
