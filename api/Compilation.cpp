//===- Compilation.cpp - the line: from a model to machine code ---------------------------------------------------------------------===//

#include "api/Compilation.h"
#include "api/ConstantEvaluator.h"
#include "api/FactFinder.h"
#include "api/PassObserver.h"
#include "codegen/artifact/ObjectEmitter.h"
#include "codegen/artifact/WeightsObject.h"
#include "codegen/cpu/LowerToLlvm.h"
#include "codegen/gpu/GpuEmitter.h"
#include "codegen/gpu/LowerToNvvm.h"
#include "codegen/gpu/LowerToRocdl.h"
#include "codegen/gpu/LowerToSpirv.h"
#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/Flops.h"
#include "dialects/Lepton/LeptonOps.h"
#include "frontend/native/ImportGraph.h"
#include "frontend/onnx/Importer.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Action.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/xxhash.h"

#include <thread>

using namespace mlir;
using namespace lepton;

//===----------------------------------------------------------------------------------------------------------------------------------===//
// The phases
//===----------------------------------------------------------------------------------------------------------------------------------===//

static void buildNothing(OpPassManager &, const PipelineOptions &) {}
static void buildLlvmPhase(OpPassManager &pm, const PipelineOptions &) { buildLlvmPipeline(pm); }
static void buildNvvmPhase(OpPassManager &pm, const PipelineOptions &) { buildNvvmPipeline(pm); }
static void buildRocdlPhase(OpPassManager &pm, const PipelineOptions &) { buildRocdlPipeline(pm); }
static void buildSpirvPhase(OpPassManager &pm, const PipelineOptions &) { buildSpirvPipeline(pm); }

namespace {
struct Phase {
  const char *name;
  void (*build)(OpPassManager &, const PipelineOptions &);
};
} // namespace

/// Import itself comes before the first of these; object and artifact come after the last. Each ends with a check of what its comment says.
static constexpr Phase phases[] = {
    {"import", buildNothing},            // lepton ops with ranked types, each with its node's name
    {"graph", buildGraphPipeline},       // shapes final, layouts chosen, weights packed
    {"kernel", buildKernelPipeline},     // the entry calls kernels
    {"tile", buildTilePipeline},         // kernels in linalg on tensors
    {"buffer", buildBufferPipeline},     // every buffer has its place
    {"schedule", buildSchedulePipeline}, // every root of a kernel has a schedule
    {"vector", buildVectorPipeline},     // loops and vectors
    {"llvm", buildLlvmPhase},            // the LLVM dialect
};

/// For a GPU the line is the same up to `buffer`.
static constexpr Phase gpuPhases[] = {
    {"import", buildNothing},
    {"graph", buildGraphPipeline},
    {"kernel", buildKernelPipeline},
    {"tile", buildTilePipeline},
    {"buffer", buildBufferPipeline},
    {"schedule", buildSchedulePipeline}, // every step of a kernel says how it is spread over the GPU
    {"gpu", buildGpuPipeline},           // kernels launch functions of the GPU
};

/// These are the dialects llvm and nvvm, or rocdl, or spirv.
static constexpr Phase nvvmPhase = {"nvvm", buildNvvmPhase}, rocdlPhase = {"rocdl", buildRocdlPhase},
                       spirvPhase = {"spirv", buildSpirvPhase};

static SmallVector<Phase> lineFor(const Target &target) {
  if (target.gpu.empty())
    return SmallVector<Phase>(ArrayRef(phases));
  SmallVector<Phase> line{ArrayRef(gpuPhases)};
  line.push_back(target.isVulkan() ? spirvPhase : target.isAmdGpu() ? rocdlPhase : nvvmPhase);
  return line;
}

std::vector<std::string> lepton::phaseNames() {
  std::vector<std::string> names;
  for (const Phase &phase : phases)
    names.push_back(phase.name);
  for (const Phase &phase : gpuPhases)
    if (!llvm::is_contained(names, phase.name))
      names.push_back(phase.name);
  for (const char *last : {nvvmPhase.name, rocdlPhase.name, spirvPhase.name, "object", "artifact"})
    names.push_back(last);
  return names;
}

