//===- main.cpp - the command line: flags only ---------------------------------------------------------------------------------===//

#include "tools/lepton/Commands.h"
#include "tools/lepton/Faults.h"
#include "tools/lepton/Scripts.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace lepton;
namespace cl = llvm::cl;

static cl::SubCommand compileCommand("compile", "compiles a model to an artifact"),
    runCommand("run", "runs a model or an artifact"),
    inspectCommand("inspect", "says what a model or an artifact takes, gives and needs"),
    opsCommand("ops", "lists the operators that can be compiled"),
    benchCommand("bench", "measures models beside onnxruntime and OpenVINO"),
    checkCommand("check", "compares what a model computes with onnxruntime or onnx.reference"),
    signCommand("sign", "signs an artifact: writes ARTIFACT.sig"),
    tuneCommand("tune", "searches for faster schedules of a model's kernels");

static cl::opt<std::string> model(cl::Positional, cl::desc("MODEL"), cl::Required, cl::sub(compileCommand),
                                  cl::sub(runCommand), cl::sub(inspectCommand), cl::sub(signCommand));
static cl::opt<std::string> output("o", cl::desc("file to write; its ending says what"), cl::value_desc("FILE"),
                                   cl::init("-"), cl::sub(compileCommand));
static cl::opt<std::string>
    emit("emit", cl::desc("shared, archive, obj, exe, asm, ptx, cubin, hsaco, spv, llvm, mlir, bytecode, header"),
         cl::sub(compileCommand));
static cl::opt<std::string> weights("weights", cl::sub(compileCommand),
                                    cl::desc("where an artifact has its constants: embed, file (beside it, one copy "
                                             "in memory for all processes), section (pages of their own)"));
static cl::opt<std::string> weightsKey("weights-key", cl::value_desc("FILE"), cl::sub(compileCommand),
                                       cl::sub(runCommand), cl::sub(inspectCommand),
                                       cl::desc("key of 32 bytes, with which --weights=file encrypts the constants; "
                                                "loading the artifact takes the same key"));
static cl::opt<std::string> runtime("runtime", cl::sub(compileCommand),
                                    cl::desc("full, or none: an object or archive for one thread that needs no "
                                             "runtime, no C library and no memory but the caller's"));
static cl::opt<std::string>
    target("target",
           cl::desc("x86_64-, aarch64- or riscv64-linux-gnu, wasm32-wasi, cuda, cuda:sm_80, cuda:sm_90a, "
                    "vulkan, or amdgpu:gfx942, amdgpu:gfx1100 (kernels alone)"),
           cl::sub(compileCommand), cl::sub(runCommand), cl::sub(inspectCommand));
static cl::opt<std::string> cpu("cpu",
                                cl::desc("processor: native, x86-64-v2, x86-64-v3, x86-64-v4, znver3, ...; several, "
                                         "with commas between, for one artifact with code for each"),
                                cl::sub(compileCommand), cl::sub(runCommand), cl::sub(inspectCommand));
static cl::opt<std::string>
    precision("precision", cl::desc("of float32 products on a GPU: fp32, or tf32, fp16 or bf16 on tensor cores"),
              cl::sub(compileCommand), cl::sub(runCommand));
static cl::opt<unsigned> device("device", cl::desc("which of several GPUs runs a model for them, from 0"), cl::init(0),
                                cl::sub(runCommand));
static cl::opt<unsigned> threads("threads", cl::desc("threads of a run"), cl::init(1), cl::sub(compileCommand),
                                 cl::sub(runCommand));
static cl::list<std::string>
    dims("dim", cl::desc("size of a named dimension, its bounds, or the sizes that get code of their own"),
         cl::value_desc("NAME=VALUE|MIN:MAX"), cl::sub(compileCommand), cl::sub(runCommand), cl::sub(inspectCommand));
static cl::opt<std::string> compileTo("compile-to", cl::desc("stop after this phase and write its IR"),
                                      cl::value_desc("PHASE"), cl::sub(compileCommand));
static cl::opt<std::string> dumpPhases("dump-phases", cl::desc("folder for the IR after each phase"),
                                       cl::value_desc("DIR"), cl::sub(compileCommand), cl::sub(runCommand));
