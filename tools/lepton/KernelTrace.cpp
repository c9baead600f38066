//===- KernelTrace.cpp - when the kernels of a run begin and end ----------------------------------------------------===//

#include "tools/lepton/KernelTrace.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace lepton::cli;
namespace json = llvm::json;

void KernelTrace::note(void *trace, const char *name) {
  static_cast<KernelTrace *>(trace)->marks.push_back({name, Clock::now()});
}

std::string KernelTrace::json() const {
  auto microseconds = [](Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); };
  json::Array events;
  int64_t run = 0;
  for (size_t i = 0; i + 1 < marks.size(); ++i) {
    const Mark &begin = marks[i], &end = marks[i + 1];
    run += !begin.name;
    if (begin.name)
      events.push_back(json::Object{{"name", begin.name},
                                    {"ph", "X"},
                                    {"ts", microseconds(begin.time - marks.front().time)},
                                    {"dur", microseconds(end.time - begin.time)},
                                    {"pid", 0},
                                    {"tid", 0},
                                    {"args", json::Object{{"run", run}}}});
  }
  json::Object trace{{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}};
  return llvm::formatv("{0:2}\n", json::Value(std::move(trace)));
}
