//===- KernelTrace.h - when the kernels of a run begin and end ------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_KERNELTRACE_H
#define LEPTON_API_KERNELTRACE_H

#include "api/Facts.h"
#include "api/HardwareCounters.h"
#include "runtime/core/lepton_abi.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lepton {

/// Observes a session; one run at a time.
class KernelTrace {
public:
  /// With counts of the threads that the session makes, the trace comes before the session.
  explicit KernelTrace(bool counts = false)
      : observer{this, note}, counters(counts ? std::make_unique<HardwareCounters>() : nullptr) {}
  KernelTrace(const KernelTrace &) = delete;

  /// In Chrome's trace event format, times in microseconds, which its viewer and Perfetto show. `graph` is what the compilation found out about the model's steps: where a run
  /// took them as they stand there, without branches and loops, each event names the model's node. What the system counted in a kernel is with its event.
  std::string json(const std::vector<GraphNode> &graph) const;

  /// What one kernel takes in a run, all its calls together: in the run where that is least.
  struct Cost {
    double seconds;
    uint64_t calls;
  };
  std::map<std::string, Cost> leastCosts() const;

  const lepton_observer observer;

private:
  using Clock = std::chrono::steady_clock;
  struct Mark {
    const char *name;             // the kernel that begins; null at the end of a run
    Clock::time_point end, begin; // of what was before and of the kernel: in between, counters are read
    HardwareCounters::Counts counts;
  };
  static void note(void *trace, const char *name);

  const std::unique_ptr<const HardwareCounters> counters; // null where nobody wants counts
  std::vector<Mark> marks;
};

} // namespace lepton

#endif // LEPTON_API_KERNELTRACE_H