static cl::opt<std::string> dumpKernels("dump-kernels", cl::value_desc("DIR"), cl::sub(compileCommand),
                                        cl::desc("folder for each kernel that can be tuned, as a model of its own"));
static cl::opt<bool> deterministic("deterministic",
                                   cl::desc("the same bits on every processor with fused multiply-add; slower"),
                                   cl::sub(compileCommand), cl::sub(runCommand));
static cl::opt<std::string> tuningDb("tuning-db", cl::value_desc("FILE"), cl::sub(compileCommand), cl::sub(runCommand),
                                     cl::desc("database of schedules that lepton tune found, to be obeyed"));
static cl::opt<std::string> tuneSeconds("tune", cl::ValueOptional, cl::value_desc("SECONDS"), cl::sub(compileCommand),
                                        cl::desc("search for faster schedules first, 60 seconds or as many as said"));
static cl::opt<std::string> htmlReport("report",
                                       cl::desc("write a page about the model's kernels, which are run to be measured"),
                                       cl::value_desc("FILE.html"), cl::sub(compileCommand));
static cl::opt<std::string> key("key", cl::Required, cl::value_desc("FILE.pem"), cl::sub(signCommand),
                                cl::desc("private key to sign with (Ed25519, openssl genpkey -algorithm ed25519)"));
static cl::opt<std::string> verifyKey("verify-key", cl::value_desc("FILE.pem"), cl::sub(runCommand),
                                      cl::sub(inspectCommand),
                                      cl::desc("public key: load no artifact but one that it signed"));
static cl::opt<std::string> audit("audit", cl::value_desc("FILE"), cl::sub(runCommand), cl::sub(inspectCommand),
                                  cl::desc("file to which a line of JSON is added for each artifact that is loaded"));
static cl::opt<double> maxTime("max-time", cl::value_desc("SECONDS"), cl::sub(compileCommand), cl::sub(runCommand),
                               cl::sub(inspectCommand), cl::desc("give up when the command takes longer"));
static cl::opt<std::string> maxMemory("max-memory", cl::value_desc("BYTES"), cl::sub(compileCommand),
                                      cl::sub(runCommand), cl::sub(inspectCommand),
                                      cl::desc("give up when the command takes more memory; 500M, 2G"));
static cl::opt<bool> timing("mlir-timing", cl::desc("report the time of each pass"), cl::sub(compileCommand),
                            cl::sub(runCommand));
static cl::opt<bool> locations("mlir-print-debuginfo", cl::desc("print IR with the nodes that its ops come from"),
                               cl::sub(compileCommand), cl::sub(runCommand));
static cl::opt<std::string> reproducer("reproducer", cl::Hidden, cl::value_desc("FILE"),
                                       cl::desc("IR in front of the phase that fails by a fault of Lepton"),
                                       cl::sub(compileCommand), cl::sub(runCommand), cl::sub(inspectCommand));
static cl::opt<char> optLevel("O", cl::desc("optimization level: -O0, -O1, -O2 or -O3"), cl::Prefix, cl::init('3'),
                              cl::sub(compileCommand), cl::sub(runCommand), cl::sub(inspectCommand));
static cl::list<std::string> inputs("input", cl::desc("value of an input"), cl::value_desc("NAME=FILE.npy|FILE.pb"),
                                    cl::sub(runCommand));
static cl::opt<uint64_t> randomInputs("random-inputs", cl::desc("make up the inputs that no file is given for"),
                                      cl::value_desc("SEED"), cl::sub(runCommand));
static cl::opt<std::string> outputDir("output-dir", cl::desc("folder for the outputs"), cl::value_desc("DIR"),
                                      cl::sub(runCommand));
static cl::opt<std::string> outputFormat("output-format", cl::desc("npy, or pb: ONNX TensorProto"), cl::init("npy"),
                                         cl::sub(runCommand));
static cl::opt<unsigned> repeat("repeat", cl::desc("run so often and print the latency"), cl::init(1),
                                cl::sub(runCommand));
