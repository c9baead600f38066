//===- Report.cpp - what a compilation found out, as JSON in a page ----------------------------------------------------===//
//
// The page (api/report) shows the facts that are put into it here. All that a model may have named goes through `text`.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "api/Report.h"
#include "runtime/core/lepton_abi.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace lepton;
namespace json = llvm::json;

/// A model's names may be no UTF-8, which JSON has to be.
static std::string text(llvm::StringRef name) { return json::fixUTF8(name); }

static std::string count(uint64_t number) { return llvm::formatv("{0:n}", number); }

/// `[N, 3]`, `sequence of [3]`
static std::string shapeText(const ValueInfo &value) {
  if (value.dtype == LEPTON_MAP)
    return "map";
  if (!value.element.empty())
    return (value.dtype == LEPTON_SEQUENCE ? "sequence of " : "optional of ") + shapeText(value.element.front());
  if (value.anyRank)
    return "any shape";
  std::string text = "[";
  for (auto [d, size] : llvm::enumerate(value.shape)) {
    const std::string &name = value.dimNames[d];
    text += (d ? ", " : "") + (size >= 0 ? std::to_string(size) : name.empty() ? "?" : name);
  }
  return text + "]";
}

/// `Add 3, Relu 1`
template <typename CountsT> static std::string list(const CountsT &counts) {
  std::string text;
  for (const auto &[name, number] : counts)
    text += (text.empty() ? "" : ", ") + name + " " + std::to_string(number);
  return text;
}

/// Pairs of a name and a text.
static json::Array summaryOf(const CompileFacts &facts, const ModelInfo &info) {
  json::Array rows;
  auto row = [&](const char *name, llvm::StringRef value) { rows.push_back(json::Array{name, text(value)}); };
  row("target", info.target);
  for (const ValueInfo &value : info.inputs)
    row("input", value.name + ": " + shapeText(value));
  for (const ValueInfo &value : info.outputs)
    row("output", value.name + ": " + shapeText(value));
  row("operators", list(facts.ops));
  row("parameters", count(facts.parameters));
  row("FLOPs", count(facts.flops) + (facts.symbolicFlops.empty() ? "" : " and those of unknown sizes"));
  row("weights", count(info.weightsBytes) + " bytes");
  row("arena", count(info.arenaBytes) + " bytes, of which " + count(info.liveBytes) + " live at one time");
  return rows;
}

static json::Array warningsOf(const CompileFacts &facts) {
  json::Array warnings;
  for (const std::string &warning : facts.warnings)
    warnings.push_back(text(warning));
  if (!facts.symbolicFlops.empty())
    warnings.push_back("Sizes that only the run knows hide the arithmetic of these operators, and code for any size "
                       "may be slower; --dim gives sizes: " +
                       list(facts.symbolicFlops));
  return warnings;
}

static json::Array phasesOf(const CompileFacts &facts) {
  json::Array phases;
  for (const auto &[name, seconds] : facts.seconds)
    phases.push_back(json::Object{{"name", name}, {"seconds", seconds}});
  return phases;
}

static json::Array kernelsOf(const CompileFacts &facts) {
  json::Array kernels;
  for (const KernelFacts &kernel : facts.kernels) {
    json::Array ops;
    for (auto [name, node] : llvm::zip_equal(kernel.ops, kernel.nodes))
      ops.push_back(json::Object{{"name", name}, {"node", text(node)}});
    kernels.push_back(json::Object{{"name", kernel.name},
                                   {"ops", std::move(ops)},
                                   {"flops", kernel.isSymbolic ? json::Value(nullptr) : json::Value(kernel.flops)},
                                   {"bytes", kernel.isSymbolic ? json::Value(nullptr) : json::Value(kernel.bytes)},
                                   {"seconds", kernel.seconds > 0 ? json::Value(kernel.seconds) : json::Value(nullptr)},
                                   {"measuredCalls", kernel.measuredCalls},
                                   {"calls", kernel.calls}});
  }
  return kernels;
}