bool Compilation::runPhases() {
  if (options.optLevel < 0 || options.optLevel > 3)
    return failUsage("unknown optimization level " + std::to_string(options.optLevel) + "; there are 0, 1, 2 and 3");
  if (!chooseTarget() || !choosePrecision() || !checkDeterminism() || !chooseWeightsPlace() || !suitsWasm())
    return false;
  module()->setAttr("lepton.target", targetAttribute(*context, chosen, options.deterministic));
  if (chosen.isWasm())
    module()->setAttr("lepton.no_half_floats", UnitAttr::get(context.get()));
  if (options.observer)
    module()->setAttr("lepton.observed", UnitAttr::get(context.get()));
  describe();
  if (!chooseRuntime())
    return false;
  const SmallVector<Phase> all = lineFor(chosen);
  ArrayRef<Phase> line = all;
  const bool stopsInLine = options.compileTo.empty() || llvm::is_contained({"object", "artifact"}, options.compileTo);
  if (!stopsInLine && llvm::none_of(line, [&](const Phase &phase) { return options.compileTo == phase.name; })) {
    return failUsage("the target " + (chosen.gpu.empty() ? chosen.cpu : chosen.gpu) + " has no phase '" +
                     options.compileTo + "'");
  }
  if (hasKernels(module())) // a kernel alone: what comes before was decided in its model
    line = line.drop_until([](const Phase &phase) { return phase.build == buildKernelPipeline; }).drop_front();
  if (!useTuned())
    return false;
  for (const Phase &phase : line) {
    writeReproducer(phase.name);
    if (!runPhase(phase.name, phase.build) || !dump(phase.name) || !lookAfter(phase.build))
      return false;
    if (options.compileTo == phase.name)
      return true;
  }
  writeReproducer("object");
  auto bytes = [&](const char *name) {
    auto attribute = module()->getAttrOfType<IntegerAttr>(name);
    return attribute ? attribute.getInt() : 0;
  };
  modelInfo.arenaBytes = bytes("lepton.arena_bytes");
  modelInfo.liveBytes = bytes("lepton.live_bytes");
  modelInfo.weightsBytes = bytes("lepton.constant_bytes");
  if (options.facts)
    options.facts->liveBytes = modelInfo.liveBytes;
  return fitsWasm() && suitsGpu();
}

/// What the options want to know of the IR when a phase has ended.
bool Compilation::lookAfter(void (*build)(OpPassManager &, const PipelineOptions &)) {
  if (options.facts && build == buildGraphPipeline)
    findGraphFacts(module(), *options.facts);
  if (options.facts && build == buildKernelPipeline) {
    findKernelFacts(module(), *options.facts);
    findGraph(module(), *options.facts);
  }
  if (options.facts && build == buildBufferPipeline)
    findMemoryPlan(module(), options.facts->memory);
  if (build == buildSchedulePipeline)
    module()->removeAttr("lepton.tuned"); // obeyed
  if (options.dumpKernels.empty())
    return true;
  if (build == buildKernelPipeline)
    kernels.take(module());
  std::string error;
  if (build != buildSchedulePipeline ||
      kernels.write(module(), options.dumpKernels, tuningKey(module(), options.threads), error))
    return true;
  source.clear();
  return fail(Failure::input, error);
}

bool Compilation::runPhase(const char *name, void (*build)(OpPassManager &, const PipelineOptions &)) {
  PhaseClock clock(options.facts, name);
  PipelineOptions pipeline;
  pipeline.optLevel = options.optLevel;
  pipeline.threads = options.threads;
  pipeline.listSchedules = !options.dumpKernels.empty();
  pipeline.gpu = !chosen.gpu.empty();
  bool constantsFailed = false;
  pipeline.evaluate = makeConstantEvaluator(context, options.optLevel, options.deterministic, constantsFailed);
  PassManager pm(context.get());
  pm.enableVerifier(options.timing || !options.dumpPhases.empty());
  TimingScope timed = timing.nest(name);
  if (options.timing)
    pm.enableTiming(timed);
  if (options.facts)
    pm.addInstrumentation(observePasses(name, *options.facts));
  build(pm, pipeline);
  pm.addPass(createVerifyPhase({.phase = name}));
  bool isDone = succeeded(pm.run(module()));
  if (isGivenUp(name))
    return false;
  if (isDone)
    return true;
  // What a model may do wrong is found by the first phases and reported with its node. A pass that fails without a word or in the words of MLIR, and whatever
  // fails later, is our fault.
  const bool isLate = llvm::is_contained({"buffer", "schedule", "vector", "llvm"}, llvm::StringRef(name)),
             isInWordsOfMlir = llvm::StringRef(errors).contains("failed to legalize"),
             isFoundByCheck = llvm::StringRef(errors).contains("after phase '"),
             isRefused = module()->hasAttr("lepton.refused"); // what the options rule out
  if ((!isLate || isRefused) && !constantsFailed && !errors.empty() && !isInWordsOfMlir && !isFoundByCheck) {
    failure = Failure::input;
    return false;
  }
  std::string reason = llvm::StringRef(errors).split('\n').first.str();
  errors.clear();
  return fail(Failure::internal, std::string("phase '") + name + "' failed" +
                                     (reason.empty() ? "" : " (" + reason.substr(source.size() + 2) + ")") +
                                     "; this is a fault of Lepton");
}

