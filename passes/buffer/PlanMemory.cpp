//===- PlanMemory.cpp - gives every buffer its place -----------------------------------------------------------------------===//
//
// Before: bufferized functions; the entry is `@main(context, inputs..., constants...) -> results`, buffers come from memref.alloc.
// After:  the entry is `@lepton_entry(context) -> i32`; every buffer is an lrt op, or on the stack. The module says how large the arena is
//         (`lepton.arena_bytes`), how large it has to be at least (`lepton.live_bytes`) and where its constants go (`lepton.constant_offsets`).
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"
#include "passes/Passes.h"
#include "passes/buffer/ArenaPlanner.h"
#include "passes/buffer/LoopBlocks.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace lepton {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// Buffers up to this size inside a kernel's parallel loop live on the stack of the thread that runs it.
static constexpr int64_t largestStackBuffer = 64 * 1024;

static int64_t staticBytes(MemRefType type) { return type.getNumElements() * elementBytes(type.getElementType()); }

namespace {

struct PlanMemory : lepton::impl::PlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      lowerAsserts(function);
      lowerReshapes(function);
      if (function->hasAttr("lepton.kernel"))
        placeKernelBuffers(function);
    }
    if (auto entry = module.lookupSymbol<func::FuncOp>("main"))
      planEntry(entry);
  }

