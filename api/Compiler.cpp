//===- Compiler.cpp - the public interface ---------------------------------------------------------------------------------------------===//

#include "api/Compilation.h"
#include "api/FactFinder.h"
#include "api/Files.h"
#include "api/Measurement.h"
#include "api/Report.h"
#include "api/Versions.h"
#include "codegen/artifact/HeaderWriter.h"
#include "codegen/artifact/LoadedArtifact.h"
#include "codegen/artifact/Signature.h"
#include "codegen/gpu/GpuEmitter.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"

#include "frontend/native/graph.hpp"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"

#include <optional>

using namespace mlir;
using namespace lepton;

const char *lepton::version() { return LEPTON_VERSION; }

std::shared_ptr<MLIRContext> lepton::makeContext() {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<LeptonDialect, lrt::RuntimeDialect>();
  auto context = std::make_shared<MLIRContext>(registry);
  context->loadDialect<LeptonDialect>();
  return context;
}

/// What to write, from --emit or the output's ending.
static std::string formOf(const std::string &output, const std::string &emit) {
  if (!emit.empty())
    return emit;
  llvm::StringRef ending = llvm::sys::path::extension(output);
  return ending == ".o"                         ? "obj"
         : ending == ".a"                       ? "archive"
         : ending == ".so" || ending == ".wasm" ? "shared"
         : ending == ".s"                       ? "asm"
         : ending == ".ll"                      ? "llvm"
         : ending == ".ptx"                     ? "ptx"
         : ending == ".cubin"                   ? "cubin"
         : ending == ".hsaco"                   ? "hsaco"
         : ending == ".spv"                     ? "spv"
         : ending == ".mlir"                    ? "mlir"
         : ending == ".mlirbc"                  ? "bytecode"
         : ending == ".h"                       ? "header"
                                                : "";
}

/// Has `write` write a file that appears whole or not at all; "-" is standard output.
static bool writeTo(const std::string &path, llvm::function_ref<bool(llvm::raw_ostream &)> write, std::string &error) {
  if (path != "-")
    return writeWhole(path, write, error);
  const bool isWritten = write(llvm::outs());
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return isWritten;
  error = "standard output cannot be written: " + llvm::outs().error().message();
  llvm::outs().clear_error();
  return false;
}

static bool writeText(const std::string &path, const std::string &text, std::string &error) {
  auto write = [&](llvm::raw_ostream &os) {
    os << text;
    return true;
  };
  return writeTo(path, write, error);
}

/// What lies beside a library, an archive or an object; nothing beside other files.
static std::string headerBeside(const std::string &output, const std::string &form) {
  if (form != "shared" && form != "archive" && form != "obj")
    return {};
  return output.substr(0, output.size() - llvm::sys::path::extension(output).size()) + ".h";
}

/// `key`: with which files of constants are encrypted; null: they are not.
static bool writeLinked(const ArtifactParts &parts, const std::string &form, const std::string &output,
                        const std::string &header, const WeightsKey *key, CompileFacts *facts, std::string &error) {
  PhaseClock clock(facts, "artifact");
  const std::vector<ObjectBytes> &objects = parts.objects;
  const Target &target = parts.target;
  std::string temporary = output + ".part" + std::to_string(llvm::sys::Process::getProcessId());
  std::error_code problem;
  bool linked = form == "shared" ? linkSharedLibrary(objects, parts.info.symbol,
                                                     llvm::sys::path::filename(output).str(), target, temporary, error)
                : form == "archive" ? writeArchive(objects, target, !parts.info.isBare, temporary, error)
                : form == "exe"     ? linkExecutable(objects, target, temporary, error)
                                    : writeObject(objects, target, temporary, error);
  if (linked && (form == "shared" || form == "exe"))
    problem = llvm::sys::fs::setPermissions(temporary, llvm::sys::fs::perms(0755));
  // Before the artifact, which is of no use without them.
  llvm::StringRef folder = llvm::sys::path::parent_path(output);
  for (const auto &[name, content] : parts.weightsFiles) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    auto encrypt = [&, bytes = llvm::StringRef(content.data(), content.size())](llvm::raw_ostream &os) {
      return encryptWeights(bytes, *key, os, error);
    };
    if (!linked || problem ||
        (key ? writeWhole(std::string(path), encrypt, error)
             : writeWhole(std::string(path), {content.data(), content.size()}, error)))
      continue;
    (void)llvm::sys::fs::remove(temporary);
    return false;
  }
  if (linked && !problem)
    problem = llvm::sys::fs::rename(temporary, output);
  if (linked && !problem)
    return header.empty() || writeText(header, writeHeader(parts.info), error);
  (void)llvm::sys::fs::remove(temporary);
  error = output + ": cannot be written: " + (problem ? problem.message() : error);
  return false;
}

