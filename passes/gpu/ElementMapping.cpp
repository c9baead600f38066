//===- ElementMapping.cpp - steps whose elements threads share out -----------------------------------------------------------===//

#include "passes/gpu/ElementMapping.h"
#include "passes/gpu/BlockCode.h"
#include "passes/gpu/SharedReduction.h"
#include "passes/gpu/Steps.h"
#include "passes/gpu/TensorCores.h"
#include "passes/vector/NestBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace lepton;

/// Iterations of a reduction that are one: neighbouring elements of an operand, of which four are one load.
static constexpr int64_t unroll = 4;

ElementMapping::ElementMapping(DeviceFunction &device, ArrayRef<Operation *> group, LaunchAttr launch,
                               ArrayRef<Value> given)
    : device(device), b(device.b), loc(group.front()->getLoc()), group(group), launch(launch), extents(given),
      lines(launch.getThreads() / launch.getParts()) {
  if (launch.getRows() > 1) // which divide the extent
    extents[launch.getRowLoop()] = b.createOrFold<arith::DivUIOp>(
        loc, extents[launch.getRowLoop()], arith::ConstantIndexOp::create(b, loc, launch.getRows()).getResult());
  count = productOf(b, loc, extents);
}

Value ElementMapping::blocks() {
  if (launch.getTensorCores()) { // of known sizes
    const int64_t tiles = rowTiles() * llvm::divideCeil(*getConstantIntValue(count) / rowTiles(), launch.getColumns());
    return arith::ConstantIndexOp::create(b, loc, llvm::divideCeil(tiles, launch.getThreads() / warpThreads));
  }
  Value perBlock = arith::ConstantIndexOp::create(b, loc, lines * launch.getWidth() * launch.getColumns());
  return b.createOrFold<arith::CeilDivUIOp>(loc, count, perBlock);
}

Value ElementMapping::firstItem(Value thread) {
  const int64_t each = launch.getWidth() * launch.getColumns();
  Value block = arith::MulIOp::create(b, loc, device.block(), device.constant(lines * each));
  if (launch.getWidth() > 1)
    thread = arith::MulIOp::create(b, loc, thread, device.constant(launch.getWidth()));
  return arith::AddIOp::create(b, loc, block, thread);
}

/// The elements of an item: `rows` of them.
SmallVector<ElementMapping::Indices> ElementMapping::tileAt(Value item) {
  // Divisions by known extents of numbers of 32 bits are a few instructions, of 64 bits many.
  auto known = getConstantIntValue(count);
  SmallVector<Value> sizes(here);
  const bool isShort = known && *known < (int64_t(1) << 31) &&
                       llvm::all_of(sizes, [](Value size) { return getConstantIntValue(size).has_value(); });
  if (isShort) {
    item = arith::IndexCastUIOp::create(b, loc, b.getI32Type(), item);
    for (Value &size : sizes)
      size = arith::ConstantIntOp::create(b, loc, b.getI32Type(), *getConstantIntValue(size));
  }
  Indices indices = delinearize(b, loc, item, sizes);
  if (isShort)
    for (Value &index : indices)
      index = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), index);
  SmallVector<Indices> elements;
  for (int64_t row = 0; row < launch.getRows(); ++row) {
    elements.push_back(indices);
    if (launch.getRows() == 1)
      continue;
    Value &place = elements.back()[launch.getRowLoop()];
    place = arith::MulIOp::create(b, loc, place, device.constant(launch.getRows()));
    place = arith::AddIOp::create(b, loc, place, device.constant(row));
  }
  return elements;
}

SmallVector<ElementMapping::Lane> ElementMapping::makeLanes(ArrayRef<Indices> elements) {
  SmallVector<Lane> lanes;
  for (const Indices &indices : elements) {
    Lane &lane = lanes.emplace_back(Lane{indices, device.mapping, {}});
    for (Value memory : own) {
      lane.shapes.push_back(device.makeShape(memory));
      lane.memory.map(memory, lane.shapes.back());
    }
  }
  return lanes;
}

