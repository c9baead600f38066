//===- HardwareCounters.h - what processors count while a model runs ------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_HARDWARECOUNTERS_H
#define LEPTON_API_HARDWARECOUNTERS_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace lepton {

/// Counts what this process has its processors and its memory do, as far as the system lets it (perf_event_open): the thread that makes the counters, and
/// those that come from it afterwards.
class HardwareCounters {
public:
  static constexpr std::array names = {"cycles", "instructions", "cache_misses", "branch_misses", "page_faults"};
  static constexpr int64_t notCounted = -1;
  using Counts = std::array<int64_t, names.size()>;

  HardwareCounters();
  HardwareCounters(const HardwareCounters &) = delete;
  ~HardwareCounters();

  Counts read() const;

private:
  std::array<int, names.size()> files; // -1 where the system does not count
};

} // namespace lepton

#endif // LEPTON_API_HARDWARECOUNTERS_H
