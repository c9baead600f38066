//===- BlockCode.cpp - code that the threads of a block run together ----------------------------------------------------------===//

#include "passes/gpu/BlockCode.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"
#include "passes/gpu/SharedReduction.h"
#include "passes/gpu/Steps.h"
#include "passes/vector/NestBody.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Utils/MemRefUtils.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace lepton;

SmallVector<Value> lepton::delinearize(OpBuilder &b, Location loc, Value number, ArrayRef<Value> extents) {
  SmallVector<Value> indices(extents.size());
  for (int64_t d = int64_t(extents.size()) - 1; d > 0; --d) {
    indices[d] = b.createOrFold<arith::RemUIOp>(loc, number, extents[d]);
    number = b.createOrFold<arith::DivUIOp>(loc, number, extents[d]);
  }
  if (!extents.empty())
    indices[0] = number;
  return indices;
}

Value lepton::productOf(OpBuilder &b, Location loc, ArrayRef<Value> extents) {
  Value product = arith::ConstantIndexOp::create(b, loc, 1);
  for (Value extent : extents)
    product = b.createOrFold<arith::MulIOp>(loc, product, extent);
  return product;
}

/// Copies become linalg ops, parallel loops inside of the body loops in order.
static void simplify(DeviceFunction &device) {
  IRRewriter rewriter(device.b.getContext());
  SmallVector<memref::CopyOp> copies;
  SmallVector<scf::ForallOp> foralls;
  device.function.walk([&](Operation *op) {
    if (auto copy = dyn_cast<memref::CopyOp>(op))
      copies.push_back(copy);
    if (auto forall = dyn_cast<scf::ForallOp>(op))
      foralls.push_back(forall);
  });
  for (memref::CopyOp copy : copies) {
    rewriter.setInsertionPoint(copy);
    linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(), copy.getTarget());
    rewriter.eraseOp(copy);
  }
  for (scf::ForallOp forall : foralls)
    (void)scf::forallToForLoop(rewriter, forall);
}

void lepton::runInOrder(DeviceFunction &device) {
  simplify(device);
  SmallVector<linalg::LinalgOp> nests;
  device.function.walk([&](linalg::LinalgOp op) { nests.push_back(op); });
  OpBuilder::InsertionGuard guard(device.b);
  for (linalg::LinalgOp nest : nests) {
    device.b.setInsertionPoint(nest);
    NestBody(device.b, nest).emitInOrder();
    device.b.eraseOp(nest);
  }
}

namespace {

/// Which threads have come to memory since the last barrier.
enum class Who { nobody, first, all };

struct BlockCode {
  DeviceFunction &device;
  int64_t threads;
  RewriterBase &b = device.b;
  Who readers = Who::nobody, writers = Who::nobody;
  SmallVector<Value> written; // by the first thread, where it is the only writer

  /// What a thread does itself it sees without a barrier.
  static bool mustWait(Who who, Who before) { return before == Who::all || (before == Who::first && who == Who::all); }

  void waitIf(bool condition, Operation *op) {
    if (!condition)
      return;
    b.setInsertionPoint(op);
    gpu::BarrierOp::create(b, op->getLoc());
    readers = writers = Who::nobody;
    written.clear();
  }

  void comesToRead(Operation *op) {
    waitIf(mustWait(Who::all, writers), op);
    readers = Who::all;
  }

  void comesToWrite(Operation *op, Who who) {
    waitIf(mustWait(who, writers) || mustWait(who, readers), op);
    readers = std::max(readers, who);
    writers = std::max(writers, who);
  }

