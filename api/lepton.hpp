//===- lepton.hpp - compile and run networks -----------------------------------------------------------------*- C++ -*-===//
//
// The public interface in C++. Nothing here throws: a call that can fail returns false (or null) and says why in `error`, one problem a line.
// Only where the system refuses memory to a compilation, the process ends: `maxMemory` bounds what one takes.
//
//   lepton::CompileOptions options;
//   std::string error;
//   auto model = lepton::Executable::compile("model.onnx", options, error);
//   model->run(inputs, outputs, error);
//
//===--------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_API_LEPTON_HPP
#define LEPTON_API_LEPTON_HPP

#include "lepton_abi.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lepton {

struct CompileFacts; // Facts.h
namespace nn {
class Graph; // graph.hpp
}

/// What goes wrong, and so the exit status of the command line.
enum class Failure { none = 0, input = 1, usage = 2, internal = 3 };

/// The sizes that the dimensions of one name may have; one size where both ends are equal. Any size where `versions` lists those that get code of their own.
struct DimRange {
  std::string name;
  int64_t minimum, maximum;
  std::vector<int64_t> versions;
};

struct CompileOptions {
  std::string target; ///< triple, as wasm32-wasi, or cuda:GPU, amdgpu:GPU, vulkan; empty or "native": this machine
  std::string
      cpu; ///< processor; empty or "native": this machine's; several, with commas between, for an artifact that has code for each
  std::string
      precision; ///< of float32 products on a GPU: fp32, exact, or of numbers rounded to tf32, fp16 or bf16; empty: fp32
  uint32_t threads = 1;       ///< threads that take part in a run, unless the session says otherwise
  int optLevel = 3;           ///< 0: every op a kernel of plain loops; 3: everything
  std::vector<DimRange> dims; ///< sizes of named dimensions of an ONNX model; a run checks the bounds
  std::string
      emit; ///< shared, archive, obj, exe, asm, ptx, cubin, hsaco, spv, llvm, mlir, bytecode, header; empty: from the output's ending
  std::string
      weights; ///< where an artifact has its constants: embed (or empty), file (NAME.weights beside it, shared by all processes that run it), section (pages of their own)
  std::string
      runtime; ///< full (or empty), or none: an object or archive for one thread that needs no runtime, no C library and no memory but the caller's
  std::string weightsFile; ///< name of that file; empty: from the output's name
  std::string
      weightsKey; ///< file of a key (32 bytes): that file is written encrypted, or is so where an artifact is opened; empty: it is not
  std::string
      compileTo; ///< stop after this phase and write its IR, as bytecode where the file ends in .mlirbc; see phaseNames()
  std::string
      report; ///< file for a page of HTML about the compilation; the model is compiled once more and run, to be measured
  std::string dumpPhases; ///< folder for the IR after each phase
  std::string
      dumpKernels; ///< folder for a model of each kernel whose schedule can be tuned, and for kernels.json, which lists them
  std::string tuningDb; ///< database of tuned schedules to obey; see tune/TuningDatabase.h
  std::string name;     ///< of the model, where bytes are compiled; empty: the graph's own
  std::string
      reproducer;     ///< file for the IR in front of each phase, which stays where a phase fails by a fault of Lepton
  std::string symbol; ///< prefix of the C functions of an artifact; empty: from the output's name
  CompileFacts *facts = nullptr; ///< filled where given; what it had of a model at fault remains
  double maxSeconds = 0;         ///< a compilation that takes longer is given up at its next step; 0: no bound
  uint64_t maxMemory =
      0; ///< bytes; a compilation during which the process has more in memory is given up likewise; 0: no bound
  std::string
      verifyKey; ///< file of a public key (Ed25519, PEM): only an artifact that it signed is opened; see lepton sign
  std::string
      audit; ///< file to which a line of JSON is added for each artifact that is opened: file, hash, signer, process
  bool deterministic =
      false; ///< the same bits on all processors with fused multiply-add, whatever their vectors; slower where those are wide
  bool locations = false; ///< print IR with the ONNX nodes that its ops come from
  bool timing = false;    ///< report the time of each phase and pass on standard error
  uint32_t device = 0;    ///< which of several GPUs runs the model in the process, as lepton_options counts them
  const lepton_observer *observer = nullptr; ///< is told of each kernel that a run comes to; for Executable::compile
};

/// "0.1.0"
const char *version();

/// The phases in their order.
std::vector<std::string> phaseNames();

/// Compiles a model (ONNX, or the dialect as text or bytecode) to a file; a header is written beside a library, an archive or an object. The file appears whole or not at all.
Failure compileFile(const std::string &model, const std::string &output, const CompileOptions &options,
                    std::string &error);
/// The same for a graph that was built, which is written as it is where the file ends in .onnx, .mlir or .mlirbc.
Failure compileFile(nn::Graph &graph, const std::string &output, const CompileOptions &options, std::string &error);
/// Writes the signature of an artifact, `ARTIFACT.sig`, with a private key (Ed25519, PEM).
Failure signFile(const std::string &artifact, const std::string &key, std::string &error);

/// What an ONNX model says of itself; nothing of other models and of artifacts.
struct ModelMetadata {
  std::map<std::string, std::string>
      fields; ///< producer_name, graph_name, domain, description, graph_description, version
  std::map<std::string, std::string> custom; ///< its metadata_props
};

/// A model loaded into this process. Runs may overlap; they share its weights.
class Executable {
public:
  /// Compiles a model file and loads the result without touching the disk.
  static std::shared_ptr<Executable> compile(const std::string &model, const CompileOptions &options,
                                             std::string &error, Failure *failure = nullptr);
  /// The same for a model in memory.
  static std::shared_ptr<Executable> compileBytes(const void *data, size_t size, const CompileOptions &options,
                                                  std::string &error, Failure *failure = nullptr);
  /// The same for a graph that was built.
  static std::shared_ptr<Executable> compile(nn::Graph &graph, const CompileOptions &options, std::string &error,
                                             Failure *failure = nullptr);
  /// Loads an artifact; `threads` 0: as many as it was compiled for.
  static std::shared_ptr<Executable> load(const std::string &artifact, uint32_t threads, std::string &error);
  /// The same for an artifact that must be signed, whose loading is noted, or whose constants are encrypted; of the options, `threads`, `device`, `verifyKey`, `audit` and `weightsKey` count.
  static std::shared_ptr<Executable> load(const std::string &artifact, const CompileOptions &options,
                                          std::string &error);
  /// Compiles a model, or loads it where the file is an artifact.
  static std::shared_ptr<Executable> open(const std::string &path, const CompileOptions &options, std::string &error,
                                          Failure *failure = nullptr);

  Executable(const Executable &) = delete;
  ~Executable();

  const lepton_model &model() const;
  const ModelMetadata &metadata() const;
  /// One run; see lepton_session_run for who owns what.
  bool run(const lepton_tensor *inputs, lepton_tensor *outputs, std::string &error) const;
  lepton_status run(const lepton_tensor *inputs, lepton_tensor *outputs, lepton_error &error) const;
  /// Frees what a run allocated for an output.
  void release(lepton_tensor &tensor) const;

private:
  Executable() = default;
  struct State;
  std::unique_ptr<State> state;
  friend struct State;
};

} // namespace lepton

#endif // LEPTON_API_LEPTON_HPP