//===----------------------------------------------------------------------------------------------------------------------------------===//
// Input
//===----------------------------------------------------------------------------------------------------------------------------------===//

/// `node 'conv1' (Conv): ` from an op's location.
static std::string placeOf(Location loc) {
  SourceNode node = sourceNode(loc);
  if (node.name.data() == nullptr)
    return {};
  return ("node '" + node.name + "'" + (node.type.empty() ? "" : " (" + node.type + ")") + ": ").str();
}

Compilation::Compilation(const CompileOptions &options) : options(options), bounds(options), context(makeContext()) {
  // What does not run fails nothing: the rest of a phase ends at once, and then isGivenUp says why.
  if (bounds.areSet())
    context->registerActionHandler([this](llvm::function_ref<void()> step, const tracing::Action &) {
      if (!bounds.areExceeded())
        step();
    });
  if (options.facts)
    collectRemarks(*context, *options.facts);
  timer.setEnabled(options.timing);
  timing = timer.getRootScope();
  // Every error that a pass or the importer reports becomes one line.
  context->getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    std::string line = placeOf(diagnostic.getLocation()) + userMessage(diagnostic);
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      errors += (errors.empty() ? "" : "\n") + source + ": " + line;
    else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning && this->options.facts)
      this->options.facts->warnings.push_back(line);
    return mlir::success();
  });
}

bool Compilation::isGivenUp(const std::string &phase) {
  if (!bounds.areSet() || !bounds.areExceeded())
    return false;
  errors.clear(); // of phases that were not whole
  fail(Failure::input, "phase '" + phase + "': the compilation " + bounds.reason());
  return true;
}

bool Compilation::fail(Failure kind, const std::string &message) {
  failure = kind;
  errors += (errors.empty() ? "" : "\n") + (source.empty() ? "" : source + ": ") + message;
  if (kind == Failure::internal)
    errors += options.reproducer.empty() ? "; please report it with the model"
                                         : "; please report it with " + options.reproducer;
  return false;
}

std::string Compilation::takeError() { return std::move(errors); }

template <typename ImportT> bool Compilation::importOnnx(ImportT import) {
  PhaseClock clock(options.facts, "import");
  TimingScope timed = timing.nest("import");
  ImportOptions wanted;
  OnnxContents contents;
  for (const DimRange &dim : options.dims)
    wanted.dims.push_back({dim.name, dim.minimum, dim.maximum, dim.versions});
  wanted.contents = &contents;
  if (bounds.areSet())
    wanted.stopped = [this] { return bounds.areExceeded(); };
  moduleRef = import(wanted);
  metadata = {std::move(contents.fields), std::move(contents.custom)};
  if (options.facts) {
    options.facts->ops = std::move(contents.nodes);
    options.facts->parameters = contents.parameters;
    options.facts->parameterBytes = contents.parameterBytes;
  }
  if (isGivenUp("import"))
    return false;
  if (!moduleRef)
    failure = Failure::input;
  return bool(moduleRef);
}

bool Compilation::readFile(const std::string &path) {
  source = path;
  bool isDialect = llvm::StringRef(path).ends_with(".mlir") || llvm::StringRef(path).ends_with(".mlirbc");
  if (!isDialect)
    return importOnnx([&](const ImportOptions &import) { return importOnnxFile(path, *context, import); });
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return fail(Failure::input, "cannot be read: " + buffer.getError().message());
  return readBytes({(*buffer)->getBufferStart(), (*buffer)->getBufferSize()}, path);
}

bool Compilation::readGraph(nn::Graph &graph) {
  source = graph.name();
  if (graph.isWhole())
    return importOnnx([&](const ImportOptions &import) { return importGraph(graph, *context, import); });
  errors = graph.error(); // which names the line of the program that built it
  failure = Failure::input;
  return false;
}