void ElementMapping::useRegisters(ArrayRef<Lane> lanes) {
  for (const Lane &lane : lanes)
    for (Value shape : lane.shapes)
      device.replaceAccesses(shape);
}

/// Clones of a step, one for each lane, whose loops are at the lane's indices; they go again with this.
struct ElementMapping::Clones {
  Clones(RewriterBase &b, Operation *step, ArrayRef<Lane> lanes) : b(b) {
    for (const Lane &lane : lanes) {
      IRMapping memory = lane.memory; // what is cloned goes again
      ops.push_back(b.clone(*step, memory));
      bodies.emplace_back(b, cast<linalg::LinalgOp>(ops.back())).placeAt(lane.indices);
    }
  }
  ~Clones() {
    for (Operation *op : ops)
      b.eraseOp(op);
  }
  /// What the destinations of a reduction hold for the lanes.
  SmallVector<Value> load() {
    SmallVector<Value> values;
    for (NestBody &body : bodies) {
      OpOperand *init = body.op.getDpsInitOperand(0);
      values.push_back(memref::LoadOp::create(b, body.loc, init->get(), body.indicesOf(*init)));
    }
    return values;
  }
  void store(size_t lane, Value value) {
    NestBody &body = bodies[lane];
    OpOperand *init = body.op.getDpsInitOperand(0);
    memref::StoreOp::create(b, body.loc, value, init->get(), body.indicesOf(*init));
  }

  RewriterBase &b;
  SmallVector<Operation *> ops;
  SmallVector<NestBody> bodies;
};

void ElementMapping::emitStep(Operation *step, MutableArrayRef<Lane> lanes) {
  Clones clones(b, step, lanes);
  if (!combinerOf(cast<linalg::LinalgOp>(step)) || lanes.size() == 1) {
    for (NestBody &body : clones.bodies) {
      OpBuilder::InsertionGuard guard(b);
      body.emitElement();
    }
    return;
  }
  NestBody &first = clones.bodies.front();
  SmallVector<Value> sums =
      NestBody::emitSideBySide(clones.bodies, reductionOf(first.op), clones.load(), first.zero(), first.one(), unroll);
  for (auto [lane, sum] : llvm::enumerate(sums))
    clones.store(lane, sum);
}

void ElementMapping::emitLanes(ArrayRef<Indices> elements) {
  SmallVector<Lane> lanes = makeLanes(elements);
  for (Operation *step : group)
    emitStep(step, lanes);
  useRegisters(lanes);
}

/// Whole tiles where all columns are there, one column after the other where they are not.
void ElementMapping::emit() {
  own = privateMemory(group);
  for (Value memory : own)
    device.importShape(memory);
  device.importUsesOf(group);
  for (Value extent : extents)
    here.push_back(device.import(extent));
  end = device.import(count);
  if (launch.getTensorCores())
    return emitByWarps();
  if (launch.getParts() > 1)
    return emitInParts();
  Value item = firstItem(device.thread());
  auto isInside = [&](Value item) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, item, end).getResult();
  };
  auto at = [&](int64_t offset) {
    return offset == 0 ? item : b.createOrFold<arith::AddIOp>(loc, item, device.constant(offset));
  };
  const int64_t columns = launch.getColumns();
  Value last = at((columns - 1) * lines);
  auto whole = scf::IfOp::create(b, loc, isInside(last), /*withElseRegion=*/columns > 1);
  b.setInsertionPointToStart(whole.thenBlock());
  SmallVector<Indices> elements;
  for (int64_t column = 0; column < columns; ++column)
    for (int64_t lane = 0; lane < launch.getWidth(); ++lane)
      llvm::append_range(elements, tileAt(at(column * lines + lane)));
  if (launch.getWidth() == 1)
    emitLanes(elements);
  else
    for (const Indices &element : elements)
      emitLanes(element);
  if (columns == 1)
    return;
  b.setInsertionPointToStart(whole.elseBlock());
  auto loop = scf::ForOp::create(b, loc, item, end, device.constant(lines)); // at most one fewer than there are columns
  b.setInsertionPointToStart(loop.getBody());
  emitLanes(tileAt(loop.getInductionVar()));
}