static cl::opt<std::string>
    profile("profile",
            cl::desc("write when each kernel ran and what the processor counted in it, in Chrome's trace format"),
            cl::value_desc("FILE.json"), cl::sub(runCommand));
static cl::opt<bool> json("json", cl::desc("print JSON"), cl::sub(inspectCommand));

/// Reads NAME=VALUE, NAME=MIN:MAX and NAME=VALUE,VALUE,...; a name may hold anything.
static bool parseDim(const std::string &dim, std::vector<DimRange> &dims, std::string &error) {
  auto [name, size] = llvm::StringRef(dim).rsplit('=');
  const char separator = size.contains(',') ? ',' : ':';
  llvm::SmallVector<llvm::StringRef> texts;
  size.split(texts, separator);
  std::vector<int64_t> sizes(texts.size());
  bool areNumbers = llvm::none_of(llvm::zip(texts, sizes),
                                  [](auto pair) { return std::get<0>(pair).getAsInteger(10, std::get<1>(pair)); });
  if (name.empty() || !areNumbers || (separator == ':' && sizes.size() > 2)) {
    error = "--dim takes NAME=VALUE, NAME=MIN:MAX or NAME=VALUE,VALUE,... with whole numbers, got '" + dim + "'";
    return false;
  }
  if (llvm::any_of(sizes, [](int64_t size) { return size < 1; }) ||
      (separator == ':' && sizes.back() < sizes.front())) {
    error = "--dim takes positive sizes, the smaller one first, got '" + dim + "'";
    return false;
  }
  DimRange range = {name.str(), sizes.front(), sizes.back(), {}};
  if (separator == ',')
    range = {name.str(), 1, std::numeric_limits<int64_t>::max(), sizes};
  for (const DimRange &other : dims)
    if (other.name == range.name && std::tie(other.minimum, other.maximum, other.versions) !=
                                        std::tie(range.minimum, range.maximum, range.versions)) {
      error = "--dim gives '" + range.name + "' two different sizes";
      return false;
    }
  dims.push_back(range);
  return true;
}

/// Reads a number of bytes, which may end in K, M or G.
static bool parseBytes(llvm::StringRef text, uint64_t &bytes) {
  unsigned shift = 0;
  for (auto [ending, bits] : {std::pair("K", 10u), std::pair("M", 20u), std::pair("G", 30u)})
    if (text.consume_back(ending))
      shift = bits;
  return !text.getAsInteger(10, bytes) && bytes > 0 && bytes <= UINT64_MAX >> shift && ((bytes <<= shift), true);
}

/// Fills the options; false with the reason in `error`.
static bool compileOptions(CompileOptions &options, std::string &error) {
  options.target = target;
  options.cpu = cpu;
  options.precision = precision;
  options.threads = threads;
  options.device = device;
  options.emit = emit;
  options.weights = weights;
  options.runtime = runtime;
  options.compileTo = compileTo;
  options.dumpPhases = dumpPhases;
  options.dumpKernels = dumpKernels;
  options.tuningDb = tuningDb;
  options.deterministic = deterministic;
  options.timing = timing;
  options.locations = locations;
  options.report = htmlReport;
  options.reproducer = reproducer;
  options.optLevel = optLevel - '0';
  std::vector<std::string> phases = phaseNames();
  if (!options.compileTo.empty() && !llvm::is_contained(phases, options.compileTo)) {
    error = "unknown phase '" + options.compileTo + "'; the phases are " + llvm::join(phases, ", ");
    return false;
  }
  options.verifyKey = verifyKey;
  options.audit = audit;
  options.weightsKey = weightsKey;
  options.maxSeconds = maxTime;
  if (options.maxSeconds < 0 || !(options.maxSeconds < 1e9)) {
    error = "--max-time takes a positive number of seconds";
    return false;
  }
  if (!maxMemory.empty() && !parseBytes(maxMemory, options.maxMemory)) {
    error = "--max-memory takes a positive number of bytes, such as 500M or 2G, got '" + maxMemory + "'";
    return false;
  }
  for (const std::string &input : inputs)
    if (!llvm::StringRef(input).contains('=')) {
      error = "--input takes NAME=FILE.npy or NAME=FILE.pb, got '" + input + "'";
      return false;
    }
  return llvm::all_of(dims, [&](const std::string &dim) { return parseDim(dim, options.dims, error); });
}

