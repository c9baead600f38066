//===- HardwareCounters.cpp - what processors count while a model runs ----------------------------------------------===//

#include "api/HardwareCounters.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace lepton;

namespace {
struct Event {
  uint32_t type;
  uint64_t config;
};
} // namespace

static constexpr Event events[] = {
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},   {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES}, {PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
};
static_assert(std::size(events) == HardwareCounters::names.size());

HardwareCounters::HardwareCounters() {
  for (size_t i = 0; i < files.size(); ++i) {
    perf_event_attr attributes = {};
    attributes.size = sizeof attributes;
    attributes.type = events[i].type;
    attributes.config = events[i].config;
    attributes.inherit = 1;        // by the threads of a session
    attributes.exclude_kernel = 1; // which most systems let everyone leave out only
    attributes.exclude_hv = 1;
    files[i] = int(
        syscall(SYS_perf_event_open, &attributes, /*process=*/0, /*processor=*/-1, /*group=*/-1, PERF_FLAG_FD_CLOEXEC));
  }
}

HardwareCounters::~HardwareCounters() {
  for (int file : files)
    if (file >= 0)
      close(file);
}

HardwareCounters::Counts HardwareCounters::read() const {
  Counts counts;
  for (size_t i = 0; i < files.size(); ++i)
    if (files[i] < 0 || ::read(files[i], &counts[i], sizeof counts[i]) != sizeof counts[i])
      counts[i] = notCounted;
  return counts;
}