bool Compilation::readBytes(llvm::ArrayRef<char> bytes, const std::string &name) {
  source = name;
  llvm::StringRef text(bytes.data(), bytes.size());
  bool isDialect = text.starts_with("ML\xefR") || llvm::StringRef(name).ends_with(".mlir");
  if (!isDialect)
    return importOnnx([&](const ImportOptions &import) { return importOnnxBytes(bytes, *context, import); });
  if (!options.dims.empty())
    return fail(Failure::usage, "is in Lepton's dialect, which fixes its sizes; --dim is for ONNX models");
  moduleRef = parseSourceString<ModuleOp>(text, ParserConfig(context.get()), name);
  if (!moduleRef)
    failure = Failure::input;
  if (!moduleRef || !checkEntry() || !checkConstants())
    return false;
  if (options.facts)
    findContents(module(), *options.facts);
  return true;
}

/// Text may hold any function: the entry must have a body, and tensors of known rank, whose dimensions' names are as many.
bool Compilation::checkEntry() {
  auto main = module().lookupSymbol<func::FuncOp>("main");
  if (!main || main.isExternal())
    return fail(Failure::input, "has no function @main with a body");
  for (Type type : llvm::concat<const Type>(main.getArgumentTypes(), main.getResultTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return fail(Failure::input, "has a function @main whose arguments and results are not all tensors of known rank");
    if (!numberOfElementType(tensor.getElementType())) {
      std::string text;
      llvm::raw_string_ostream(text) << tensor.getElementType();
      return fail(Failure::input,
                  "has a function @main with a tensor of '" + text + "', an element type that ONNX lacks");
    }
  }
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    auto names = main.getArgAttrOfType<ArrayAttr>(i, "lepton.dims");
    auto rank = cast<RankedTensorType>(main.getArgumentTypes()[i]).getRank();
    if (names &&
        (int64_t(names.size()) != rank || !llvm::all_of(names, [](Attribute name) { return isa<StringAttr>(name); })))
      return fail(Failure::input, "has a `lepton.dims` on argument " + std::to_string(i) +
                                      " of @main that is not one string for each dimension");
  }
  auto bounds = module()->getAttrOfType<DictionaryAttr>("lepton.dim_bounds");
  auto isPair = [](NamedAttribute entry) {
    auto pair = dyn_cast<DenseI64ArrayAttr>(entry.getValue());
    return pair && pair.size() == 2;
  };
  if (module()->hasAttr("lepton.dim_bounds") && (!bounds || !llvm::all_of(bounds, isPair)))
    return fail(Failure::input, "has a `lepton.dim_bounds` that does not give each name two integers");
  auto versions = module()->getAttrOfType<DictionaryAttr>("lepton.dim_versions");
  auto areSizes = [](NamedAttribute entry) {
    auto sizes = dyn_cast<DenseI64ArrayAttr>(entry.getValue());
    return sizes && llvm::all_of(sizes.asArrayRef(), [](int64_t size) { return size > 0; });
  };
  if (module()->hasAttr("lepton.dim_versions") && (!versions || !llvm::all_of(versions, areSizes)))
    return fail(Failure::input, "has a `lepton.dim_versions` that does not give each name a list of positive integers");
  return true;
}

/// Text printed for reading lacks the data of large constants.
bool Compilation::checkConstants() {
  bool areHere = true;
  module().walk([&](ConstantOp op) {
    auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue());
    areHere &= !resource || resource.getRawHandle().getBlob();
  });
  return areHere ||
         fail(Failure::input, "lacks the data of its large constants, as what is printed for reading does; let "
                              "lepton compile write it to a file with -o FILE.mlir");
}

void Compilation::take(OwningOpRef<ModuleOp> newModule) { moduleRef = std::move(newModule); }

bool Compilation::chooseTarget() {
  std::string error;
  if (llvm::StringRef(options.cpu).contains(',')) {
    return failUsage("--cpu=" + options.cpu + " names several processors, which go into an artifact that is " +
                     "written; name the one to run on");
  }
  auto found = lookupTarget(options.target, options.cpu, error);
  if (!found)
    return failUsage(error);
  chosen = *found;
  return true;
}