  void lower(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto nest = dyn_cast<linalg::LinalgOp>(op)) {
        const SmallVector<Value> results(llvm::map_range(nest.getDpsInits(), baseOf));
        if (const int64_t parts = partsOf(nest); parts > 1) {
          waitForInputs(nest);
          shareReduction(nest, parts);
        } else {
          comesToWrite(&op, hasOneElement(nest) ? Who::first : Who::all);
          llvm::append_range(written, results);
          share(nest);
        }
      } else if (isa<memref::StoreOp>(op)) {
        comesToWrite(&op, Who::first);
        written.push_back(baseOf(cast<memref::StoreOp>(op).getMemRef()));
        onFirstThread(&op);
      } else if (isa<memref::LoadOp>(op)) {
        comesToRead(&op);
      } else if (op.getNumRegions()) {
        lowerRegions(&op);
      }
    }
  }

  static bool hasOneElement(linalg::LinalgOp op) { return iterationsOf(op, utils::IteratorType::parallel) == 1; }

  /// As many threads for each element as there are, where a reduction is long enough for them.
  int64_t partsOf(linalg::LinalgOp op) const {
    constexpr int64_t worthwhile = 4; // iterations of a part
    auto elements = iterationsOf(op, utils::IteratorType::parallel);
    if (!combinerOf(op) || !elements || *elements == 0 || !llvm::isPowerOf2_64(threads))
      return 1;
    const int64_t iterations = iterationsOf(op, utils::IteratorType::reduction).value_or(threads * worthwhile);
    if (*elements == 1 && iterations >= threads && hasSubgroupOperation(combinerOf(op)))
      return threads; // which takes one barrier, however many there are
    int64_t parts = std::max<int64_t>(threads / llvm::PowerOf2Ceil(*elements), 1);
    while (parts > 1 && parts * worthwhile > iterations)
      parts /= 2;
    return parts;
  }

  /// All threads read what is summed up. The result, which only its own thread reads and writes, is written after barriers in between.
  void waitForInputs(linalg::LinalgOp op) {
    auto reads = [&](Value memory) {
      bool found = llvm::is_contained(llvm::map_range(op.getDpsInputs(), baseOf), memory);
      op.getBlock()->walk([&](memref::LoadOp load) { found |= baseOf(load.getMemRef()) == memory; });
      return found;
    };
    const bool isOwn = writers == Who::first && hasOneElement(op) && llvm::none_of(written, reads);
    waitIf(writers != Who::nobody && !isOwn, op);
  }

  void shareReduction(linalg::LinalgOp op, int64_t parts) {
    b.setInsertionPoint(op);
    Location loc = op.getLoc();
    SharedReduction shared(device, combinerOf(op), threads, parts);
    NestBody nest(b, op);
    SmallVector<Value> extents = nest.parallelBounds();
    Value count = productOf(b, loc, extents);
    Value has = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, shared.line, count);
    Value element = arith::SelectOp::create(b, loc, has, shared.line, arith::ConstantIndexOp::create(b, loc, 0));
    nest.placeAt(delinearize(b, loc, element, extents));
    OpOperand *init = op.getDpsInitOperand(0);
    SmallVector<Value> where = nest.indicesOf(*init);
    Value initial = shared.begin(memref::LoadOp::create(b, loc, init->get(), where));
    Value sum = shared
                    .combine(NestBody::emitSideBySide(nest, reductionOf(op), initial, shared.part,
                                                      arith::ConstantIndexOp::create(b, loc, parts)))
                    .front();
    auto branch = scf::IfOp::create(b, loc, arith::AndIOp::create(b, loc, shared.isFirst, has).getResult(), false);
    b.setInsertionPointToStart(branch.thenBlock());
    memref::StoreOp::create(b, loc, sum, init->get(), where);
    readers = Who::nobody;
    writers = hasOneElement(op) ? Who::first : Who::all;
    written = {baseOf(init->get())};
    b.eraseOp(op);
  }

  /// Loops come back to their beginning, and branches meet: what an iteration before, or the branch that was taken, has done is not known.
  void lowerRegions(Operation *op) {
    const bool isLoop = isa<LoopLikeOpInterface>(op);
    bool touches = false;
    op->walk([&](Operation *inner) { touches |= isa<linalg::LinalgOp, memref::StoreOp, memref::LoadOp>(inner); });
    if (!touches)
      return;
    const std::pair before(readers, writers);
    for (Region &region : op->getRegions())
      for (Block &block : region) {
        std::tie(readers, writers) = isLoop ? std::pair(Who::all, Who::all) : before;
        lower(block);
      }
    readers = writers = Who::all;
  }

  /// Thread number t computes the elements t, t + threads and so on.
  void share(linalg::LinalgOp op) {
    b.setInsertionPoint(op);
    Location loc = op.getLoc();
    NestBody nest(b, op);
    SmallVector<Value> extents = nest.parallelBounds();
    Value count = productOf(b, loc, extents);
    auto loop = scf::ForOp::create(b, loc, device.thread(), count, arith::ConstantIndexOp::create(b, loc, threads));
    b.setInsertionPointToStart(loop.getBody());
    nest.placeAt(delinearize(b, loc, loop.getInductionVar(), extents));
    nest.emitElement();
    b.eraseOp(op);
  }

  void onFirstThread(Operation *op) {
    b.setInsertionPoint(op);
    Location loc = op->getLoc();
    Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, device.thread(),
                                          arith::ConstantIndexOp::create(b, loc, 0));
    auto branch = scf::IfOp::create(b, loc, isFirst, /*withElseRegion=*/false);
    op->moveBefore(branch.thenBlock()->getTerminator());
  }
};

} // namespace

