//===- MapToGpu.cpp - steps of kernels become functions of the GPU ------------------------------------------------------------===//
//
// Before: kernels of linalg and scf on memrefs, each step with a `lepton.launch`.
// After:  the module has a `gpu.module @kernels`; a kernel's function, which the host runs, launches functions of it. What the steps of a kernel leave each
//         other lies in the GPU's memory, or in registers where each thread needs but its own.
//
//===--------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"
#include "passes/Passes.h"
#include "passes/gpu/BlockCode.h"
#include "passes/gpu/ElementMapping.h"
#include "passes/gpu/Steps.h"
#include "passes/vector/NestBody.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace lepton {
#define GEN_PASS_DEF_MAPTOGPU
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

namespace {

/// Writes the functions of one kernel.
struct KernelMapping {
  IRRewriter &b;
  gpu::GPUModuleOp module;
  func::FuncOp kernel;
  int64_t sharedMemory;
  unsigned number = 0;

  LogicalResult run() {
    WalkResult isForGpu = kernel->walk([](lrt::CallOp call) {
      call.emitError() << "is computed by the runtime, on the CPU alone; compile it for a CPU";
      return WalkResult::interrupt();
    });
    if (isForGpu.wasInterrupted())
      return failure();
    if (auto whole = kernel->getAttrOfType<LaunchAttr>("lepton.launch"))
      return mapWhole(whole);
    copiesToLinalg();
    SmallVector<SmallVector<Operation *>> groups = groupSteps(kernel);
    for (ArrayRef<Operation *> group : groups) {
      LogicalResult mapped = mapGroup(group, groups.size() > 1);
      if (failed(mapped))
        return mapped;
    }
    for (ArrayRef<Operation *> group : groups)
      for (Operation *step : group)
        b.eraseOp(step);
    finishHost();
    return success();
  }

private:
  std::string nextName(bool hasSeveral) {
    return kernel.getName().str() + (hasSeveral ? "_step" + std::to_string(number++) : "");
  }

  void copiesToLinalg() {
    for (Operation &op : llvm::make_early_inc_range(kernel.front())) {
      auto copy = dyn_cast<memref::CopyOp>(op);
      if (!copy)
        continue;
      b.setInsertionPoint(copy);
      auto nest = linalg::makeMemRefCopyOp(b, copy.getLoc(), copy.getSource(), copy.getTarget());
      nest->setAttr("lepton.launch", copy->getAttr("lepton.launch"));
      b.eraseOp(copy);
    }
  }

  LogicalResult mapGroup(ArrayRef<Operation *> group, bool hasSeveral) {
    LaunchAttr launch = launchOf(group);
    DeviceFunction device(b, module, kernel, nextName(hasSeveral), launch.getThreads());
    b.setInsertionPoint(group.back());
    if (auto forall = dyn_cast<scf::ForallOp>(group.front()))
      return mapForall(device, forall, launch);
    if (isa<linalg::LinalgOp>(group.front()))
      return mapElements(device, group, launch);
    return mapOnce(device, group, launch);
  }

  /// Ends the function's body, and launches it where the builder stands.
  LogicalResult finish(DeviceFunction &device, Value blocks, Unit unit) {
    device.lowerChecks();
    if (unit == Unit::block && !placeBuffers(device, sharedMemory))
      return kernel.emitError() << "needs memory of a size that only the GPU knows, which there is not yet";
    device.launch(blocks);
    return success();
  }

  /// A thread for each `width` neighbouring elements, or for each tile of elements.
  LogicalResult mapElements(DeviceFunction &device, ArrayRef<Operation *> group, LaunchAttr launch) {
    auto first = cast<linalg::LinalgOp>(group.front());
    ElementMapping mapping(device, group, launch, NestBody(b, first).parallelBounds());
    Value blocks = mapping.blocks();
    OpBuilder::InsertPoint host = b.saveInsertionPoint();
    b.setInsertionPoint(device.function.getBody().front().getTerminator());
    mapping.emit();
    b.restoreInsertionPoint(host);
    return finish(device, blocks, launch.getUnit());
  }