/// Whether a file can be made there, as far as can be told before.
static bool canBeMade(const std::string &path, std::string &error) {
  if (path != "-" && !isReplaceable(path, error))
    return false;
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  if (path == "-" || folder.empty() || llvm::sys::fs::is_directory(folder))
    return true;
  error = path + ": cannot be written: there is no folder '" + folder.str() + "'";
  return false;
}

/// Why what is to be written does not go with the target, as far as GPUs are concerned; empty where it does.
static std::string faultOfGpuForm(llvm::StringRef form, llvm::StringRef target) {
  const bool isForAmd = target.starts_with("amdgpu");
  if (isForAmd && !llvm::is_contained({"hsaco", "asm", "llvm", "mlir", "bytecode"}, form))
    return "there is no runtime for AMD's GPUs yet, for which kernels alone are compiled; end the output's name in "
           ".hsaco, .s or .ll";
  if (form == "hsaco" && !isForAmd)
    return "a code object is for AMD's GPUs; add --target=amdgpu:gfx942, or end the output's name in another way";
  const bool isForVulkan = target.starts_with("vulkan");
  if (form == "spv" && !isForVulkan)
    return "SPIR-V is for Vulkan; add --target=vulkan, or end the output's name in another way";
  if (isForVulkan && llvm::is_contained({"asm", "llvm"}, form))
    return "the kernels for Vulkan are SPIR-V; end the output's name in .spv";
  if (form == "asm" && target.starts_with("cuda"))
    return "the assembly of a GPU is PTX; end the output's name in .ptx";
  if ((form == "ptx" || form == "cubin") && !target.starts_with("cuda"))
    return (form == "ptx" ? "PTX is" : "a cubin is") +
           std::string(" for NVIDIA's GPUs; add --target=cuda, or end the output's name in another way");
  return {};
}

/// Writes what is not linked with the runtime: IR, assembly, code of a GPU or the header.
static bool writeIr(Compilation &compilation, const std::string &form, const std::string &output, bool locations,
                    std::string &error) {
  std::string text;
  const GpuForm gpuForm = form == "llvm"                                        ? GpuForm::llvmIr
                          : llvm::is_contained({"cubin", "hsaco", "spv"}, form) ? GpuForm::object
                                                                                : GpuForm::assembly;
  if (form == "mlir" || form == "bytecode") {
    // Whole in a file, which can be compiled again, and written as it is made, since it may be large; for reading without the weights.
    auto flags = output == "-" ? OpPrintingFlags().elideLargeResourceString(64) : OpPrintingFlags();
    auto write = [&](llvm::raw_ostream &os) {
      if (form == "bytecode")
        return succeeded(writeBytecodeToFile(compilation.module(), os));
      compilation.module()->print(os, flags.enableDebugInfo(locations));
      return true;
    };
    return writeTo(output, write, error);
  }
  if (form == "header") {
    std::vector<ObjectBytes> objects; // of which it says the size
    if (!compilation.emitObjects(objects)) {
      error = compilation.takeError();
      return false;
    }
    text = writeHeader(compilation.info());
  } else if (compilation.target().gpu.empty() ? !compilation.emitText(form == "asm", text)
                                              : !compilation.emitGpu(gpuForm, text)) {
    error = compilation.takeError();
    return false;
  }
  return writeText(output, text, error);
}

namespace {
/// What is compiled.
struct Source {
  std::string name;
  llvm::function_ref<bool(Compilation &)> read;
  LoadFn load;
};
} // namespace