/// Null where they were not measured.
static json::Value limitsOf(const MachineLimits &limits) {
  if (limits.gflops == 0 || limits.dram == 0)
    return nullptr;
  return json::Object{{"gflops", limits.gflops},
                      {"bandwidths", json::Array{json::Object{{"name", "L1"}, {"gbs", limits.l1}},
                                                 json::Object{{"name", "L2"}, {"gbs", limits.l2}},
                                                 json::Object{{"name", "L3"}, {"gbs", limits.l3}},
                                                 json::Object{{"name", "memory"}, {"gbs", limits.dram}}}}};
}

static json::Array graphOf(const CompileFacts &facts) {
  static constexpr const char *kinds[] = {"input", "output", "kernel", "other"};
  std::map<llvm::StringRef, size_t> places; // of kernels
  for (auto [i, kernel] : llvm::enumerate(facts.kernels))
    places[kernel.name] = i;
  json::Array nodes;
  for (const GraphNode &node : facts.graph)
    nodes.push_back(json::Object{
        {"kind", kinds[node.kind]},
        {"name", text(node.name)},
        {"node", text(node.node)},
        {"type", text(node.type)},
        {"inputs", json::Array(node.sources)},
        {"times", node.times},
        {"kernel", node.kind == GraphNode::kernel ? json::Value(places.at(node.name)) : json::Value(nullptr)}});
  return nodes;
}

static json::Object memoryOf(const MemoryPlan &plan, const ModelInfo &info) {
  json::Array buffers;
  for (const BufferFacts &buffer : plan.buffers)
    buffers.push_back(json::Object{
        {"offset", buffer.offset}, {"bytes", buffer.bytes}, {"first", buffer.first}, {"last", buffer.last}});
  return json::Object{{"bytes", info.arenaBytes},
                      {"steps", json::Array(plan.steps)},
                      {"buffers", std::move(buffers)},
                      {"pooled", plan.pooled}};
}

static json::Array passesOf(const CompileFacts &facts) {
  json::Array passes;
  for (const PassFacts &pass : facts.passes)
    passes.push_back(json::Object{{"phase", pass.phase},
                                  {"name", pass.name},
                                  {"seconds", pass.seconds},
                                  {"opsBefore", pass.opsBefore},
                                  {"opsAfter", pass.opsAfter}});
  return passes;
}

static json::Array remarksOf(const CompileFacts &facts) {
  json::Array remarks;
  for (const RemarkFacts &remark : facts.remarks)
    remarks.push_back(json::Object{{"pass", remark.pass},
                                   {"name", remark.name},
                                   {"node", text(remark.node)},
                                   {"kernel", remark.kernel},
                                   {"text", text(remark.text)},
                                   {"missed", remark.isMissed}});
  return remarks;
}

std::string lepton::writeReport(const std::string &model, const CompileFacts &facts, const ModelInfo &info) {
  json::Value all = json::Object{{"model", text(model)},
                                 {"summary", summaryOf(facts, info)},
                                 {"warnings", warningsOf(facts)},
                                 {"phases", phasesOf(facts)},
                                 {"kernels", kernelsOf(facts)},
                                 {"graph", graphOf(facts)},
                                 {"threads", info.threads},
                                 {"unmeasured", text(facts.unmeasured)},
                                 {"runs", facts.measuredRuns},
                                 {"limits", limitsOf(facts.limits)},
                                 {"memory", memoryOf(facts.memory, info)},
                                 {"passes", passesOf(facts)},
                                 {"remarks", remarksOf(facts)}};
  std::string written;
  llvm::raw_string_ostream(written) << all;
  auto [before, after] = llvm::StringRef(reportPage).split("%FACTS%");
  std::string page = before.str();
  for (char c : written) // of the characters of JSON, only those in strings could end the script that holds it
    c == '<' ? page += "\\u003c" : page += c;
  return page + after.str();
}
