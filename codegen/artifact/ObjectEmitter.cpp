//===- ObjectEmitter.cpp - the LLVM dialect becomes machine code ---------------------------------------------------------------===//

#include "codegen/artifact/ObjectEmitter.h"
#include "codegen/artifact/ModelDescriptor.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/Transforms/Utils/SplitModule.h"

#include <thread>

using namespace mlir;
using namespace lepton;

using Bytes = llvm::SmallVector<char, 0>;

/// Fewer functions than this are not worth a second part.
static constexpr size_t functionsPerPart = 8;

static void initializeTargets() {
  static bool done = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
    return true;
  }();
  (void)done;
}

static std::unique_ptr<llvm::TargetMachine> makeMachine(const Target &target, int optLevel) {
  std::string error;
  llvm::Triple triple(target.triple);
  const llvm::Target *known = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!known)
    return nullptr;
  llvm::TargetOptions options;
  options.FunctionSections = options.DataSections = true;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  options.MCOptions.ABIName = architectureOf(target.arch).abi;
  // Without optimization too values stay in registers within a loop: through memory, plain loops would run eight times as slow.
  // A module of WebAssembly is linked whole.
  auto relocation = target.isWasm() ? llvm::Reloc::Static : llvm::Reloc::PIC_;
  auto level = optLevel <= 1 ? llvm::CodeGenOptLevel::Less : llvm::CodeGenOptLevel::Aggressive;
  return std::unique_ptr<llvm::TargetMachine>(
      known->createTargetMachine(triple, target.cpu, target.features, options, relocation, std::nullopt, level));
}

static void setAttributes(llvm::Module &module, const Target &target) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    if (!target.features.empty())
      function.addFnAttr("target-features", target.features);
    function.addFnAttr("prefer-vector-width", std::to_string(target.vectorBits));
    // Compiled code throws nothing, but what a caller's observer or pool throws passes through it, as stack traces of profilers do.
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.setUWTableKind(llvm::UWTableKind::Default);
  }
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine, int optLevel,
                     llvm::function_ref<bool()> stopped) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopInterleaving = optLevel > 1;
  // Unrolled first, a short inner loop would leave the loop around it to be vectorized, across rows and by scatters. What is worth it is unrolled already.
  tuning.LoopUnrolling = false;
  llvm::PassInstrumentationCallbacks callbacks;
  if (stopped)
    callbacks.registerShouldRunOptionalPassCallback([stopped](llvm::StringRef, llvm::Any) { return !stopped(); });
  llvm::PassBuilder builder(&machine, tuning, std::nullopt, &callbacks);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  llvm::OptimizationLevel levels[] = {llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1,
                                      llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  llvm::OptimizationLevel level = levels[std::clamp(optLevel, 0, 3)];
  auto pipeline = optLevel == 0 ? builder.buildO0DefaultPipeline(level) : builder.buildPerModuleDefaultPipeline(level);
  pipeline.run(module, modules);
}

static Bytes generate(llvm::Module &module, llvm::TargetMachine &machine, CodeForm form) {
  Bytes bytes;
  llvm::raw_svector_ostream os(bytes);
  if (form == CodeForm::llvmIr) {
    module.print(os, nullptr);
    return bytes;
  }
  llvm::legacy::PassManager passes;
  machine.addPassesToEmitFile(passes, os, nullptr,
                              form == CodeForm::object ? llvm::CodeGenFileType::ObjectFile
                                                       : llvm::CodeGenFileType::AssemblyFile);
  passes.run(module);
  return bytes;
}

/// Compiles bitcode in a context of its own: what each thread does.
static Bytes compilePart(llvm::ArrayRef<char> bitcode, const Target &target, int optLevel,
                         llvm::function_ref<bool()> stopped) {
  llvm::LLVMContext context;
  auto module = llvm::cantFail(
      llvm::parseBitcodeFile(llvm::MemoryBufferRef(llvm::StringRef(bitcode.data(), bitcode.size()), "part"), context));
  auto machine = makeMachine(target, optLevel);
  optimize(*module, *machine, optLevel, stopped);
  return stopped && stopped() ? Bytes() : generate(*module, *machine, CodeForm::object);
}

std::vector<Bytes> lepton::emitCode(ModuleOp module, const ModelInfo &info, const Target &target, int optLevel,
                                    CodeForm form, unsigned parts, llvm::function_ref<bool()> stopped) {
  initializeTargets();
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "lepton");
  auto machine = makeMachine(target, optLevel);
  if (!code || !machine) {
    emitError(module.getLoc()) << "no code can be generated for the target " << target.triple;
    return {};
  }
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  if (info.isBare)
    addBareFunction(*code, info);
  else
    addModelDescriptor(*code, info);
  setAttributes(*code, target);
  size_t functions = llvm::count_if(*code, [](const llvm::Function &function) { return !function.isDeclaration(); });
  parts = form == CodeForm::object ? std::min<size_t>(parts, functions / functionsPerPart) : 1;
  if (parts <= 1) {
    optimize(*code, *machine, optLevel, stopped);
    return {stopped && stopped() ? Bytes() : generate(*code, *machine, form)};
  }
  llvm::StringSet<> exported;
  for (const llvm::GlobalValue &value : code->global_values())
    if (!value.hasLocalLinkage() && !value.isDeclaration() && value.hasDefaultVisibility())
      exported.insert(value.getName());
  std::vector<Bytes> bitcode, objects(parts);
  llvm::SplitModule(*code, parts, [&](std::unique_ptr<llvm::Module> part) {
    // What crosses parts is renamed and must stay inside the artifact.
    for (llvm::GlobalValue &value : part->global_values())
      if (!value.hasLocalLinkage() && !value.isDeclaration() && !exported.contains(value.getName()))
        value.setVisibility(llvm::GlobalValue::HiddenVisibility);
    llvm::raw_svector_ostream os(bitcode.emplace_back());
    llvm::WriteBitcodeToFile(*part, os);
  });
  std::vector<std::thread> threads;
  for (size_t i = 0; i < bitcode.size(); ++i)
    threads.emplace_back([&, i] { objects[i] = compilePart(bitcode[i], target, optLevel, stopped); });
  for (std::thread &thread : threads)
    thread.join();
  return objects;
}

uint64_t lepton::countCode(llvm::ArrayRef<llvm::SmallVector<char, 0>> objects) {
  uint64_t bytes = 0;
  for (const llvm::SmallVector<char, 0> &object : objects)
    if (auto file = llvm::object::ObjectFile::createObjectFile({llvm::StringRef(object.data(), object.size()), ""})) {
      for (const llvm::object::SectionRef &section : (*file)->sections())
        bytes += section.isText() ? section.getSize() : 0;
    } else {
      llvm::consumeError(file.takeError());
    }
  return bytes;
}

Bytes lepton::emitModelChooser(llvm::ArrayRef<std::string> versions, const std::string &symbol, const Target &target) {
  initializeTargets();
  llvm::LLVMContext context;
  llvm::Module code("chooser", context);
  auto machine = makeMachine(target, 3);
  code.setTargetTriple(machine->getTargetTriple());
  code.setDataLayout(machine->createDataLayout());
  addModelChooser(code, versions, symbol);
  return generate(code, *machine, CodeForm::object);
}