/// Tunes the model for what it is compiled for, into the database that is then obeyed; the exit status.
static int tuneFirst(CompileOptions &options) {
  if (options.deterministic)
    return cli::report(Failure::usage,
                       "--tune and --deterministic exclude each other: what is fastest on one processor "
                       "adds up in another order than elsewhere");
  if (options.tuningDb.empty())
    options.tuningDb = cli::defaultTuningDb();
  std::vector<std::string> arguments = {model, "--tuning-db=" + options.tuningDb,
                                        "--threads=" + std::to_string(options.threads)};
  if (!tuneSeconds.empty())
    arguments.push_back("--budget=" + tuneSeconds);
  if (!options.cpu.empty())
    arguments.push_back("--cpu=" + options.cpu);
  for (const DimRange &dim : options.dims)
    if (dim.minimum == dim.maximum)
      arguments.push_back("--dim=" + dim.name + "=" + std::to_string(dim.minimum));
  return cli::tune(arguments);
}

/// What was printed must have arrived: LLVM's streams would abort at the end of the process.
static int finish(int status) {
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return status;
  std::string error = "standard output cannot be written: " + llvm::outs().error().message();
  llvm::outs().clear_error();
  return cli::report(Failure::input, error);
}

int cli::command(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  if (int status = cli::runScript(argc, argv); status >= 0)
    return status;
  cl::SetVersionPrinter(
      [](llvm::raw_ostream &os) { os << "lepton " << lepton::version() << " on LLVM " LLVM_VERSION_STRING "\n"; });
  static cl::OptionCategory none("no options");
  cl::HideUnrelatedOptions(none); // without a verb: LLVM's own
  // A wrong flag is a wrong use: LLVM would exit with 1, which says that the model is at fault.
  std::string usage;
  llvm::raw_string_ostream usageStream(usage);
  if (!cl::ParseCommandLineOptions(argc, argv, "Lepton compiles neural networks.\n", &usageStream)) {
    llvm::SmallVector<llvm::StringRef> lines; // each with the program's name in front
    llvm::StringRef(usage).split(lines, '\n', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef &line : lines)
      line.consume_front("lepton: ");
    return cli::report(Failure::usage, llvm::join(lines, " "));
  }
  if (opsCommand)
    return finish(cli::listOperators());
  CompileOptions options;
  std::string error;
  if (!compileOptions(options, error))
    return cli::report(Failure::usage, error);
  // Copies: lld, which links in this process, sets all of LLVM's options back to their defaults.
  const std::string modelPath = model, outputPath = output;
  cli::catchFaults(argv, modelPath, options.reproducer);
  cli::boundProcess(options.maxSeconds, options.maxMemory);
  const bool asJson = json;
  if (outputFormat != "npy" && outputFormat != "pb")
    return cli::report(Failure::usage, "unknown --output-format '" + outputFormat + "'; there are npy and pb");
  int status = int(Failure::usage);
  if (compileCommand && tuneSeconds.getNumOccurrences() > 0)
    if (int tuned = tuneFirst(options))
      return tuned;
  if (compileCommand)
    status = cli::report(compileFile(modelPath, outputPath, options, error), error);
  else if (runCommand)
    status = finish(cli::run({modelPath, outputDir, outputFormat, profile, inputs, randomInputs.getNumOccurrences() > 0,
                              randomInputs, repeat},
                             options));
  else if (signCommand)
    status = cli::report(signFile(modelPath, key, error), error);
  else if (inspectCommand)
    status = finish(cli::inspect(modelPath, asJson, options));
  else
    llvm::errs() << "error: say what to do: lepton compile, run, inspect, sign, check, bench, tune or ops (--help)\n";
  if (!options.reproducer.empty() && status != int(Failure::internal))
    (void)llvm::sys::fs::remove(options.reproducer); // there was no fault
  return status;
}
