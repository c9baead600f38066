//===- Measurement.cpp - what kernels take on this machine -------------------------------------------------------------===//

#include "api/Measurement.h"
#include "api/KernelTrace.h"
#include "api/MadeUpInputs.h"

#include <chrono>

using namespace lepton;

/// Of runs, after which no other begins, and how many there are at least and at most.
static constexpr double enoughSeconds = 0.5;
static constexpr unsigned fewestRuns = 3, mostRuns = 50;
/// For the machine's limits: rounds, and what all threads together read from memory.
static constexpr int limitRounds = 10;
static constexpr uint64_t limitBytes = 256 << 20, leastLimitBytes = 16 << 20;

/// Why the code cannot be run here; empty where it can.
static std::string faultOf(const CompileOptions &options, const Target &target) {
  if (!target.gpu.empty())
    return "the kernels are for a GPU; lepton run --profile has their times";
  std::string error;
  if (auto host = lookupTarget("", "", error); !host || host->arch != target.arch)
    return "the code is for another architecture, " + target.arch;
  if (!options.compileTo.empty() && options.compileTo != "object" && options.compileTo != "artifact")
    return "the compilation ended after the phase " + options.compileTo;
  if (llvm::StringRef(options.cpu).contains(','))
    return "the code is for several processors; --cpu names one";
  return {};
}

/// Fills the inputs; false, and why, where their sizes would be made up, too.
static bool makeUpInputs(const lepton_model &model, std::vector<HostTensor> &tensors, std::string &error) {
  std::mt19937_64 random(1);
  for (uint32_t i = 0; i < model.input_count; ++i) {
    const lepton_value_info &info = model.inputs[i];
    const bool isOpen =
        info.element || info.rank == LEPTON_ANY_RANK || llvm::is_contained(llvm::ArrayRef(info.shape, info.rank), -1);
    if (isOpen || !makeUp(model, info, random, tensors.emplace_back())) {
      error = std::string("the size of the input '") + info.name + "' is known at run time only; --dim gives sizes";
      return false;
    }
  }
  return true;
}

/// Runs the model until the times are steady; false with the reason in `error`.
static bool runOften(const Executable &executable, CompileFacts &facts, std::string &error) {
  const lepton_model &model = executable.model();
  std::vector<HostTensor> tensors;
  if (!makeUpInputs(model, tensors, error))
    return false;
  std::vector<lepton_tensor> inputs;
  for (HostTensor &tensor : tensors)
    inputs.push_back(tensor.view());
  const auto start = std::chrono::steady_clock::now();
  auto isEnough = [&] {
    std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    return facts.measuredRuns >= mostRuns || (facts.measuredRuns >= fewestRuns && spent.count() > enoughSeconds);
  };
  for (; !isEnough(); ++facts.measuredRuns) {
    std::vector<lepton_tensor> outputs(model.output_count, lepton_tensor{});
    if (!executable.run(inputs.data(), outputs.data(), error))
      return false;
    for (lepton_tensor &output : outputs)
      executable.release(output);
  }
  return true;
}

void lepton::measureKernels(LoadFn load, const CompileOptions &options, const Target &target, CompileFacts &facts) {
  facts.unmeasured = faultOf(options, target);
  if (!facts.unmeasured.empty())
    return;
  KernelTrace trace;
  CompileOptions observed;
  observed.cpu = options.cpu;
  observed.threads = options.threads;
  observed.optLevel = options.optLevel;
  observed.dims = options.dims;
  observed.tuningDb = options.tuningDb;
  observed.deterministic = options.deterministic;
  observed.maxSeconds = options.maxSeconds;
  observed.maxMemory = options.maxMemory;
  observed.observer = &trace.observer;
  std::string error;
  auto executable = load(observed, error);
  if (!executable || !runOften(*executable, facts, error)) {
    facts.unmeasured = llvm::StringRef(error).split('\n').first.str();
    return;
  }
  const auto costs = trace.leastCosts();
  for (KernelFacts &kernel : facts.kernels)
    if (auto cost = costs.find(kernel.name); cost != costs.end())
      std::tie(kernel.seconds, kernel.measuredCalls) = std::tie(cost->second.seconds, cost->second.calls);
  const uint32_t threads = std::max(options.threads, 1u);
  measureLimits(int(threads), limitRounds, std::max(leastLimitBytes, limitBytes / threads), facts.limits);
}