static ValueInfo describeValue(Type type, const std::string &fallback, StringAttr name, ArrayAttr dims) {
  ValueInfo info;
  auto content = cast<TensorType>(type);
  info.name = name ? name.getValue().str() : fallback;
  info.dtype = numberOfElementType(content.getElementType());
  if (TensorType held = contentType(content.getElementType()))
    info.element.push_back(describeValue(held, "", {}, {}));
  if (auto map = dyn_cast<MapType>(content.getElementType()))
    for (Type part : {map.getKey(), map.getValue()})
      info.element.push_back(describeValue(RankedTensorType::get(ShapedType::kDynamic, part), "", {}, {}));
  auto tensor = dyn_cast<RankedTensorType>(type);
  info.anyRank = !tensor;
  if (!tensor)
    return info;
  for (auto [d, size] : llvm::enumerate(tensor.getShape())) {
    info.shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
    info.dimNames.push_back(dims && ShapedType::isDynamic(size) ? cast<StringAttr>(dims[d]).getValue().str() : "");
  }
  return info;
}

void Compilation::describe() {
  auto main = module().lookupSymbol<func::FuncOp>("main");
  auto name = module()->getAttrOfType<StringAttr>("lepton.name");
  modelInfo.name = !options.name.empty() ? options.name : name && !name.empty() ? name.getValue().str() : "model";
  modelInfo.symbol = options.symbol;
  modelInfo.target = chosen.gpu.empty()  ? chosen.triple + ":" + chosen.cpu
                     : chosen.isVulkan() ? chosen.gpu
                                         : (chosen.isAmdGpu() ? "amdgpu:" : "cuda:") + chosen.gpu;
  modelInfo.required = chosen.required;
  modelInfo.threads = options.threads;
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    modelInfo.inputs.push_back(describeValue(main.getArgumentTypes()[i], "input" + std::to_string(i),
                                             main.getArgAttrOfType<StringAttr>(i, "lepton.name"),
                                             main.getArgAttrOfType<ArrayAttr>(i, "lepton.dims")));
  if (auto bounds = module()->getAttrOfType<DictionaryAttr>("lepton.dim_bounds"))
    for (NamedAttribute entry : bounds) {
      ArrayRef<int64_t> pair = cast<DenseI64ArrayAttr>(entry.getValue());
      modelInfo.dimBounds.push_back({entry.getName().str(), pair[0], pair[1]});
    }
  for (unsigned i = 0; i < main.getNumResults(); ++i)
    modelInfo.outputs.push_back(describeValue(main.getResultTypes()[i], "output" + std::to_string(i),
                                              main.getResultAttrOfType<StringAttr>(i, "lepton.name"),
                                              main.getResultAttrOfType<ArrayAttr>(i, "lepton.dims")));
}

/// Constants are left out: a fault rarely lies in their values, and they may be large or private.
void Compilation::writeReproducer(const std::string &phase) {
  if (options.reproducer.empty())
    return;
  std::error_code problem;
  llvm::raw_fd_ostream os(options.reproducer, problem);
  os << (phase == "object" ? "// in front of code generation" : "// lepton-opt --lepton-phase-" + phase + " FILE")
     << "\n";
  module()->print(os, OpPrintingFlags().elideLargeElementsAttrs(64).elideLargeResourceString(64));
  os.flush();
  os.clear_error();
}

bool Compilation::dump(const std::string &phase) {
  if (options.dumpPhases.empty())
    return true;
  std::string path = options.dumpPhases + "/" + std::to_string(phasesDumped++) + "-" + phase + ".mlir";
  std::error_code problem =
      llvm::sys::fs::create_directories(options.dumpPhases, /*IgnoreExisting=*/true, llvm::sys::fs::all_all);
  if (!problem) {
    llvm::raw_fd_ostream os(path, problem);
    if (!problem) {
      module()->print(
          os,
          OpPrintingFlags().elideLargeElementsAttrs(64).elideLargeResourceString(64).useLocalScope().enableDebugInfo(
              options.locations));
      os.flush();
      problem = os.error();
      os.clear_error();
    }
  }
  if (!problem)
    return true;
  source.clear();
  return fail(Failure::input, path + ": cannot be written: " + problem.message());
}

/// Whoever names a database wants what it holds: one that cannot be read is an error.
bool Compilation::useTuned() {
  std::string error;
  if (options.tuningDb.empty() || attachTuned(module(), options.tuningDb, tuningKey(module(), options.threads), error))
    return true;
  source.clear();
  return fail(Failure::input, error);
}

//===----------------------------------------------------------------------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------------------------------------------------------------------===//