private:
  static Value contextOf(func::FuncOp function) { return function.getArgument(0); }

  static void lowerAsserts(func::FuncOp function) {
    SmallVector<cf::AssertOp> asserts;
    function.walk([&](cf::AssertOp op) { asserts.push_back(op); });
    for (cf::AssertOp op : asserts) {
      OpBuilder b(op);
      std::string message = op.getMsg().str();
      if (auto name = op.getLoc()->findInstanceOf<NameLoc>())
        message = "node '" + name.getName().str() + "': " + message;
      // What a kernel checks, it keeps in bounds itself; what the entry checks, all that follows rests on.
      if (function->hasAttr("lepton.kernel"))
        lrt::CheckOp::create(b, op.getLoc(), contextOf(function), op.getArg(), message);
      else
        lrt::RequireOp::create(b, op.getLoc(), contextOf(function), op.getArg(), message);
      op.erase();
    }
  }

  /// Other shapes for dense memory. (Upstream's lowering of memref.expand_shape knows one dynamic size per group only.)
  static void lowerReshapes(func::FuncOp function) {
    SmallVector<memref::ExpandShapeOp> ops;
    function.walk([&](memref::ExpandShapeOp op) { ops.push_back(op); });
    for (memref::ExpandShapeOp op : ops) {
      if (!op.getResultType().getLayout().isIdentity() || op.getResultType().hasStaticShape())
        continue;
      OpBuilder b(op);
      Location loc = op.getLoc();
      SmallVector<OpFoldResult> sizes = op.getMixedOutputShape(), strides(sizes.size());
      Value stride = arith::ConstantIndexOp::create(b, loc, 1);
      for (int64_t d = int64_t(sizes.size()) - 1; d >= 0; --d) {
        strides[d] = getAsOpFoldResult(stride);
        stride = b.createOrFold<arith::MulIOp>(loc, stride, getValueOrCreateConstantIndexOp(b, loc, sizes[d]));
      }
      Value view =
          memref::ReinterpretCastOp::create(b, loc, op.getResultType(), op.getSrc(), b.getIndexAttr(0), sizes, strides);
      op.getResult().replaceAllUsesWith(view);
      op.erase();
    }
  }

  static void placeKernelBuffers(func::FuncOp kernel) {
    SmallVector<memref::AllocOp> allocs;
    kernel.walk([&](memref::AllocOp op) { allocs.push_back(op); });
    for (memref::AllocOp op : allocs) {
      OpBuilder b(op);
      MemRefType type = op.getType();
      bool isStatic = type.hasStaticShape();
      if (isStatic && staticBytes(type) <= largestStackBuffer) {
        // On entry to the nearest scope that a thread runs as a whole: an alloca in a loop would grow the stack.
        if (auto parallel = op->getParentOfType<scf::ForallOp>())
          b.setInsertionPointToStart(parallel.getBody());
        else
          b.setInsertionPointToStart(&kernel.front());
        auto stack = memref::AllocaOp::create(b, op.getLoc(), type, b.getI64IntegerAttr(64));
        op.replaceAllUsesWith(stack.getResult());
      } else {
        Value pooled = lrt::AllocOp::create(b, op.getLoc(), type, contextOf(kernel), op.getDynamicSizes());
        b.setInsertionPoint(op->getBlock()->getTerminator());
        lrt::DeallocOp::create(b, op.getLoc(), contextOf(kernel), pooled);
        op.replaceAllUsesWith(pooled);
      }
      op.erase();
    }
  }

  void planEntry(func::FuncOp entry) {
    replaceArguments(entry);
    if (targetOf(entry).isGpu())
      takeTables(entry);
    placeResults(entry);
    placeEntryBuffers(entry);
    Block &body = entry.front();
    Operation *ret = body.getTerminator();
    OpBuilder b(ret);
    Value ok = arith::ConstantIntOp::create(b, ret->getLoc(), 0, 32);
    func::ReturnOp::create(b, ret->getLoc(), ok);
    ret->erase();
    entry.setType(FunctionType::get(&getContext(), contextOf(entry).getType(), b.getI32Type()));
    entry.setArgAttrsAttr({});
    entry.setResAttrsAttr({});
    entry.setName("lepton_entry");
  }

  void replaceArguments(func::FuncOp entry) {
    OpBuilder b = OpBuilder::atBlockBegin(&entry.front());
    SmallVector<int64_t> offsets;
    int64_t end = 0;
    for (auto [i, argument] : llvm::enumerate(entry.getArguments().drop_front())) {
      Value value;
      if (entry.getArgAttr(i + 1, "lepton.constant")) {
        offsets.push_back(end);
        value = lrt::ConstantOp::create(b, argument.getLoc(), argument.getType(), end);
        end = llvm::alignTo(end + staticBytes(cast<MemRefType>(argument.getType())), 64);
      } else {
        value = lrt::InputOp::create(b, argument.getLoc(), argument.getType(), contextOf(entry), i);
      }
      argument.replaceAllUsesWith(value);
    }
    while (entry.getNumArguments() > 1)
      (void)entry.eraseArgument(entry.getNumArguments() - 1);
    getOperation()->setAttr("lepton.constant_offsets", b.getDenseI64ArrayAttr(offsets));
    getOperation()->setAttr("lepton.constant_bytes", b.getI64IntegerAttr(end));
  }

  /// What bufferization made of tensors that are known: a GPU does not see the CPU's memory, so they are constants of the model.
  void takeTables(func::FuncOp entry) {
    ModuleOp module = getOperation();
    SmallVector<memref::GetGlobalOp> tables;
    entry.walk([&](memref::GetGlobalOp op) { tables.push_back(op); });
    if (tables.empty())
      return;
    SmallVector<Attribute> values(module->getAttrOfType<ArrayAttr>("lepton.constants").getValue());
    SmallVector<int64_t> offsets(module->getAttrOfType<DenseI64ArrayAttr>("lepton.constant_offsets").asArrayRef());
    int64_t end = module->getAttrOfType<IntegerAttr>("lepton.constant_bytes").getInt();
    OpBuilder b(module);
    for (memref::GetGlobalOp table : tables) {
      values.push_back(module.lookupSymbol<memref::GlobalOp>(table.getName()).getInitialValueAttr());
      offsets.push_back(end);
      b.setInsertionPoint(table);
      table.replaceAllUsesWith(lrt::ConstantOp::create(b, table.getLoc(), table.getType(), end).getResult());
      end = llvm::alignTo(end + staticBytes(table.getType()), 64);
      table.erase();
    }
    module->setAttr("lepton.constants", b.getArrayAttr(values));
    module->setAttr("lepton.constant_offsets", b.getDenseI64ArrayAttr(offsets));
    module->setAttr("lepton.constant_bytes", b.getI64IntegerAttr(end));
  }

  /// A result that is allocated here is allocated as output; any other is copied to one.
  static void placeResults(func::FuncOp entry) {
    Operation *ret = entry.front().getTerminator();
    llvm::SmallPtrSet<Operation *, 8> taken;
    for (unsigned i = 0; i < ret->getNumOperands(); ++i) {
      Value value = ret->getOperand(i); // a buffer that is returned twice is an output by now
      Location loc = ret->getLoc();
      auto alloc = value.getDefiningOp<memref::AllocOp>();
      if (alloc && alloc->getBlock() == &entry.front() && taken.insert(alloc).second) {
        OpBuilder b(alloc);
        Value output = lrt::OutputOp::create(b, loc, alloc.getType(), contextOf(entry), i, alloc.getDynamicSizes());
        alloc.replaceAllUsesWith(output);
        taken.insert(output.getDefiningOp());
        alloc.erase();
        continue;
      }
      OpBuilder b(ret);
      auto type = cast<MemRefType>(value.getType());
      SmallVector<Value> sizes;
      for (int64_t d = 0; d < type.getRank(); ++d)
        if (type.isDynamicDim(d))
          sizes.push_back(memref::DimOp::create(b, loc, value, d));
      auto contiguous = MemRefType::get(type.getShape(), type.getElementType());
      Value output = lrt::OutputOp::create(b, loc, contiguous, contextOf(entry), i, sizes);
      memref::CopyOp::create(b, loc, value, output);
    }
    ret->setOperands({});
  }

  void placeEntryBuffers(func::FuncOp entry) {
    ArenaPlanner planner(entry);
    SmallVector<memref::AllocOp> allocs;
    entry.walk([&](memref::AllocOp op) { allocs.push_back(op); });
    for (memref::AllocOp op : allocs)
      planner.add(op);
    int64_t bytes = planner.plan();
    LoopBlocks loopBlocks(entry);
    for (memref::AllocOp op : allocs) {
      OpBuilder b(op);
      Value memory;
      if (auto offset = planner.offset(op)) {
        memory = lrt::ArenaOp::create(b, op.getLoc(), op.getType(), contextOf(entry), *offset);
      } else {
        auto alloc = lrt::AllocOp::create(b, op.getLoc(), op.getType(), contextOf(entry), op.getDynamicSizes());
        memory = alloc;
        if (Operation *last = planner.lastUse(op)) {
          b.setInsertionPointAfter(last);
          lrt::DeallocOp::create(b, op.getLoc(), contextOf(entry), memory);
        } else {
          loopBlocks.add(alloc);
        }
      }
      op.replaceAllUsesWith(memory);
      op.erase();
    }
    loopBlocks.collect();
    Builder b(&getContext());
    getOperation()->setAttr("lepton.arena_bytes", b.getI64IntegerAttr(bytes));
    getOperation()->setAttr("lepton.live_bytes", b.getI64IntegerAttr(planner.liveBytes()));
  }
};

} // namespace
