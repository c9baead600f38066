//===- VerifyPhase.cpp - what holds at the end of each phase ----------------------------------------------------------===//
//
// One function per phase, each a sentence of docs as code. An error here is a fault of the compiler, found where it was made rather than where it hurts.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

namespace lepton {
#define GEN_PASS_DEF_VERIFYPHASE
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

static bool isKernel(Operation *op) { return op->hasAttr("lepton.kernel"); }

/// Walks all ops; `fault` says what is wrong with one, or nothing.
static LogicalResult expectAll(ModuleOp module, StringRef phase, function_ref<StringRef(Operation *)> fault) {
  WalkResult result = module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    StringRef reason = fault(op);
    if (reason.empty())
      return WalkResult::advance();
    op->emitError() << "after phase '" << phase << "' " << op->getName() << " " << reason;
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

static bool hasUnrankedTensor(Operation *op) {
  auto isUnranked = [](Type type) { return isa<UnrankedTensorType>(type); };
  return llvm::any_of(op->getResultTypes(), isUnranked) || llvm::any_of(op->getOperandTypes(), isUnranked);
}

/// One entry of ranked tensors; every op knows which node it comes from.
static LogicalResult verifyImport(ModuleOp module) {
  return expectAll(module, "import", [&](Operation *op) -> StringRef {
    if (isa<LeptonDialect>(op->getDialect()) && isa<UnknownLoc>(op->getLoc()))
      return "has no location";
    return hasUnrankedTensor(op) ? "has a tensor without a rank" : "";
  });
}

/// Shapes are final: no type says less than its op infers, but for what leaves a region.
static LogicalResult verifyGraph(ModuleOp module) {
  ShapeAnalysis shapes(module.getContext());
  return expectAll(module, "graph", [&](Operation *op) -> StringRef {
    if (hasUnrankedTensor(op))
      return "has a tensor without a rank";
    auto inferring = dyn_cast<ShapeOpInterface>(op);
    SmallVector<ResultShape> inferred;
    if (!inferring || failed(inferring.inferShapes(shapes, inferred)))
      return "";
    auto infersItself = [](Operation *user) { return isa<ShapeOpInterface>(user); };
    for (auto [result, shape] : llvm::zip_equal(op->getResults(), inferred))
      for (auto [size, dim] : llvm::zip_equal(cast<RankedTensorType>(result.getType()).getShape(), shape.dims))
        if (ShapedType::isDynamic(size) && ShapeAnalysis::constantValue(dim).value_or(-1) >= 0 &&
            llvm::all_of(result.getUsers(), infersItself))
          return "has a dimension of unknown size that is known";
    return "";
  });
}

/// The entry only calls kernels and moves views about; equal kernels are one.
static LogicalResult verifyKernel(ModuleOp module) {
  llvm::StringSet<> called;
  module.walk([&](CallOp call) { called.insert(call.getCallee()); });
  return expectAll(module, "kernel", [&](Operation *op) -> StringRef {
    auto function = op->getParentOfType<func::FuncOp>();
    if (isKernel(op) && !called.contains(cast<func::FuncOp>(op).getName()))
      return "is a kernel that nothing calls";
    bool computes = isa<ElementOpInterface, KernelOpInterface>(op);
    return computes && function && !isKernel(function) ? "is outside a kernel" : "";
  });
}

/// Kernels are linalg and loops.
static LogicalResult verifyTile(ModuleOp module) {
  return expectAll(module, "tile",
                   [](Operation *op) -> StringRef { return isa<LeptonDialect>(op->getDialect()) ? "is left" : ""; });
}

/// No tensor is left, and every buffer has its place.
static LogicalResult verifyBuffer(ModuleOp module) {
  if (!module->hasAttr("lepton.arena_bytes"))
    return module.emitError() << "after phase 'buffer' the size of the arena is not recorded";
  return expectAll(module, "buffer", [](Operation *op) -> StringRef {
    auto isTensor = [](Type type) { return isa<TensorType>(type); };
    if (llvm::any_of(op->getResultTypes(), isTensor) || llvm::any_of(op->getOperandTypes(), isTensor))
      return "reads or makes a tensor";
    return isa<memref::AllocOp>(op) ? "allocates outside the arena, the pool and the stack" : "";
  });
}

/// Every root has a schedule that the target can obey.
static LogicalResult verifySchedulePhase(ModuleOp module) {
  const TargetAttr target = targetOf(module);
  if (target.isGpu())
    return expectAll(module, "schedule", [](Operation *op) -> StringRef {
      auto kernel = dyn_cast_or_null<func::FuncOp>(op->getParentOp());
      const bool isStep = isa<linalg::LinalgOp, scf::ForallOp>(op) && kernel && isKernel(kernel);
      return isStep && !op->hasAttr("lepton.launch") && !kernel->hasAttr("lepton.launch") ? "has no launch" : "";
    });
  return expectAll(module, "schedule", [&](Operation *op) -> StringRef {
    if (!isa<linalg::LinalgOp>(op))
      return "";
    auto schedule = op->getAttrOfType<ScheduleAttr>("lepton.schedule");
    if (!schedule)
      return "has no schedule";
    return failed(verifySchedule(op, schedule, target)) ? "has a schedule that the target cannot obey" : "";
  });
}

/// Loops and vectors; what runs in parallel is a function of a range.
static LogicalResult verifyVector(ModuleOp module) {
  return expectAll(module, "vector", [](Operation *op) -> StringRef {
    if (isa<linalg::LinalgDialect>(op->getDialect()))
      return "is left";
    return isa<scf::ParallelOp, scf::ForallOp>(op) ? "is no function of a range" : "";
  });
}

/// Kernels launch, and compute nothing themselves; what they launch is loops.
static LogicalResult verifyGpu(ModuleOp module) {
  if (module.getOps<gpu::GPUModuleOp>().empty())
    return module.emitError() << "after phase 'gpu' there is no module of a GPU";
  return expectAll(module, "gpu", [](Operation *op) -> StringRef {
    if (isa<linalg::LinalgDialect>(op->getDialect()) || isa<scf::ParallelOp, scf::ForallOp>(op))
      return "is left";
    auto kernel = dyn_cast_or_null<func::FuncOp>(op->getParentOp());
    return kernel && isKernel(kernel) && op->getNumRegions() ? "is a loop that the host would run" : "";
  });
}

/// The functions of the GPU are LLVM's and those of its maker, and call nothing.
template <typename DialectT> static LogicalResult verifyKernels(ModuleOp module) {
  return expectAll(module, DialectT::getDialectNamespace(), [](Operation *op) -> StringRef {
    if (!op->getParentOfType<gpu::GPUModuleOp>())
      return "";
    auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
    if (function && function.isExternal())
      return "is a function that is nowhere";
    return isa<LLVM::LLVMDialect, DialectT>(op->getDialect()) ? "" : "is left";
  });
}

/// The kernels are SPIR-V's, and those that are launched can be.
static LogicalResult verifySpirv(ModuleOp module) {
  if (module.getOps<spirv::ModuleOp>().empty())
    return module.emitError() << "after phase 'spirv' there is no module of SPIR-V";
  return expectAll(module, "spirv", [](Operation *op) -> StringRef {
    if (isa<gpu::GPUModuleOp>(op))
      return "is left";
    return op->getParentOfType<spirv::ModuleOp>() && !isa<spirv::SPIRVDialect>(op->getDialect()) ? "is left" : "";
  });
}

/// The LLVM dialect alone, and one entry that the artifact exports.
static LogicalResult verifyLlvm(ModuleOp module) {
  auto entry = module.lookupSymbol<LLVM::LLVMFuncOp>("lepton_entry");
  if (!entry || entry.isExternal())
    return module.emitError() << "after phase 'llvm' there is no function @lepton_entry";
  return expectAll(module, "llvm", [&](Operation *op) -> StringRef {
    if (!isa<ModuleOp>(op) && !isa<LLVM::LLVMDialect>(op->getDialect()))
      return "is left";
    auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
    bool isPublic = function && !function.isExternal() && function.getLinkage() == LLVM::Linkage::External;
    return isPublic && function != entry ? "is exported" : "";
  });
}

namespace {

struct VerifyPhase : lepton::impl::VerifyPhaseBase<VerifyPhase> {
  using VerifyPhaseBase::VerifyPhaseBase;

  void runOnOperation() override {
    auto check = llvm::StringSwitch<LogicalResult (*)(ModuleOp)>(phase)
                     .Case("import", verifyImport)
                     .Case("graph", verifyGraph)
                     .Case("kernel", verifyKernel)
                     .Case("tile", verifyTile)
                     .Case("buffer", verifyBuffer)
                     .Case("schedule", verifySchedulePhase)
                     .Case("vector", verifyVector)
                     .Case("gpu", verifyGpu)
                     .Case("nvvm", verifyKernels<NVVM::NVVMDialect>)
                     .Case("rocdl", verifyKernels<ROCDL::ROCDLDialect>)
                     .Case("spirv", verifySpirv)
                     .Case("llvm", verifyLlvm)
                     .Default(nullptr);
    if (!check) {
      getOperation().emitError() << "there is no phase '" << phase << "'";
      return signalPassFailure();
    }
    if (failed(verify(getOperation()))) {
      getOperation().emitError() << "after phase '" << phase << "' the IR is invalid";
      return signalPassFailure();
    }
    if (failed(check(getOperation())))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
