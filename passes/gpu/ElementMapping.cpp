//===- ElementMapping.cpp - steps whose elements threads share out -----------------------------------------------------------===//

#include "passes/gpu/ElementMapping.h"
#include "passes/gpu/BlockCode.h"
#include "passes/gpu/SharedReduction.h"
#include "passes/gpu/Steps.h"

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
  if (launch.getRows() > 1 && !launch.getStages()) // which divide the extent
    extents[launch.getRowLoop()] = b.createOrFold<arith::DivUIOp>(
        loc, extents[launch.getRowLoop()], arith::ConstantIndexOp::create(b, loc, launch.getRows()).getResult());
  count = productOf(b, loc, extents);
}

Value ElementMapping::blocks() {
  if (launch.getStages())
    return arith::ConstantIndexOp::create(b, loc, productBlocks());
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
  if (launch.getStages())
    return emitProduct();
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

/// Writes the sums of the lanes, as many at a time as there are for each condition, where it holds, and has the steps after them computed.
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
