//===- limits.cpp - what this machine and the runtime can do at most ----------------------------------------===//
//
// Prints as JSON, for 1 to N threads (the argument, 1): `gflops`, multiply-adds of f32 in registers, and gigabytes per second that are read from the caches
// and from memory (tune/MachineLimits.h).
// `fork_join_us` is what a parallel loop of Lepton's runtime costs in which every thread takes part and has nothing to do.
//
//===------------------------------------------------------------------------------------------------------------===//

#include "runtime/core/lepton_abi.h"
#include "tune/MachineLimits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

using Clock = std::chrono::steady_clock;

namespace {

/// Microseconds of one of many loops, one after the other, in the best of several runs. Each range waits until every thread has one, or for too long.
double forkJoin(int threads) {
  static constexpr int loops = 200, rounds = 50, longest = 100000;
  static double best;
  static int parts;
  static std::atomic<int> arrived;
  best = 1e9;
  parts = threads;
  lepton_model model = {};
  model.abi_version = LEPTON_ABI_VERSION;
  model.struct_bytes = sizeof model;
  model.name = "empty loops";
  model.features = "";
  model.entry = [](lepton_context *context) -> int32_t {
    auto meet = [](lepton_context *, void *, int64_t begin, int64_t end) {
      arrived += int(end - begin);
      for (int i = 0; i < longest && arrived < parts; ++i)
        ;
    };
    auto begin = Clock::now();
    for (int i = 0; i < loops; ++i) {
      arrived = 0;
      lepton_rt_parallel_for(context, parts, 1, meet, nullptr);
    }
    best = std::min(best, std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / loops);
    return lepton_rt_status(context);
  };
  lepton_options options = {sizeof(lepton_options), uint32_t(threads), nullptr, nullptr, nullptr};
  lepton_session *session = nullptr;
  lepton_error error;
  if (lepton_session_create(&model, &options, &session, &error) != LEPTON_OK) {
    fprintf(stderr, "error: %s\n", error.message);
    exit(1);
  }
  for (int round = 0; round < rounds; ++round)
    lepton_session_run(session, nullptr, nullptr, &error);
  lepton_session_destroy(session);
  return best;
}

void measure(int threads) {
  constexpr int rounds = 40;
  constexpr uint64_t megabyte = 1 << 20, bytes = 256 * megabyte;
  lepton::MachineLimits limits;
  if (!lepton::measureLimits(threads, rounds, bytes, limits)) {
    fprintf(stderr, "error: out of memory: limits need %llu MB a thread\n", (unsigned long long)(bytes / megabyte));
    exit(1);
  }
  printf("  \"%d\": {\"gflops\": %.1f, \"l1_gbs\": %.1f, \"l2_gbs\": %.1f, \"l3_gbs\": %.1f, \"dram_gbs\": %.1f, "
         "\"fork_join_us\": %.3f}",
         threads, limits.gflops, limits.l1, limits.l2, limits.l3, limits.dram, forkJoin(threads));
}

} // namespace

int main(int argc, char **argv) {
  const int threads = argc > 1 ? std::max(1, atoi(argv[1])) : 1;
  printf("{\"isa\": \"%s\", \"threads\": {\n", lepton::limitingIsa());
  for (int t = 1; t <= threads; ++t) {
    measure(t);
    printf(t < threads ? ",\n" : "\n");
  }
  printf("}}\n");
}