void lepton::shareAmongThreads(DeviceFunction &device, int64_t threads) {
  OpBuilder::InsertionGuard guard(device.b);
  simplify(device);
  BlockCode{device, threads}.lower(device.function.getBody().front());
}

/// The largest number that an index can be, as far as a minimum says; nothing where none does.
static std::optional<int64_t> largest(Value index) {
  if (auto constant = getConstantIntValue(index))
    return constant;
  auto minimum = index.getDefiningOp<arith::MinSIOp>();
  if (!minimum)
    return std::nullopt;
  auto l = largest(minimum.getLhs()), r = largest(minimum.getRhs());
  return l && r ? std::min(*l, *r) : l ? l : r;
}

namespace {

/// A buffer that the body allocates.
struct Buffer {
  Operation *op;
  size_t number; // in the order of the text
  MemRefType type = cast<MemRefType>(op->getResult(0).getType());
  SmallVector<Value> sizes = SmallVector<Value>(op->getOperands().take_back(type.getNumDynamicDims()));

  /// Elements that it holds at most; nothing where that is unknown.
  std::optional<int64_t> capacity() const {
    int64_t elements = 1;
    for (int64_t d = 0, next = 0; d < type.getRank(); ++d) {
      auto extent = type.isDynamicDim(d) ? largest(sizes[next++]) : std::optional(type.getDimSize(d));
      if (!extent)
        return std::nullopt;
      elements *= *extent;
    }
    return elements;
  }

  int64_t bytes() const {
    auto elements = capacity();
    return elements ? *elements * elementBytes(type.getElementType()) : std::numeric_limits<int64_t>::max();
  }

  MemRefType flat() const { return MemRefType::get({*capacity()}, type.getElementType()); }

  /// In memory that the threads of a block share.
  Value inShared(DeviceFunction &device) const {
    Location loc = op->getLoc();
    if (type.hasStaticShape())
      return device.shared(type, loc);
    Value memory = device.shared(flat(), loc);
    device.b.setInsertionPoint(op);
    const SmallVector<OpFoldResult> extents = getMixedValues(type.getShape(), sizes, device.b.getContext());
    return memref::ReinterpretCastOp::create(device.b, loc, type, memory, device.b.getIndexAttr(0), extents,
                                             memref::computeStridesIRBlock(loc, device.b, extents));
  }

  /// In memory of the GPU; null where neither the sizes nor what they are at most is known to the host.
  Value inScratch(DeviceFunction &device) const {
    SmallVector<Value> onHost;
    for (Value size : capacity() ? ValueRange() : ValueRange(sizes)) {
      onHost.push_back(device.onHost(size));
      if (!onHost.back())
        return {};
    }
    return view(device, device.scratch(capacity() ? flat() : type, onHost, op->getLoc()));
  }

  Value view(DeviceFunction &device, Value address) const {
    device.b.setInsertionPoint(op);
    return lrt::ViewOp::create(device.b, op->getLoc(), type, address, sizes);
  }
};

} // namespace

bool lepton::placeBuffers(DeviceFunction &device, int64_t sharedMemory) {
  OpBuilder::InsertionGuard guard(device.b);
  SmallVector<Buffer> buffers;
  SmallVector<Operation *> frees;
  device.function.walk([&](Operation *op) {
    if (isa<memref::AllocaOp, lrt::AllocOp>(op))
      buffers.push_back({op, buffers.size()});
    if (isa<lrt::DeallocOp>(op))
      frees.push_back(op);
  });
  for (Operation *op : frees)
    device.b.eraseOp(op);
  llvm::sort(buffers, [](const Buffer &a, const Buffer &b) {
    return std::pair(a.bytes(), a.number) < std::pair(b.bytes(), b.number);
  });
  constexpr int64_t alignment = 16;
  int64_t used = 0;
  for (const Buffer &buffer : buffers) {
    if (buffer.op->use_empty()) {
      device.b.eraseOp(buffer.op);
      continue;
    }
    const bool fits = buffer.bytes() <= sharedMemory - used;
    Value place = fits ? buffer.inShared(device) : buffer.inScratch(device);
    if (!place)
      return false;
    if (fits)
      used = llvm::alignTo(used + buffer.bytes(), alignment);
    device.b.replaceOp(buffer.op, place);
  }
  return true;
}
