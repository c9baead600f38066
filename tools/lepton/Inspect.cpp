//===- Inspect.cpp - lepton inspect -------------------------------------------------------------------------------------------===//

#include "api/Facts.h"
#include "tools/lepton/Commands.h"
#include "tools/lepton/TensorFiles.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace lepton;
using namespace lepton::cli;
namespace json = llvm::json;

static json::Object describe(const lepton_value_info &value) {
  json::Object object{{"name", value.name}, {"dtype", dtypeText(value.dtype)}};
  if (value.dtype == LEPTON_MAP)
    object["element"] = json::Array{describe(value.element[0]), describe(value.element[1])};
  else if (value.element)
    object["element"] = describe(*value.element);
  json::Array shape;
  for (uint32_t d = 0; value.rank != LEPTON_ANY_RANK && d < value.rank; ++d) {
    const char *name = value.dim_names ? value.dim_names[d] : nullptr;
    if (value.shape[d] >= 0)
      shape.push_back(value.shape[d]);
    else
      shape.push_back(name ? name : "?");
  }
  object["shape"] = value.rank == LEPTON_ANY_RANK ? json::Value(nullptr) : json::Value(std::move(shape));
  return object;
}

static json::Array describe(const lepton_value_info *values, uint32_t count) {
  json::Array array;
  for (uint32_t i = 0; i < count; ++i)
    array.push_back(describe(values[i]));
  return array;
}

static const char *placeOfWeights(const lepton_model &model) {
  static const char *const names[] = {"embed", "section", "file"};
  return names[std::min<uint64_t>(model.weights_place, LEPTON_WEIGHTS_FILE)];
}

/// What an artifact says of itself.
static json::Object describe(const lepton_model &model) {
  json::Object bounds;
  for (uint64_t i = 0; i < model.dim_bound_count; ++i)
    bounds[model.dim_bounds[i].name] = json::Array{model.dim_bounds[i].minimum, model.dim_bounds[i].maximum};
  const lepton_weights_file *file = model.weights_file;
  return json::Object{{"name", model.name},
                      {"target", model.target},
                      {"inputs", describe(model.inputs, model.input_count)},
                      {"outputs", describe(model.outputs, model.output_count)},
                      {"dim_bounds", std::move(bounds)},
                      {"threads", model.default_threads},
                      {"kernels", model.kernel_count},
                      {"arena_bytes", model.arena_bytes},
                      {"weights_bytes", model.weights_bytes},
                      {"weights", placeOfWeights(model)},
                      {"weights_file", file ? json::Value(file->name) : json::Value(nullptr)},
                      {"weights_sha256", file ? json::Value(file->sha256) : json::Value(nullptr)}};
}

template <typename CountsT> static json::Object countsOf(const CountsT &counts) {
  json::Object object;
  for (const auto &[name, count] : counts)
    object[name] = count;
  return object;
}

/// What compiling a model brought to light, besides.
static void add(json::Object &object, const CompileFacts &facts) {
  json::Array kernels;
  for (const KernelFacts &kernel : facts.kernels)
    kernels.push_back(json::Object{{"name", kernel.name},
                                   {"ops", json::Array(kernel.ops)},
                                   {"flops", kernel.isSymbolic ? json::Value(nullptr) : json::Value(kernel.flops)},
                                   {"bytes", kernel.isSymbolic ? json::Value(nullptr) : json::Value(kernel.bytes)},
                                   {"calls", kernel.calls}});
  object["ops"] = countsOf(facts.ops);
  object["parameters"] = facts.parameters;
  object["parameter_bytes"] = facts.parameterBytes;
  object["flops"] = facts.symbolicFlops.empty() ? json::Value(facts.flops) : json::Value(nullptr);
  object["flops_of_known_sizes"] = facts.flops;
  object["ops_of_unknown_flops"] = countsOf(facts.symbolicFlops);
  object["live_bytes"] = facts.liveBytes;
  object["kernel_list"] = std::move(kernels);
}

//===--------------------------------------------------------------------------------------------------------------------------===//
// Text
//===--------------------------------------------------------------------------------------------------------------------------===//

static void printValues(const char *title, const lepton_value_info *values, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i)
    llvm::outs() << llvm::formatv("{0,-12}{1}: {2}\n", title, values[i].name, valueText(values[i]));
}

template <typename T> static void row(const char *title, const T &value) {
  llvm::outs() << llvm::formatv("{0,-12}{1}\n", title, value);
}

/// `Add 3, Relu 1`, the most frequent first.
template <typename CountsT> static std::string list(const CountsT &counts) {
  std::vector<std::pair<uint64_t, std::string>> sorted;
  for (const auto &[name, count] : counts)
    sorted.push_back({count, name});
  llvm::sort(sorted,
             [](const auto &a, const auto &b) { return std::tie(b.first, a.second) < std::tie(a.first, b.second); });
  std::string text;
  for (const auto &[count, name] : sorted)
    text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
  return text;
}

static void print(const lepton_model &model, const CompileFacts &facts) {
  row("name", model.name);
  row("target", model.target);
  printValues("input", model.inputs, model.input_count);
  printValues("output", model.outputs, model.output_count);
  for (uint64_t i = 0; i < model.dim_bound_count; ++i)
    row("dimension", llvm::formatv("{0} from {1} to {2}", model.dim_bounds[i].name, model.dim_bounds[i].minimum,
                                   model.dim_bounds[i].maximum));
  if (!facts.ops.empty()) {
    row("ops", list(facts.ops));
    row("parameters", llvm::formatv("{0:n} ({1:n} bytes)", facts.parameters, facts.parameterBytes));
    row("FLOPs", llvm::formatv("{0:n}", facts.flops));
    if (!facts.symbolicFlops.empty())
      row("", "and those of ops whose sizes only the run knows (--dim gives sizes): " + list(facts.symbolicFlops));
  }
  row("kernels", model.kernel_count);
  row("arena", llvm::formatv("{0:n} bytes", model.arena_bytes));
  if (!facts.ops.empty())
    row("", llvm::formatv("{0:n} of them live at one time, so that no arena could be smaller", facts.liveBytes));
  const std::string place = model.weights_file ? std::string(" in the file ") + model.weights_file->name
                            : model.weights_place == LEPTON_WEIGHTS_SECTION ? " on pages of their own"
                                                                            : "";
  row("weights", llvm::formatv("{0:n} bytes{1}", model.weights_bytes, place));
  if (model.weights_file)
    row("", llvm::formatv("SHA-256 {0}", model.weights_file->sha256));
}

int lepton::cli::inspect(const std::string &path, bool asJson, const CompileOptions &compile) {
  std::string error;
  Failure failure = Failure::none;
  CompileFacts facts;
  CompileOptions options = compile;
  options.facts = &facts;
  auto executable = Executable::open(path, options, error, &failure);
  if (!executable && asJson && failure == Failure::input) {
    llvm::SmallVector<llvm::StringRef> lines;
    llvm::StringRef(error).split(lines, '\n', -1, false);
    json::Object object{{"errors", json::Array(lines)}, {"ops", countsOf(facts.ops)}};
    llvm::outs() << llvm::formatv("{0:2}\n", json::Value(std::move(object)));
  }
  if (!executable)
    return report(failure, error);
  if (!asJson) {
    print(executable->model(), facts);
    return 0;
  }
  json::Object object = describe(executable->model());
  if (!facts.ops.empty())
    add(object, facts);
  llvm::outs() << llvm::formatv("{0:2}\n", json::Value(std::move(object)));
  return 0;
}
