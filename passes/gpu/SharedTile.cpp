//===- SharedTile.cpp - slices of a matrix product's factor in shared memory ---------------------------------------------------===//

#include "passes/gpu/SharedTile.h"
#include "passes/gpu/BlockCode.h"
#include "passes/gpu/SharedReduction.h"
#include "passes/gpu/Steps.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace lepton;

static constexpr unsigned globalSpace = 1, sharedSpace = 3;
static constexpr int64_t widestAccess = 16; // bytes

Slices::Slices(linalg::LinalgOp op, int64_t depth) : depth(depth), loops(reductionOf(op)) {
  for (int64_t loop : loops)
    extents.push_back(op.getStaticLoopRanges()[loop]);
  extent = extents.back();
  extents.back() = llvm::divideCeil(extent, depth);
  count = 1;
  for (int64_t iterations : extents)
    count *= iterations;
}

void Slices::placeAt(NestBody &nest, Value slice) const {
  const IndexMath index{nest.b, nest.loc};
  auto constant = [&](int64_t value) { return index.constant(value); };
  SmallVector<Value> indices = delinearize(nest.b, nest.loc, slice, llvm::map_to_vector(extents, constant));
  indices.back() = index.times(indices.back(), depth);
  for (auto [loop, iteration] : llvm::zip_equal(loops, indices))
    nest.ivs[loop] = iteration;
}

SharedTile::SharedTile(DeviceFunction &device, const NestBody &nest, const Product::Side &side, FloatType multiplicand,
                       const Slices &slices, LaunchAttr launch, int64_t lines, Value first)
    : device(device), b(device.b), loc(nest.loc), index{b, loc}, nest(nest), side(side),
      element(multiplicand && multiplicand.getWidth() <= 16 ? Type(multiplicand) : Type(b.getF32Type())),
      slices(slices), stages(launch.getStages()), threads(launch.getThreads()), lines(lines), first(first) {
  findOrder(bool(multiplicand));
  const int64_t bytes = elementBytes(element);
  pitch = alongDepth ? slices.depth + widestAccess / bytes : lines + (multiplicand ? 8 : 4);
  const int64_t size = stages * pitch * (alongDepth ? lines : slices.depth) * bytes;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&device.function.getBody().front());
  auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto type = MemRefType::get({size}, b.getI8Type(), MemRefLayoutAttrInterface(), space);
  Value buffer = device.function.addWorkgroupAttribution(type, loc);
  device.function.setWorkgroupAttributionAttr(device.function.getNumWorkgroupAttributions() - 1,
                                              LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(widestAccess));
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, buffer);
  memory = LLVM::IntToPtrOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext(), sharedSpace),
                                    arith::IndexCastOp::create(b, loc, b.getI64Type(), address).getResult());
}

/// The loop along which the first element that is read has its neighbours, and how many of them one access moves.
void SharedTile::findOrder(bool keepsOrder) {
  const int64_t innermost = slices.loops.back(), lineLoop = side.loops.back();
  linalg::LinalgOp op = nest.op;
  llvm::SmallBitVector ofLast; // the loops of the last index
  if (auto read = plainReadOf(side.factor)) {
    ofLast = loopsOf(read->load.getIndices().back(), op);
    auto index = read->load.getIndices().back().getDefiningOp<linalg::IndexOp>();
    const int64_t loop = ofLast[innermost] ? innermost : lineLoop;
    // Accesses of several elements need all of them to be there or not, next to each other, and the first one aligned.
    auto others = llvm::concat<Value>(SmallVector<Value>(read->load.getIndices().drop_back()),
                                      read->condition ? SmallVector<Value>{read->condition} : SmallVector<Value>());
    const bool hasNeighbours = index && int64_t(index.getDim()) == loop &&
                               llvm::none_of(others, [&](Value value) { return loopsOf(value, op)[loop]; });
    Type stored = read->load.getMemRefType().getElementType();
    int64_t widest = hasNeighbours ? widestAccess / elementBytes(stored) : 1;
    widest = std::min(widest, lines * slices.depth / threads); // some for each thread
    while (op.getStaticLoopRanges()[loop] % widest || read->load.getMemRefType().getShape().back() % widest)
      widest /= 2;
    width = widest;
    if (stored == element && width * elementBytes(element) >= 4)
      plain = read;
    if (loop == innermost && !keepsOrder)
      width = 1;
  } else {
    ofLast.resize(op.getNumLoops());
    op.getBlock()->walk([&](memref::LoadOp load) {
      if (loopsOf(load, op)[lineLoop] && load.getMemRefType().getRank())
        ofLast |= loopsOf(load.getIndices().back(), op);
    });
  }
  readAlongDepth = ofLast[innermost] && !ofLast[lineLoop];
  alongDepth = readAlongDepth && keepsOrder;
}

/// Neighbouring threads move neighbouring chunks.
SharedTile::Chunk SharedTile::chunkAt(int64_t number) {
  const int64_t inner = (readAlongDepth ? slices.depth : lines) / width;
  Value at = index.times(index.rest(device.thread(), inner), width),
        line = index.add(index.over(device.thread(), inner), number * threads / inner);
  return readAlongDepth ? Chunk{line, at} : Chunk{at, line};
}