static Failure compileTo(const Source &source, const std::string &output, const CompileOptions &options,
                         std::string &error) {
  CompileOptions wanted = options;
  std::string form = formOf(output, options.emit);
  if (wanted.symbol.empty())
    wanted.symbol = cIdentifier(output == "-" ? "model" : llvm::sys::path::stem(output));
  if ((form == "mlir" || form == "bytecode") && wanted.compileTo.empty())
    wanted.compileTo = "graph";
  if (!wanted.compileTo.empty() && wanted.compileTo != "object" && wanted.compileTo != "artifact") {
    if (!form.empty() && form != "mlir" && form != "bytecode") {
      error = "after the phase '" + wanted.compileTo + "' there is no '" + form +
              "' yet; end the output's name in .mlir, or leave out --compile-to";
      return Failure::usage;
    }
    form = form == "bytecode" ? form : "mlir";
  }
  const bool isText = llvm::is_contained({"asm", "ptx", "cubin", "hsaco", "spv", "llvm", "mlir", "bytecode", "header"},
                                         form),
             isBinary = llvm::is_contained({"obj", "archive", "shared", "exe"}, form);
  if (!isText && !isBinary) {
    error = options.emit.empty() ? "cannot tell what to write to '" + output +
                                       "'; end its name in .so, .wasm, .a, .o, .s, .ll, .ptx, .cubin, .hsaco, .spv, "
                                       ".h, .mlir or .mlirbc, or "
                                       "say --emit"
                                 : "unknown kind of output '" + form +
                                       "'; there are shared, archive, obj, exe, asm, ptx, cubin, hsaco, spv, llvm, "
                                       "mlir, bytecode and header";
    return Failure::usage;
  }
  error = faultOfGpuForm(form, wanted.target);
  if (!error.empty())
    return Failure::usage;
  if (llvm::StringRef(output).ends_with(".wasm") && !llvm::StringRef(wanted.target).starts_with("wasm")) {
    error =
        "'" + output + "' would be a module of WebAssembly; add --target=wasm32-wasi, or end its name in another way";
    return Failure::usage;
  }
  if ((isBinary || llvm::is_contained({"cubin", "hsaco", "spv"}, form)) && output == "-") {
    error = "machine code is not written to standard output; name a file with -o";
    return Failure::usage;
  }
  if (wanted.weightsFile.empty())
    wanted.weightsFile = (output == "-" ? "model" : llvm::sys::path::stem(output)).str() + ".weights";
  if (wanted.weights == "file" && isBinary && llvm::sys::path::filename(output) == wanted.weightsFile) {
    error = "'" + output +
            "' is the name of the file of constants that is written beside it; end the output's name in another way";
    return Failure::usage;
  }
  if (wanted.runtime == "none" && !llvm::is_contained({"obj", "archive", "header"}, form)) {
    error = "--runtime=none makes an object or an archive; end the output's name in .o or .a";
    return Failure::usage;
  }
  if (wanted.runtime == "none" && llvm::StringRef(wanted.cpu).contains(',')) {
    error = "--cpu=" + wanted.cpu +
            " names several processors, among which the runtime chooses; name one with --runtime=none";
    return Failure::usage;
  }
  if (!wanted.weightsKey.empty() && form == "exe") {
    error =
        "a program reads its constants without a key, so they cannot be encrypted; make a library, an archive or an "
        "object, or leave out --weights-key";
    return Failure::usage;
  }
  WeightsKey key;
  if (!wanted.weightsKey.empty() && !readWeightsKey(wanted.weightsKey, key, error))
    return Failure::input;
  const std::string header = headerBeside(output, form);
  if (header == output) {
    error =
        "'" + output + "' is the name of the header that is written beside it; end the output's name in another way";
    return Failure::usage;
  }
  if (!canBeMade(output, error) || !canBeMade(header, error) || !canBeMade(options.report, error))
    return Failure::input;
  CompileFacts facts;
  if (!options.report.empty() && !wanted.facts)
    wanted.facts = &facts;
  ArtifactParts parts;
  bool done = false;
  if (llvm::StringRef(wanted.cpu).contains(',')) {
    if (!isBinary) {
      error = "--cpu=" + wanted.cpu + " names several processors, for which a library, an archive, an object or a " +
              "program can be made; name one for '" + form + "'";
      return Failure::usage;
    }
    if (Failure failure = compileVersions(source.read, wanted, parts, error); failure != Failure::none)
      return failure;
  } else {
    Compilation compilation(wanted);
    if (!source.read(compilation) || !compilation.runPhases() ||
        (isBinary && !compilation.emitObjects(parts.objects))) {
      error = compilation.takeError();
      return compilation.failure;
    }
    done = isText && writeIr(compilation, form, output, options.locations, error);
    if (compilation.failure != Failure::none)
      return compilation.failure;
    parts.info = compilation.info();
    if (isBinary && parts.info.weightsPlace == WeightsPlace::file)
      parts.weightsFiles.emplace_back(wanted.weightsFile, compilation.takeWeightsFile());
    parts.target = compilation.target();
  }
  if (isBinary)
    done = writeLinked(parts, form, output, header, wanted.weightsKey.empty() ? nullptr : &key, wanted.facts, error);
  if (done && !options.report.empty()) {
    measureKernels(source.load, wanted, parts.target, *wanted.facts);
    done = writeText(options.report, writeReport(source.name, *wanted.facts, parts.info), error);
  }
  return done ? Failure::none : Failure::input;
}

