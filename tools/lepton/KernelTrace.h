//===- KernelTrace.h - when the kernels of a run begin and end ------------------------------------------*- C++ -*-===//

#ifndef LEPTON_TOOLS_LEPTON_KERNELTRACE_H
#define LEPTON_TOOLS_LEPTON_KERNELTRACE_H

#include "runtime/core/lepton_abi.h"

#include <chrono>
#include <string>
#include <vector>

namespace lepton::cli {

/// Observes a session; one run at a time.
class KernelTrace {
public:
  KernelTrace() : observer{this, note} {}
  KernelTrace(const KernelTrace &) = delete;

  /// In Chrome's trace event format, times in microseconds, which its viewer and Perfetto show.
  std::string json() const;

  const lepton_observer observer;

private:
  using Clock = std::chrono::steady_clock;
  struct Mark {
    const char *name; // the kernel that begins; null at the end of a run
    Clock::time_point time;
  };
  static void note(void *trace, const char *name);

  std::vector<Mark> marks;
};

} // namespace lepton::cli

#endif // LEPTON_TOOLS_LEPTON_KERNELTRACE_H
