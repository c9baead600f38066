//===- GpuEmitter.cpp - functions of a GPU become its code ------------------------------------------------------------------===//

#include "codegen/gpu/GpuEmitter.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/ROCDL/ROCDLToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Target/SPIRV/Serialization.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace mlir;
using namespace lepton;

static std::unique_ptr<llvm::TargetMachine> makeMachine(const Target &target, int optLevel) {
  static const bool initialized = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    return true;
  }();
  (void)initialized;
  std::string error;
  llvm::Triple triple(target.gpuTriple);
  const llvm::Target *known = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!known)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  auto level = optLevel <= 1 ? llvm::CodeGenOptLevel::Less : llvm::CodeGenOptLevel::Aggressive;
  return std::unique_ptr<llvm::TargetMachine>(
      known->createTargetMachine(triple, target.gpu, target.gpuFeatures, options, std::nullopt, std::nullopt, level));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine, int optLevel) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  // Addresses in shared memory are found by optimizing, without which they could not be told from others.
  auto level = optLevel <= 1 ? llvm::OptimizationLevel::O1 : llvm::OptimizationLevel::O3;
  builder.buildPerModuleDefaultPipeline(level).run(module, modules);
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    // What was worth unrolling is unrolled: the assembler would go on until registers are spilled.
    llvm::DominatorTree tree(function);
    llvm::LoopInfo info(tree);
    for (llvm::Loop *loop : info.getLoopsInPreorder())
      loop->setLoopAlreadyUnrolled();
  }
}

/// Nothing where the target refuses.
static std::unique_ptr<llvm::Module> translate(ModuleOp module, const Target &target, int optLevel,
                                               llvm::LLVMContext &llvmContext, llvm::TargetMachine *machine) {
  MLIRContext &context = *module.getContext();
  registerBuiltinDialectTranslation(context);
  registerGPUDialectTranslation(context);
  registerLLVMDialectTranslation(context);
  registerNVVMDialectTranslation(context);
  registerROCDLDialectTranslation(context);
  auto kernels = *module.getOps<gpu::GPUModuleOp>().begin();
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(kernels, llvmContext, "kernels");
  if (!code || !machine) {
    emitError(module.getLoc()) << "no code can be generated for the GPU " << target.gpu;
    return nullptr;
  }
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  // LLVM's own choice is newer than many drivers.
  if (target.isAmdGpu())
    code->addModuleFlag(llvm::Module::Error, "amdhsa_code_object_version", 500);
  optimize(*code, *machine, optLevel);
  return code;
}

std::unique_ptr<llvm::Module> lepton::translateGpu(ModuleOp module, const Target &target, int optLevel,
                                                   llvm::LLVMContext &context) {
  return translate(module, target, optLevel, context, makeMachine(target, optLevel).get());
}

static bool serialize(ModuleOp module, llvm::SmallVector<char, 0> &code) {
  SmallVector<uint32_t> words;
  if (failed(spirv::serialize(*module.getOps<spirv::ModuleOp>().begin(), words)))
    return false;
  const char *bytes = reinterpret_cast<const char *>(words.data());
  code.assign(bytes, bytes + words.size() * sizeof(uint32_t));
  return true;
}

bool lepton::emitGpuCode(ModuleOp module, const Target &target, int optLevel, GpuForm form,
                         llvm::SmallVector<char, 0> &code) {
  if (target.isVulkan())
    return serialize(module, code);
  llvm::LLVMContext context;
  auto machine = makeMachine(target, optLevel);
  std::unique_ptr<llvm::Module> kernels = translate(module, target, optLevel, context, machine.get());
  if (!kernels)
    return false;
  llvm::raw_svector_ostream os(code);
  if (form == GpuForm::llvmIr) {
    kernels->print(os, nullptr);
    return true;
  }
  llvm::legacy::PassManager passes;
  machine->addPassesToEmitFile(passes, os, nullptr,
                               form == GpuForm::object ? llvm::CodeGenFileType::ObjectFile
                                                       : llvm::CodeGenFileType::AssemblyFile);
  passes.run(*kernels);
  return true;
}