/// Writes the sums of the lanes, column by column where there is one, and has the steps after them computed.
void ElementMapping::writeColumns(ArrayRef<Operation *> steps, MutableArrayRef<Lane> lanes, Clones &clones,
                                  ValueRange sums, ValueRange has) {
  const size_t rows = lanes.size() / has.size();
  for (size_t column = 0; column < has.size(); ++column) {
    OpBuilder::InsertionGuard guard(b);
    auto branch = scf::IfOp::create(b, loc, has[column], /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
    for (size_t lane = column * rows; lane < (column + 1) * rows; ++lane)
      clones.store(lane, sums[lane]);
    for (Operation *step : steps)
      emitStep(step, lanes.slice(column * rows, rows));
  }
}

/// A tile for as many threads as the reduction has parts. All of them come to the barriers, with the last item where a column has none; what follows the reduction is for
/// the first part's threads, of the columns that have one.
void ElementMapping::emitInParts() {
  auto *reduction = llvm::find_if(group, [](Operation *step) { return combinerOf(cast<linalg::LinalgOp>(step)); });
  SharedReduction shared(device, combinerOf(cast<linalg::LinalgOp>(*reduction)), launch.getThreads(),
                         launch.getParts());
  Value item = firstItem(shared.line), last = arith::SubIOp::create(b, loc, end, device.constant(1));
  SmallVector<Value> has; // of each column
  SmallVector<Indices> elements;
  for (int64_t column = 0; column < launch.getColumns(); ++column) {
    Value own = b.createOrFold<arith::AddIOp>(loc, item, device.constant(column * lines));
    has.push_back(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, own, end));
    llvm::append_range(elements, tileAt(arith::SelectOp::create(b, loc, has.back(), own, last)));
  }
  SmallVector<Lane> lanes = makeLanes(elements);
  for (Operation *step : ArrayRef(group.begin(), reduction))
    emitStep(step, lanes);
  Clones clones(b, *reduction, lanes);
  SmallVector<Value> accumulators = clones.load();
  for (Value &accumulator : accumulators)
    accumulator = shared.begin(accumulator);
  SmallVector<Value> sums =
      shared.combine(NestBody::emitSideBySide(clones.bodies, reductionOf(clones.bodies.front().op), accumulators,
                                              shared.part, device.constant(launch.getParts()), unroll));
  for (Value &own : has)
    own = arith::AndIOp::create(b, loc, shared.isFirst, own);
  writeColumns(ArrayRef(reduction + 1, group.end()), lanes, clones, sums, has);
  useRegisters(lanes);
}

int64_t ElementMapping::rowTiles() { return *getConstantIntValue(extents[launch.getRowLoop()]); }

