//===- emulate.cpp - compiles a model for a GPU, and what the GPU would run for the CPU --------------------------------------===//
//
//   lepton-emulate MODEL OUTPUT.so [--gpu=cuda:sm_80] [--precision=tf32] [--drop-barrier=N] [--drop-wait=N]
//
// The line is that of --target=cuda (or amdgpu:gfx942) up to the LLVM IR of which PTX (or a code object) is made. From there a pass turns it into code of the CPU, which, linked with the emulator, takes
// the place of the PTX in the artifact: libcuda.so.1 of this folder loads it as a driver loads machine code, and runs it fiber by fiber.
//
//===---------------------------------------------------------------------------------------------------------------------------===//

#include "api/Compilation.h"
#include "codegen/artifact/Linker.h"
#include "codegen/gpu/GpuEmitter.h"
#include "test/gpu/Retarget.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Target/TargetMachine.h"

using namespace lepton;
namespace cl = llvm::cl;

static cl::opt<std::string> model(cl::Positional, cl::desc("MODEL"), cl::Required);
static cl::opt<std::string> output(cl::Positional, cl::desc("OUTPUT"), cl::Required);
static cl::opt<std::string> gpu("gpu", cl::desc("as --target of lepton compile"), cl::init("cuda"));
static cl::opt<std::string> precision("precision", cl::desc("as of lepton compile"));
static cl::opt<int> dropBarrier("drop-barrier", cl::desc("number of a barrier to leave out"), cl::init(-1));
static cl::opt<int> dropWait("drop-wait", cl::desc("number of a wait for copies to leave out"), cl::init(-1));

static cl::opt<std::string> machineCode("machine-code",
                                        cl::desc("where the image is: nowhere but in the place of PTX (no), in that of "
                                                 "machine code, too (too), or alone (alone)"),
                                        cl::init("no"));

static int fail(const std::string &error) {
  llvm::errs() << "error: " << error << "\n";
  return 1;
}

/// Code of the CPU for what the GPU would run; empty where the emulator does not know how.
static ObjectBytes emulatedKernels(mlir::ModuleOp module, const Target &target, Retarget retarget) {
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

/// The code and the emulator as a shared library, which is what its image is.
static bool linkImage(const ObjectBytes &kernels, const std::string &artifact, std::string &image) {
  const std::string object = artifact + ".o", library = artifact + ".image";
  llvm::FileRemover removers[] = {llvm::FileRemover(object), llvm::FileRemover(library)};
  std::error_code problem;
  llvm::raw_fd_ostream(object, problem).write(kernels.data(), kernels.size());
  const llvm::StringRef arguments[] = {LEPTON_LLD, "-shared", "-o", library, object, LEPTON_EMULATOR};
  if (problem || llvm::sys::ExecuteAndWait(LEPTON_LLD, arguments) != 0)
    return false;
  auto bytes = llvm::MemoryBuffer::getFile(library);
  if (bytes)
    image = (*bytes)->getBuffer().str();
  return bool(bytes);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Compiles a model for the emulator of a GPU.\n");
  const std::string library = output; // compiling and linking sets LLVM's options back to their defaults
  Retarget retarget;
  retarget.dropBarrier = dropBarrier;
  retarget.dropWait = dropWait;
  CompileOptions options;
  options.target = gpu;
  options.precision = precision;
  options.symbol = "model";
  Compilation compilation(options);
  if (!compilation.readFile(model) || !compilation.runPhases())
    return fail(compilation.takeError());
  const std::string place = machineCode;
  auto emitImage = [&](DeviceCode &code) {
    ObjectBytes kernels = emulatedKernels(compilation.module(), compilation.target(), retarget);
    if (kernels.empty() || !linkImage(kernels, library, code.image))
      return false;
    if (place != "no")
      code.machineCode = code.image;
    if (place == "alone")
      code.image = "what no driver takes";
    return true;
  };
  std::vector<ObjectBytes> objects;
  if (!compilation.takeDeviceCode(emitImage))
    return fail("the kernels cannot be emulated " + compilation.takeError());
  if (!compilation.emitObjects(objects))
    return fail(compilation.takeError());
  std::string error;
  return linkSharedLibrary(objects, options.symbol, llvm::sys::path::filename(library).str(), compilation.target(),
                           library, error)
             ? 0
             : fail(error);
}