namespace {
/// What is written to it, as a number.
class HashStream : public llvm::raw_ostream {
public:
  explicit HashStream(uint64_t seed) : hash(seed) { SetBufferSize(1 << 16); }
  ~HashStream() override { flush(); }
  uint64_t value() {
    flush();
    return hash;
  }

private:
  void write_impl(const char *data, size_t size) override {
    uint64_t both[] = {hash, llvm::xxh3_64bits(llvm::StringRef(data, size))};
    hash = llvm::xxh3_64bits(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(both), sizeof both));
    position += size;
  }
  uint64_t current_pos() const override { return position; }

  uint64_t hash, position = 0;
};
} // namespace

/// Of the code and of the weights.
static uint64_t hashOf(ModuleOp module, const ObjectBytes &weights) {
  HashStream os(llvm::xxh3_64bits(llvm::StringRef(weights.data(), weights.size())));
  Attribute constants = module->removeAttr("lepton.constants"); // already in the weights
  (void)writeBytecodeToFile(module, os);
  if (constants)
    module->setAttr("lepton.constants", constants);
  return os.value();
}

ObjectBytes Compilation::seal() {
  modelInfo.kernels = 0;
  module().walk([&](Operation *op) { modelInfo.kernels += op->hasAttr("lepton.kernel"); });
  ObjectBytes weights = modelInfo.weightsPlace == WeightsPlace::file
                            ? writeWeightsFile(module(), modelInfo)
                            : writeWeightsObject(module(), architectureOf(chosen.arch), modelInfo.weightsPlace);
  modelInfo.hash = hashOf(module(), weights);
  return weights;
}

bool Compilation::emitObjects(std::vector<ObjectBytes> &objects) {
  PhaseClock clock(options.facts, "object");
  TimingScope timed = timing.nest("object");
  if (modelInfo.weightsBytes > nearBytes && modelInfo.weightsPlace != WeightsPlace::file && chosen.arch != "x86_64")
    return fail(Failure::input, "has constants of " + std::to_string(modelInfo.weightsBytes) +
                                    " bytes, which code for " + chosen.arch +
                                    " cannot reach in one file; keep them apart with --weights=file");
  if (modelInfo.isBare && !checkBareCode())
    return false;
  ObjectBytes weights = seal();
  if (modelInfo.device.image.empty() && !takeDeviceCode([this](DeviceCode &code) { return emitDeviceCode(code); }))
    return false;
  objects = emitCode(module(), modelInfo, chosen, options.optLevel, CodeForm::object,
                     std::max(1u, std::thread::hardware_concurrency()), [this] { return bounds.areExceeded(); });
  if (isGivenUp("object"))
    return false;
  if (objects.empty())
    return fail(Failure::internal, "no code was generated");
  modelInfo.codeBytes = countCode(objects);
  if (modelInfo.weightsPlace == WeightsPlace::file)
    weightsFile = std::move(weights);
  else
    objects.push_back(std::move(weights));
  return !modelInfo.isBare || joinBare(objects);
}

bool Compilation::emitText(bool assembly, std::string &text) {
  (void)seal();
  auto code =
      emitCode(module(), modelInfo, chosen, options.optLevel, assembly ? CodeForm::assembly : CodeForm::llvmIr, 1);
  if (code.empty())
    return fail(Failure::internal, "no code was generated");
  text.assign(code.front().begin(), code.front().end());
  return true;
}

bool Compilation::link(MemoryFile &library) {
  std::vector<ObjectBytes> objects;
  std::string error;
  if (chosen.isWasm())
    return fail(Failure::usage,
                "code for WebAssembly runs in an engine for it; write it to a file with lepton compile");
  if (chosen.isAmdGpu())
    return fail(Failure::usage, "there is no runtime for AMD's GPUs yet, for which kernels alone are compiled; write "
                                "them to a file with lepton compile -o FILE.hsaco");
  if (modelInfo.isBare)
    return fail(Failure::usage, "a model that is run at once needs the runtime; leave out runtime=none");
  if (modelInfo.weightsPlace == WeightsPlace::file)
    return fail(Failure::usage,
                "the constants cannot go into a file beside a model that is run at once; leave out weights=file");
  if (!emitObjects(objects))
    return false;
  PhaseClock clock(options.facts, "artifact");
  return linkSharedLibrary(objects, chosen, library, error) || fail(Failure::internal, "linking failed: " + error);
}
