//===- races.cpp - parallel loops whose ranges nothing orders --------------------------------------------------------------===//
//
// Linked with a model and -Wl,--wrap=lepton_rt_parallel_for. Each loop is cut, however small it is, and every range has a thread of its own, which no lock
// orders: ThreadSanitizer reports any two ranges that meet at one place of memory, in whichever order they happen to run.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "lepton_abi.h"

#include <algorithm>
#include <thread>
#include <vector>

#ifndef OVERLAP
#define OVERLAP 0 // iterations that two ranges share, to see that it is reported
#endif

constexpr int64_t kRanges = 4;

extern "C" void __wrap_lepton_rt_parallel_for(lepton_context *context, int64_t n, int64_t, lepton_rt_body body,
                                              void *args) {
  const int64_t ranges = std::min(n, kRanges);
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < ranges; ++i)
    threads.emplace_back(body, context, args, n * i / ranges, std::min(n, n * (i + 1) / ranges + OVERLAP));
  for (std::thread &thread : threads)
    thread.join();
}