Failure lepton::compileFile(const std::string &model, const std::string &output, const CompileOptions &options,
                            std::string &error) {
  auto read = [&](Compilation &compilation) { return compilation.readFile(model); };
  auto load = [&](const CompileOptions &wanted, std::string &problem) {
    return Executable::compile(model, wanted, problem);
  };
  return compileTo({model, read, load}, output, options, error);
}

/// A large model has its constants in a file beside it, which is there before the model.
static bool writeOnnx(nn::Graph &graph, const std::string &output, std::string &error) {
  std::string bytes;
  if (graph.isWhole() && graph.isLarge()) {
    const std::string location = llvm::sys::path::filename(output).str() + ".data";
    auto write = [&](llvm::raw_ostream &os) {
      bytes = graph.onnx(location, [&](const char *data, size_t size) { os.write(data, size); });
      return true;
    };
    if (!writeWhole(output + ".data", write, error))
      return false;
  } else {
    bytes = graph.onnx();
  }
  error = graph.error();
  return error.empty() && writeWhole(output, bytes, error);
}

Failure lepton::compileFile(nn::Graph &graph, const std::string &output, const CompileOptions &options,
                            std::string &error) {
  llvm::StringRef ending = llvm::sys::path::extension(output);
  if (ending == ".onnx" && options.emit.empty()) {
    return writeOnnx(graph, output, error) ? Failure::none : Failure::input;
  }
  CompileOptions wanted = options;
  if (ending.starts_with(".mlir") && wanted.compileTo.empty())
    wanted.compileTo = "import"; // the graph as it was built
  auto read = [&](Compilation &compilation) { return compilation.readGraph(graph); };
  auto load = [&](const CompileOptions &again, std::string &problem) {
    return Executable::compile(graph, again, problem);
  };
  return compileTo({graph.name(), read, load}, output, wanted, error);
}

Failure lepton::signFile(const std::string &artifact, const std::string &key, std::string &error) {
  auto buffer = llvm::MemoryBuffer::getFile(artifact, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer) {
    error = artifact + ": cannot be read: " + buffer.getError().message();
    return Failure::input;
  }
  std::string signature = sign((*buffer)->getBuffer(), key, error);
  if (signature.empty()) {
    error = artifact + ": " + error;
    return Failure::input;
  }
  return writeWhole(signaturePath(artifact), signature, error) ? Failure::none : Failure::input;
}

//===--------------------------------------------------------------------------------------------------------------------------------------===//
// Executable
//===--------------------------------------------------------------------------------------------------------------------------------------===//

struct Executable::State {
  std::optional<MemoryFile> library; // stays open: its descriptor is the name by which the loader tells libraries apart
  std::shared_ptr<LoadedArtifact> artifact;
  lepton_session *session = nullptr;
  ModelMetadata metadata;

  static std::shared_ptr<Executable> start(std::shared_ptr<LoadedArtifact> artifact, const CompileOptions &wanted,
                                           const lepton_observer *observer, std::string &error) {
    lepton_options options = {};
    options.struct_bytes = sizeof options;
    options.threads = wanted.threads;
    options.device = wanted.device;
    options.observer = observer;
    artifact->placeWeights(options);
    lepton_error problem = {};
    auto state = std::make_unique<State>();
    state->artifact = std::move(artifact);
    const lepton_api &api = state->artifact->api();
    if (api.session_create(api.model, &options, &state->session, &problem) != LEPTON_OK) {
      error = problem.message;
      return nullptr;
    }
    std::shared_ptr<Executable> executable(new Executable());
    executable->state = std::move(state);
    return executable;
  }