  /// A thread, or a block, for each iteration.
  LogicalResult mapForall(DeviceFunction &device, scf::ForallOp forall, LaunchAttr launch) {
    Location loc = forall.getLoc();
    SmallVector<Value> extents, here;
    for (OpFoldResult bound : forall.getMixedUpperBound())
      extents.push_back(getValueOrCreateConstantIndexOp(b, loc, bound));
    Value count = productOf(b, loc, extents), blocks = count;
    if (launch.getUnit() == Unit::thread)
      blocks = b.createOrFold<arith::CeilDivUIOp>(
          loc, count, arith::ConstantIndexOp::create(b, loc, launch.getThreads()).getResult());
    OpBuilder::InsertPoint host = b.saveInsertionPoint();
    b.setInsertionPoint(device.function.getBody().front().getTerminator());
    device.importUsesOf(forall.getOperation());
    for (Value extent : extents)
      here.push_back(device.import(extent));
    Value item = device.block();
    if (launch.getUnit() == Unit::thread) {
      item = arith::MulIOp::create(b, loc, device.block(), device.constant(launch.getThreads()));
      item = arith::AddIOp::create(b, loc, item, device.thread());
      auto branch = scf::IfOp::create(
          b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, item, device.import(count)).getResult(),
          false);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    for (auto [iv, index] : llvm::zip_equal(forall.getInductionVars(), delinearize(b, loc, item, here)))
      device.mapping.map(iv, index);
    for (Operation &op : forall.getBody()->without_terminator())
      b.clone(op, device.mapping);
    if (launch.getUnit() == Unit::thread)
      runInOrder(device);
    else
      shareAmongThreads(device, launch.getThreads());
    b.restoreInsertionPoint(host);
    return finish(device, blocks, launch.getUnit());
  }

  /// One block runs these in order.
  LogicalResult mapOnce(DeviceFunction &device, ArrayRef<Operation *> steps, LaunchAttr launch) {
    OpBuilder::InsertPoint host = b.saveInsertionPoint();
    b.setInsertionPoint(device.function.getBody().front().getTerminator());
    device.importUsesOf(steps);
    for (Operation *step : steps)
      b.clone(*step, device.mapping);
    shareAmongThreads(device, launch.getThreads());
    b.restoreInsertionPoint(host);
    return finish(device, arith::ConstantIndexOp::create(b, kernel.getLoc(), 1), Unit::block);
  }

  /// The whole kernel, by one block. Memory is allocated by the host, which knows its size.
  LogicalResult mapWhole(LaunchAttr launch) {
    SmallVector<Operation *> steps;
    for (Operation &op : kernel.front().without_terminator())
      if (!isa<memref::AllocaOp, lrt::AllocOp, lrt::DeallocOp>(op) && !op.hasTrait<OpTrait::ConstantLike>())
        steps.push_back(&op);
    DeviceFunction device(b, module, kernel, nextName(false), launch.getThreads());
    b.setInsertionPoint(kernel.front().getTerminator());
    for (Operation &op : kernel.front())
      if (auto alloc = dyn_cast<lrt::AllocOp>(op); alloc && llvm::any_of(alloc.getSizes(), [](Value size) {
                                                     return size.getDefiningOp() &&
                                                            dependsOnMemory(size.getDefiningOp());
                                                   }))
        return alloc.emitError() << "needs memory of a size that only the GPU knows, which there is not yet";
    if (failed(mapOnce(device, steps, launch)))
      return failure();
    for (Operation *step : llvm::reverse(steps))
      if (step->use_empty())
        b.eraseOp(step);
    finishHost();
    return success();
  }

  /// The kernel's own buffers are the GPU's; what nothing uses any more goes.
  void finishHost() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(kernel.front()))) {
      auto isFree = [](Operation *user) { return isa<lrt::DeallocOp>(user); };
      if (isa<lrt::AllocOp>(op) && llvm::all_of(op.getUsers(), isFree))
        for (Operation *user : llvm::make_early_inc_range(op.getUsers()))
          b.eraseOp(user);
      auto buffer = dyn_cast<memref::AllocaOp>(op);
      if (isOpTriviallyDead(&op) || (op.use_empty() && isa<lrt::AllocOp>(op))) {
        b.eraseOp(&op);
      } else if (buffer) {
        b.setInsertionPoint(buffer);
        Value memory = lrt::AllocOp::create(b, op.getLoc(), buffer.getType(), kernel.getArgument(0), ValueRange());
        b.setInsertionPoint(kernel.front().getTerminator());
        lrt::DeallocOp::create(b, op.getLoc(), kernel.getArgument(0), memory);
        b.replaceOp(buffer, memory);
      }
    }
  }
};

/// Constants of the module that the functions of the GPU read become the GPU's, too.
void importConstants(ModuleOp module, gpu::GPUModuleOp kernels) {
  SymbolTable known(module), own(kernels);
  kernels.walk([&](memref::GetGlobalOp get) {
    if (!own.lookup(get.getName()))
      own.insert(known.lookup(get.getName())->clone());
  });
}

struct MapToGpu : lepton::impl::MapToGpuBase<MapToGpu> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    const int64_t sharedMemory = targetOf(module).getSharedMemory();
    IRRewriter b(&getContext());
    b.setInsertionPointToStart(module.getBody());
    auto kernels = gpu::GPUModuleOp::create(b, module.getLoc(), "kernels");
    for (auto kernel : module.getOps<func::FuncOp>())
      if (kernel->hasAttr("lepton.kernel") && failed(KernelMapping{b, kernels, kernel, sharedMemory}.run()))
        return signalPassFailure();
    importConstants(module, kernels);
  }
};

} // namespace
