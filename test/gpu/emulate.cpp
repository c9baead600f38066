//===- emulate.cpp - compiles a model for a GPU, and what the GPU would run for the CPU --------------------------------------===//
//
//   lepton-emulate MODEL OUTPUT.so [--gpu=cuda:sm_80] [--drop-barrier=N]
//
// The line is that of --target=cuda up to the LLVM IR of which PTX is made. From there a pass turns it into code of the CPU, and an emulator, linked into the
// library, runs it fiber by fiber. The host's part is compiled as it is, with memory of the CPU in the place of the GPU's: the library is an artifact as any other.
//
//===---------------------------------------------------------------------------------------------------------------------------===//

#include "api/Compilation.h"
#include "codegen/artifact/Linker.h"
#include "codegen/cpu/LowerToLlvm.h"
#include "codegen/gpu/PtxEmitter.h"
#include "test/gpu/Retarget.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Target/TargetMachine.h"

using namespace lepton;
namespace cl = llvm::cl;

static cl::opt<std::string> model(cl::Positional, cl::desc("MODEL"), cl::Required);
static cl::opt<std::string> output(cl::Positional, cl::desc("OUTPUT"), cl::Required);
static cl::opt<std::string> gpu("gpu", cl::desc("as --target of lepton compile"), cl::init("cuda"));
static cl::opt<int> dropBarrier("drop-barrier", cl::desc("number of a barrier to leave out"), cl::init(-1));

static int fail(const std::string &error) {
  llvm::errs() << "error: " << error << "\n";
  return 1;
}

/// Code of the CPU for what the GPU would run; empty where the emulator does not know how.
static ObjectBytes emulatedKernels(mlir::ModuleOp module, const Target &target) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateGpu(module, target, /*optLevel=*/3, context);
  if (!code)
    return {};
  std::string error;
  llvm::Triple triple(target.triple);
  const llvm::Target *known = llvm::TargetRegistry::lookupTarget(triple, error);
  std::unique_ptr<llvm::TargetMachine> machine(
      known->createTargetMachine(triple, target.cpu, target.features, llvm::TargetOptions(), llvm::Reloc::PIC_));
  code->setTargetTriple(triple);
  code->setDataLayout(machine->createDataLayout());
  llvm::ModuleAnalysisManager analyses;
  llvm::PassBuilder(machine.get()).registerModuleAnalyses(analyses);
  bool failed = false;
  Retarget retarget;
  retarget.dropBarrier = dropBarrier;
  retarget.failed = &failed;
  (void)retarget.run(*code, analyses);
  if (failed)
    return {};
  ObjectBytes object;
  llvm::raw_svector_ostream os(object);
  llvm::legacy::PassManager passes;
  machine->addPassesToEmitFile(passes, os, nullptr, llvm::CodeGenFileType::ObjectFile);
  passes.run(*code);
  return object;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Compiles a model for the emulator of a GPU.\n");
  const std::string library = output; // lld sets LLVM's options back to their defaults
  CompileOptions options;
  options.target = gpu;
  options.symbol = "model";
  Compilation compilation(options);
  if (!compilation.readFile(model) || !compilation.runPhases())
    return fail(compilation.takeError());
  ObjectBytes kernels = emulatedKernels(compilation.module(), compilation.target());
  if (kernels.empty())
    return fail("the kernels cannot be emulated");
  mlir::PassManager host(compilation.module().getContext());
  buildLlvmPipeline(host);
  std::vector<ObjectBytes> objects;
  if (failed(host.run(compilation.module())))
    return fail(compilation.takeError());
  (*compilation.module().getOps<mlir::gpu::GPUModuleOp>().begin())->erase();
  if (!compilation.emitObjects(objects))
    return fail(compilation.takeError());
  objects.push_back(std::move(kernels));
  auto emulator = llvm::MemoryBuffer::getFile(LEPTON_EMULATOR);
  if (!emulator)
    return fail(std::string(LEPTON_EMULATOR) + ": " + emulator.getError().message());
  objects.emplace_back((*emulator)->getBufferStart(), (*emulator)->getBufferEnd());
  std::string error;
  return linkSharedLibrary(objects, options.symbol, llvm::sys::path::filename(library).str(), compilation.target(),
                           library, error)
             ? 0
             : fail(error);
}