Value SharedTile::addressOf(Value stage, Value line, Value depth) {
  Value place = alongDepth ? index.add(index.times(line, pitch), depth) : index.add(index.times(depth, pitch), line);
  place = index.add(index.times(stage, pitch * (alongDepth ? lines : slices.depth)), place);
  return LLVM::GEPOp::create(
      b, loc, memory.getType(), element, memory,
      ArrayRef<LLVM::GEPArg>{arith::IndexCastOp::create(b, loc, b.getI64Type(), place).getResult()},
      LLVM::GEPNoWrapFlags::inbounds);
}

/// Whether a chunk lies within the matrix and the reduction; null where all do.
Value SharedTile::isInside(const NestBody &at, Value line, Value is) {
  const int64_t all = lepton::iterationsOf(at.op, side.loops);
  auto both = [&](Value condition) { is = is ? arith::AndIOp::create(b, loc, is, condition).getResult() : condition; };
  auto isBelow = [&](Value index, int64_t end) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, index, device.constant(end)).getResult();
  };
  if (all % lines)
    both(isBelow(line, all));
  if (slices.extent % slices.depth)
    both(isBelow(at.ivs[slices.loops.back()], slices.extent));
  return is;
}

void SharedTile::begin(Value slice, Value stage, Value is) {
  const int64_t chunks = lines * slices.depth / width / threads;
  NestBody at = nest;
  slices.placeAt(at, slice);
  const Value depth = at.ivs[slices.loops.back()];
  SmallVector<Value> extents;
  for (int64_t loop : side.loops)
    extents.push_back(device.constant(at.op.getStaticLoopRanges()[loop]));
  for (int64_t number = 0; number < chunks; ++number) {
    Chunk chunk = chunkAt(number);
    Value line = index.add(first, chunk.line);
    for (auto [loop, iteration] : llvm::zip_equal(side.loops, delinearize(b, loc, line, extents)))
      at.ivs[loop] = iteration;
    at.ivs[slices.loops.back()] = index.add(depth, chunk.depth);
    Value destination = addressOf(stage, chunk.line, chunk.depth), inside = isInside(at, line, is);
    if (plain)
      copy(at, destination, inside);
    else
      pending.push_back({destination, load(at, inside)});
  }
}

void SharedTile::copy(NestBody &at, Value destination, Value inside) {
  memref::LoadOp load = plain->load;
  const MemRefType type = load.getMemRefType();
  SmallVector<Value> values(load.getIndices());
  if (plain->condition)
    values.push_back(plain->condition);
  values = at.cloneValues(values, neutralElement(b, combinerOf(at.op)));
  if (plain->condition) {
    Value condition = values.pop_back_val();
    inside = inside ? arith::AndIOp::create(b, loc, inside, condition).getResult() : condition;
  }
  Value place = device.constant(0);
  for (auto [value, extent] : llvm::zip_equal(values, type.getShape()))
    place = index.add(index.times(place, extent), value);
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, load.getMemRef());
  auto pointer = LLVM::LLVMPointerType::get(b.getContext(), globalSpace);
  Value source =
      LLVM::IntToPtrOp::create(b, loc, pointer, arith::IndexCastOp::create(b, loc, b.getI64Type(), base).getResult());
  source = LLVM::GEPOp::create(
      b, loc, pointer, element, source,
      ArrayRef<LLVM::GEPArg>{arith::IndexCastOp::create(b, loc, b.getI64Type(), place).getResult()});
  const int64_t bytes = width * elementBytes(element);
  auto number = [&](int64_t value) { return arith::ConstantIntOp::create(b, loc, value, 32).getResult(); };
  Value copied = inside ? arith::SelectOp::create(b, loc, inside, number(bytes), number(0)).getResult() : Value();
  // Only copies of 16 bytes can pass by the cache of a processor, which need not have what shared memory has.
  auto cache = bytes == widestAccess ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA;
  NVVM::CpAsyncOp::create(b, loc, destination, source, b.getI32IntegerAttr(bytes),
                          NVVM::LoadCacheModifierKindAttr::get(b.getContext(), cache), copied);
}

/// The elements of a chunk, computed and rounded, by an instruction for each; zeros where there are none.
SmallVector<Value> SharedTile::load(NestBody &at, Value inside) {
  auto compute = [&] {
    const int64_t loop = readAlongDepth ? slices.loops.back() : side.loops.back();
    const Value begin = at.ivs[loop];
    SmallVector<Value> elements;
    for (int64_t i = 0; i < width; ++i) {
      at.ivs[loop] = index.add(begin, i);
      Value own = at.cloneValues(side.factor, neutralElement(b, combinerOf(at.op))).front();
      elements.push_back(own.getType() == element ? own : LLVM::FPTruncOp::create(b, loc, element, own).getResult());
    }
    return elements;
  };
  if (!inside)
    return compute();
  SmallVector<Type> types(width, element);
  auto branch = scf::IfOp::create(b, loc, types, inside, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, loc, compute());
  b.setInsertionPointToStart(branch.elseBlock());
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
  scf::YieldOp::create(b, loc, SmallVector<Value>(width, zero));
  return branch.getResults();
}

void SharedTile::finish() {
  for (const Pending &chunk : pending)
    for (auto [i, value] : llvm::enumerate(chunk.elements)) {
      Value address = i == 0 ? chunk.destination
                             : LLVM::GEPOp::create(b, loc, memory.getType(), element, chunk.destination,
                                                   ArrayRef<LLVM::GEPArg>{int32_t(i)}, LLVM::GEPNoWrapFlags::inbounds)
                                   .getResult();
      LLVM::StoreOp::create(b, loc, value, address, elementBytes(element) * (i == 0 ? width : 1));
    }
  pending.clear();
}