  static std::shared_ptr<Executable> finish(Compilation &compilation, bool read, const CompileOptions &options,
                                            std::string &error, Failure *failure) {
    MemoryFile library;
    std::shared_ptr<Executable> executable;
    if (read && compilation.runPhases() && compilation.link(library)) {
      auto artifact = LoadedArtifact::load(library.path(), error);
      executable = artifact ? start(std::move(artifact), options, options.observer, error) : nullptr;
      if (executable) {
        executable->state->library.emplace(std::move(library));
        executable->state->metadata = compilation.metadata;
      } else // compiled well, but for another machine, or for more memory than there is
        compilation.fail(Failure::input, error);
    }
    if (!executable)
      error = compilation.takeError();
    if (failure)
      *failure = executable                             ? Failure::none
                 : compilation.failure == Failure::none ? Failure::internal
                                                        : compilation.failure;
    return executable;
  }
};

Executable::~Executable() {
  if (state && state->session)
    state->artifact->api().session_destroy(state->session);
}

std::shared_ptr<Executable> Executable::compile(const std::string &model, const CompileOptions &options,
                                                std::string &error, Failure *failure) {
  Compilation compilation(options);
  bool read = compilation.readFile(model);
  return State::finish(compilation, read, options, error, failure);
}

std::shared_ptr<Executable> Executable::compileBytes(const void *data, size_t size, const CompileOptions &options,
                                                     std::string &error, Failure *failure) {
  Compilation compilation(options);
  bool read =
      compilation.readBytes({static_cast<const char *>(data), size}, options.name.empty() ? "model" : options.name);
  return State::finish(compilation, read, options, error, failure);
}

std::shared_ptr<Executable> Executable::compile(nn::Graph &graph, const CompileOptions &options, std::string &error,
                                                Failure *failure) {
  Compilation compilation(options);
  bool read = compilation.readGraph(graph);
  return State::finish(compilation, read, options, error, failure);
}

std::shared_ptr<Executable> Executable::load(const std::string &artifact, uint32_t threads, std::string &error) {
  CompileOptions options;
  options.threads = threads;
  return load(artifact, options, error);
}

std::shared_ptr<Executable> Executable::load(const std::string &artifact, const CompileOptions &options,
                                             std::string &error) {
  auto loaded = LoadedArtifact::load(artifact, error, {options.verifyKey, options.audit, options.weightsKey});
  return loaded ? State::start(std::move(loaded), options, /*observer=*/nullptr, error) : nullptr;
}

std::shared_ptr<Executable> Executable::open(const std::string &path, const CompileOptions &options, std::string &error,
                                             Failure *failure) {
  char magic[4] = {};
  auto file = llvm::sys::fs::openNativeFileForRead(path);
  if (file) {
    (void)llvm::sys::fs::readNativeFile(*file, llvm::MutableArrayRef<char>(magic, 4));
    llvm::sys::fs::closeFile(*file);
  } else {
    llvm::consumeError(file.takeError());
  }
  if (!llvm::is_contained({llvm::StringRef("\177ELF"), llvm::StringRef("\0asm", 4)}, llvm::StringRef(magic, 4))) {
    if (options.verifyKey.empty() && options.weightsKey.empty())
      return compile(path, options, error, failure);
    error =
        path + (options.verifyKey.empty()
                    ? ": is no artifact, of which alone constants are encrypted; leave out --weights-key, or compile "
                      "the model with it"
                    : ": is no artifact, which alone is signed; leave out --verify-key, or compile the model and sign "
                      "the artifact");
    if (failure)
      *failure = Failure::input;
    return nullptr;
  }
  if (!options.dims.empty() || options.observer) {
    error = path + (options.observer ? ": an artifact does not tell of its kernels; --profile is for models"
                                     : ": the sizes of an artifact are compiled in; --dim is for ONNX models");
    if (failure)
      *failure = Failure::usage;
    return nullptr;
  }
  auto executable = load(path, options, error);
  if (!executable)
    error = path + ": " + error;
  if (failure)
    *failure = executable ? Failure::none : Failure::input;
  return executable;
}

const lepton_model &Executable::model() const { return *state->artifact->api().model; }

const ModelMetadata &Executable::metadata() const { return state->metadata; }

lepton_status Executable::run(const lepton_tensor *inputs, lepton_tensor *outputs, lepton_error &error) const {
  return state->artifact->api().session_run(state->session, inputs, outputs, &error);
}

bool Executable::run(const lepton_tensor *inputs, lepton_tensor *outputs, std::string &error) const {
  lepton_error problem = {};
  if (run(inputs, outputs, problem) == LEPTON_OK)
    return true;
  error = problem.message;
  return false;
}

void Executable::release(lepton_tensor &tensor) const { state->artifact->api().tensor_release(&tensor); }
