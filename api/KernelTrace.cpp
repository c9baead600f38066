//===- KernelTrace.cpp - when the kernels of a run begin and end ----------------------------------------------------===//

#include "api/KernelTrace.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace lepton;
namespace json = llvm::json;

void KernelTrace::note(void *data, const char *name) {
  auto &trace = *static_cast<KernelTrace *>(data);
  Mark mark = {name, Clock::now(), {}, {}};
  if (trace.counters)
    mark.counts = trace.counters->read();
  mark.begin = trace.counters ? Clock::now() : mark.end;
  trace.marks.push_back(mark);
}

std::map<std::string, KernelTrace::Cost> KernelTrace::leastCosts() const {
  std::map<std::string, Cost> least, run;
  for (size_t i = 0; i < marks.size(); ++i) {
    if (marks[i].name && i + 1 < marks.size()) {
      Cost &cost = run[marks[i].name];
      cost.seconds += std::chrono::duration<double>(marks[i + 1].end - marks[i].begin).count();
      ++cost.calls;
      continue;
    }
    for (const auto &[name, cost] : run)
      if (auto [place, isNew] = least.try_emplace(name, cost); !isNew && cost.seconds < place->second.seconds)
        place->second = cost;
    run.clear();
  }
  return least;
}

std::string KernelTrace::json(const std::vector<GraphNode> &graph) const {
  auto microseconds = [](Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); };
  std::vector<GraphNode> steps;
  llvm::copy_if(graph, std::back_inserter(steps), [](const GraphNode &node) { return node.kind == GraphNode::kernel; });
  json::Array events;
  int64_t run = 0;
  for (auto first = marks.begin(); first != marks.end(); ++run) {
    const auto last =
        std::find_if(first, marks.end(), [](const Mark &mark) { return !mark.name; }); // the end of the run
    const bool isAsStands = std::equal(first, last, steps.begin(), steps.end(),
                                       [](const Mark &mark, const GraphNode &step) { return step.name == mark.name; });
    for (auto begin = first; begin != last && begin + 1 != marks.end(); ++begin) {
      json::Object arguments{{"run", run}};
      if (isAsStands)
        arguments["node"] = steps[begin - first].node;
      for (size_t i = 0; i < HardwareCounters::names.size() && counters; ++i)
        if (begin->counts[i] != HardwareCounters::notCounted)
          arguments[HardwareCounters::names[i]] = begin[1].counts[i] - begin->counts[i];
      events.push_back(json::Object{{"name", begin->name},
                                    {"ph", "X"},
                                    {"ts", microseconds(begin->begin - marks.front().begin)},
                                    {"dur", microseconds(begin[1].end - begin->begin)},
                                    {"pid", 0},
                                    {"tid", 0},
                                    {"args", std::move(arguments)}});
    }
    first = last == marks.end() ? last : last + 1;
  }
  json::Object trace{{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}};
  return llvm::formatv("{0:2}\n", json::Value(std::move(trace)));
}