/// A tile for each warp. Warps that follow each other have the same columns. Those that have none of their own compute the last one again, and write nothing.
void ElementMapping::emitByWarps() {
  const int64_t warps = launch.getThreads() / warpThreads, tiles = rowTiles(), rowParts = launch.getRows() / mmaRows,
                columnParts = launch.getColumns() / mmaColumns, items = *getConstantIntValue(count) / tiles;
  auto add = [&](Value l, int64_t r) { return b.createOrFold<arith::AddIOp>(loc, l, device.constant(r)); };
  auto sum = [&](Value l, Value r) { return b.createOrFold<arith::AddIOp>(loc, l, r); };
  auto times = [&](Value l, int64_t r) { return b.createOrFold<arith::MulIOp>(loc, l, device.constant(r)); };
  auto over = [&](Value l, int64_t r) { return b.createOrFold<arith::DivUIOp>(loc, l, device.constant(r)); };
  auto rest = [&](Value l, int64_t r) { return b.createOrFold<arith::RemUIOp>(loc, l, device.constant(r)); };
  Value warp = sum(times(device.block(), warps), over(device.thread(), warpThreads));
  Value lane = rest(device.thread(), warpThreads), group4 = over(lane, 4), within = rest(lane, 4);
  Value row = sum(times(rest(warp, tiles), launch.getRows()), group4);
  Value column = times(over(warp, tiles), launch.getColumns());

  // The element of a row and a column; columns are the items but for their rows.
  SmallVector<Value> others(here);
  others[launch.getRowLoop()] = device.constant(1);
  auto inRange = [&](Value item) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, item, device.constant(items)).getResult();
  };
  auto elementAt = [&](Value row, Value item) {
    Value own = arith::SelectOp::create(b, loc, inRange(item), item, device.constant(items - 1));
    Indices indices = delinearize(b, loc, own, others);
    indices[launch.getRowLoop()] = row;
    return indices;
  };
  SmallVector<Value> has;
  SmallVector<Indices> elements; // a thread's own: by columns, of each the rows
  for (int64_t j = 0; j < columnParts; ++j)
    for (int64_t e = 0; e < 2; ++e) {
      Value item = add(sum(column, times(within, 2)), mmaColumns * j + e);
      has.push_back(inRange(item));
      for (int64_t i = 0; i < 2 * rowParts; ++i)
        elements.push_back(elementAt(add(row, 8 * i), item));
    }
  SmallVector<Lane> lanes = makeLanes(elements);
  auto *reduction = llvm::find_if(group, [](Operation *step) { return combinerOf(cast<linalg::LinalgOp>(step)); });
  for (Operation *step : ArrayRef(group.begin(), reduction))
    emitStep(step, lanes);
  Clones clones(b, *reduction, lanes);
  NestBody &nest = clones.bodies.front();
  SmallVector<unsigned> parallel;
  nest.op.getParallelDims(parallel);
  const unsigned rowLoop = parallel[launch.getRowLoop()];
  const Factors factors = *factorsOf(nest.op, rowLoop);
  const SmallVector<int64_t> loops = reductionOf(nest.op);

  // The sums of one instruction: rows g and g + 8, of two columns each.
  auto place = [&](int64_t i, int64_t j, int64_t n) { return (2 * j + n % 2) * 2 * rowParts + 2 * i + n / 2; };
  SmallVector<Value> carried = clones.load();
  SmallVector<Indices> columnsRead;
  for (int64_t j = 0; j < columnParts; ++j)
    columnsRead.push_back(elementAt(row, add(sum(column, group4), mmaColumns * j)));
  SmallVector<scf::ForOp> opened;
  for (int64_t d : loops) {
    opened.push_back(nest.openFor(d, carried, {}, d == loops.back() ? device.constant(mmaDepth) : Value()));
    llvm::copy(opened.back().getRegionIterArgs(), carried.begin());
  }
  Value depth = sum(nest.ivs[loops.back()], within);
  auto read = [&](Value factor, const Indices &indices, int64_t further) {
    NestBody at = nest;
    at.placeAt(indices);
    at.ivs[loops.back()] = add(depth, further);
    return toTf32(b, at.cloneValue(factor, carried.front()));
  };
  SmallVector<SmallVector<Value>> ofRows(rowParts), ofColumns(columnParts);
  for (int64_t i = 0; i < rowParts; ++i)
    for (int64_t n = 0; n < 4; ++n)
      ofRows[i].push_back(read(factors.ofRow, elements[2 * i + n % 2], n / 2 * 4));
  for (int64_t j = 0; j < columnParts; ++j)
    for (int64_t n = 0; n < 2; ++n)
      ofColumns[j].push_back(read(factors.ofColumn, columnsRead[j], n * 4));
  for (int64_t i = 0; i < rowParts; ++i)
    for (int64_t j = 0; j < columnParts; ++j) {
      SmallVector<Value> sums;
      for (int64_t n = 0; n < 4; ++n)
        sums.push_back(carried[place(i, j, n)]);
      for (auto [n, next] : llvm::enumerate(multiplyAdd(b, ofRows[i], ofColumns[j], sums)))
        carried[place(i, j, n)] = next;
    }
  for (scf::ForOp loop : llvm::reverse(opened)) {
    scf::YieldOp::create(b, loc, carried);
    b.setInsertionPointAfter(loop);
    llvm::copy(loop.getResults(), carried.begin());
  }
  writeColumns(ArrayRef(reduction + 1, group.end()), lanes, clones, carried, has);
  useRegisters(lanes);
}
