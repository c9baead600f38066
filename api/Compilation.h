//===- Compilation.h - one compilation, from model to code --------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_COMPILATION_H
#define LEPTON_API_COMPILATION_H

#include "api/Bounds.h"
#include "api/Facts.h"
#include "api/Tuning.h"
#include "api/lepton.hpp"
#include "codegen/artifact/Linker.h"
#include "codegen/artifact/ModelInfo.h"
#include "codegen/target/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/Timing.h"

namespace lepton {

enum class GpuForm;

/// The compiler on one page: reads a model, runs the phases, gives objects.
class Compilation {
public:
  Compilation(const CompileOptions &options);

  /// Reads a model from a file or from memory: ONNX, or the dialect.
  bool readFile(const std::string &path);
  bool readBytes(llvm::ArrayRef<char> bytes, const std::string &name);
  /// Takes a graph that was built.
  bool readGraph(nn::Graph &graph);
  /// Takes a module that was made elsewhere (constants to be computed).
  void take(mlir::OwningOpRef<mlir::ModuleOp> newModule);
  /// Runs the phases up to the one that the options name, or all.
  bool runPhases();
  /// Gives what is known of the model its last facts, the number of kernels and the hash; returns the weights. After all phases.
  ObjectBytes seal();
  /// Machine code and, unless they go into a file, weights; after all phases.
  bool emitObjects(std::vector<ObjectBytes> &objects);
  /// Text: assembly or LLVM IR.
  bool emitText(bool assembly, std::string &text);
  /// What a GPU runs, or the LLVM IR that it is made from. An object is linked to what the driver loads; NVIDIA's assembler makes it, where it is installed.
  bool emitGpu(GpuForm form, std::string &code);
  /// Has `emit` write what the GPU runs and leaves in the module what the host does. Without a GPU there is nothing to do.
  bool takeDeviceCode(llvm::function_ref<bool(DeviceCode &)> emit);
  /// A shared library in memory.
  bool link(MemoryFile &library);

  /// Ends the compilation with an error that names the model; returns false.
  bool fail(Failure kind, const std::string &message);
  std::string takeError();
  Failure failure = Failure::none;
  ModelMetadata metadata;
  const ModelInfo &info() const { return modelInfo; }
  mlir::ModuleOp module() const { return mlir::ModuleOp(moduleRef.get()); }
  const Target &target() const { return chosen; }
  /// What goes into the file of constants; after the code.
  ObjectBytes takeWeightsFile() { return std::move(weightsFile); }

private:
  bool chooseTarget();
  bool choosePrecision();
  bool checkDeterminism();
  bool chooseWeightsPlace();
  /// Whether there is for WebAssembly what the model and the options ask for.
  bool suitsWasm();
  /// Whether its addresses reach all of the model.
  bool fitsWasm();
  /// What an artifact has for the GPU: code that every newer one takes and, where an assembler is installed, machine code of this one.
  bool emitDeviceCode(DeviceCode &code);
  /// Whether inputs and outputs are memory that a GPU can have.
  bool suitsGpu();
  bool chooseRuntime();
  /// Says what code without a runtime would call of one, and the node that it is for.
  bool checkBareCode();
  /// Joins the objects, and what stands for the runtime, to one that needs nothing else.
  bool joinBare(std::vector<ObjectBytes> &objects);
  bool failBare(mlir::Operation *op, const std::string &what);
  bool failUsage(const std::string &message);
  /// Whether the compilation is given up, which becomes its error.
  bool isGivenUp(const std::string &phase);
  /// Imports what `import` reads.
  template <typename ImportT> bool importOnnx(ImportT import);
  bool checkEntry();
  bool checkConstants();
  void describe();
  bool runPhase(const char *name, void (*build)(mlir::OpPassManager &, const struct PipelineOptions &));
  bool dump(const std::string &phase);
  bool useTuned();
  bool lookAfter(void (*build)(mlir::OpPassManager &, const struct PipelineOptions &));
  void writeReproducer(const std::string &phase);

  CompileOptions options;
  Bounds bounds;
  std::shared_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> moduleRef;
  ModelInfo modelInfo;
  Target chosen;
  ObjectBytes weightsFile;
  std::string source, errors; // what messages name; messages so far
  int phasesDumped = 0;
  KernelDump kernels;
  mlir::DefaultTimingManager timer; // reports at the end
  mlir::TimingScope timing;         // of all phases
};

/// All dialects that the compiler uses.
std::shared_ptr<mlir::MLIRContext> makeContext();

} // namespace lepton

#endif // LEPTON_API_COMPILATION_H
