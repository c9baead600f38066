//===- Run.cpp - lepton run -------------------------------------------------------------------------------------------------===//

#include "api/Files.h"
#include "api/KernelTrace.h"
#include "api/MadeUpInputs.h"
#include "tools/lepton/Commands.h"
#include "tools/lepton/Faults.h"
#include "tools/lepton/TensorFiles.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>
#include <random>

using namespace lepton;
using namespace lepton::cli;

int lepton::cli::report(Failure failure, const std::string &error) {
  if (failure == Failure::internal)
    repeatWithReproducer();
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(error).split(lines, '\n', -1, false);
  for (llvm::StringRef line : lines)
    llvm::errs() << "error: " << line << "\n";
  return int(failure);
}

static bool gatherInputs(const RunOptions &options, const lepton_model &model, std::vector<HostTensor> &tensors,
                         std::string &error) {
  std::map<std::string, std::string> files;
  for (const std::string &input : options.inputs) {
    size_t equals = input.find('=');
    if (!files.try_emplace(input.substr(0, equals), input.substr(equals + 1)).second) {
      error = "input '" + input.substr(0, equals) + "' is given twice";
      return false;
    }
  }
  std::vector<std::string> names;
  for (uint32_t i = 0; i < model.input_count; ++i)
    names.push_back(model.inputs[i].name);
  for (const auto &entry : files)
    if (!llvm::is_contained(names, entry.first)) {
      error = "the model has no input '" + entry.first + "'; " +
              (names.empty() ? "it takes none" : "its inputs are '" + llvm::join(names, "', '") + "'");
      return false;
    }
  std::mt19937_64 random(options.seed);
  for (uint32_t i = 0; i < model.input_count; ++i) {
    const lepton_value_info &info = model.inputs[i];
    auto file = files.find(info.name);
    if (file != files.end()) {
      if (!readTensor(file->second, info.dtype, tensors.emplace_back(), error)) {
        error = file->second + ": " + error;
        return false;
      }
    } else if (options.randomInputs) {
      if (!makeUp(model, info, random, tensors.emplace_back())) {
        error = "input '" + std::string(info.name) + "' has a shape that no memory can hold";
        return false;
      }
    } else {
      error = "no value for input '" + std::string(info.name) + "'; give --input " + info.name +
              "=FILE.npy or --random-inputs=SEED";
      return false;
    }
  }
  return true;
}

static bool writeOutputs(const RunOptions &options, const lepton_model &model,
                         const std::vector<lepton_tensor> &outputs, std::string &error) {
  if (auto problem =
          llvm::sys::fs::create_directories(options.outputFolder, /*IgnoreExisting=*/true, llvm::sys::fs::all_all)) {
    error = options.outputFolder + ": cannot be made: " + problem.message();
    return false;
  }
  for (uint32_t i = 0; i < model.output_count; ++i)
    if (!writeTensor(options.outputFolder, model.outputs[i].name, options.outputFormat, outputs[i], error))
      return false;
  return true;
}

int lepton::cli::run(const RunOptions &options, const CompileOptions &compile) {
  std::string error;
  Failure failure = Failure::none;
  KernelTrace trace(/*counts=*/!options.profile.empty());
  CompileFacts facts;
  CompileOptions observed = compile;
  if (!options.profile.empty()) {
    observed.observer = &trace.observer;
    observed.facts = &facts;
  }
  auto executable = Executable::open(options.model, observed, error, &failure);
  if (!executable)
    return report(failure, error);
  const lepton_model &model = executable->model();
  std::vector<HostTensor> tensors;
  if (!gatherInputs(options, model, tensors, error))
    return report(Failure::input, options.model + ": " + error);
  std::vector<lepton_tensor> inputs, outputs;
  for (HostTensor &tensor : tensors)
    inputs.push_back(tensor.view());
  std::vector<double> times;
  for (unsigned i = 0; i < std::max(options.repeat, 1u); ++i) {
    for (lepton_tensor &output : outputs)
      executable->release(output);
    outputs.assign(model.output_count, lepton_tensor{});
    auto start = std::chrono::steady_clock::now();
    if (!executable->run(inputs.data(), outputs.data(), error))
      return report(Failure::input, options.model + ": " + error);
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  for (uint32_t i = 0; i < model.output_count; ++i) {
    llvm::outs() << model.outputs[i].name << ": " << dtypeText(outputs[i].dtype) << "[";
    for (uint32_t d = 0; d < outputs[i].rank; ++d)
      llvm::outs() << (d ? ", " : "") << outputs[i].shape[d];
    llvm::outs() << "]\n";
  }
  if (options.repeat > 1) {
    llvm::sort(times);
    llvm::outs() << llvm::format("latency: minimum %.4f ms, median %.4f ms over %u runs\n", times.front(),
                                 times[times.size() / 2], options.repeat);
  }
  bool written = (options.outputFolder.empty() || writeOutputs(options, model, outputs, error)) &&
                 (options.profile.empty() || writeWhole(options.profile, trace.json(facts.graph), error));
  for (lepton_tensor &output : outputs)
    executable->release(output);
  return written ? 0 : report(Failure::input, error);
}
