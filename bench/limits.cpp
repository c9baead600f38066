//===- limits.cpp - what this machine can do at most --------------------------------------------------------===//
//
// Prints as JSON, for 1 to N threads (the argument, 1): `gflops`, multiply-adds of f32 in registers, and gigabytes per second that are read from the caches
// and from memory. Each figure is the best of several rounds, and the sum over threads that start together, each on a core and a buffer of its own.
// `fork_join_us` is what a parallel loop of Lepton's runtime costs in which every thread takes part and has nothing to do.
//
//===------------------------------------------------------------------------------------------------------------===//

#include "runtime/core/lepton_abi.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <thread>
#include <vector>

using Clock = std::chrono::steady_clock;

/// Multiplies and adds in registers, enough chains to hide the latency; the number of operations.
using ComputeFn = uint64_t (*)(uint64_t repeats, float *sink);
/// Reads all of a buffer.
using ReadFn = void (*)(const float *buffer, uint64_t floats, float *sink);

// The same text for each width of vectors: attributes of functions do not come from templates.
#define LOOPS(NAME, TARGET, BYTES)                                                                                     \
  namespace NAME {                                                                                                     \
  typedef float Vector __attribute__((vector_size(BYTES)));                                                            \
  constexpr int chains = 12, lanes = BYTES / sizeof(float);                                                            \
  TARGET static uint64_t compute(uint64_t repeats, float *sink) {                                                      \
    Vector x[chains], scale = {}, step = {};                                                                           \
    scale += 0.999999f;                                                                                                \
    step += 1e-6f;                                                                                                     \
    for (int i = 0; i < chains; ++i)                                                                                   \
      x[i] = step * float(i);                                                                                          \
    for (uint64_t r = 0; r < repeats; ++r) {                                                                           \
      _Pragma("clang fp contract(fast)") _Pragma("unroll") for (int i = 0; i < chains; ++i) x[i] =                     \
          x[i] * scale + step;                                                                                         \
      _Pragma("unroll") for (int i = 0; i < chains; ++i) asm volatile("" : "+v"(x[i]));                                \
    }                                                                                                                  \
    for (int i = 1; i < chains; ++i)                                                                                   \
      x[0] += x[i];                                                                                                    \
    *sink = x[0][0];                                                                                                   \
    return repeats * chains * lanes * 2;                                                                               \
  }                                                                                                                    \
  TARGET static void read(const float *buffer, uint64_t floats, float *sink) {                                         \
    constexpr int several = 8;                                                                                         \
    Vector sums[several] = {};                                                                                         \
    const auto *vectors = reinterpret_cast<const Vector *>(buffer);                                                    \
    for (uint64_t i = 0; i < floats / lanes; i += several)                                                             \
      _Pragma("unroll") for (int j = 0; j < several; ++j) sums[j] += vectors[i + j];                                   \
    for (int j = 1; j < several; ++j)                                                                                  \
      sums[0] += sums[j];                                                                                              \
    *sink = sums[0][0];                                                                                                \
  }                                                                                                                    \
  }

#if defined(__x86_64__)
LOOPS(avx512, __attribute__((target("avx512f"))), 64)
LOOPS(avx2, __attribute__((target("avx2,fma"))), 32)
LOOPS(plain, , 16)
#else
LOOPS(plain, , 16)
#endif

namespace {

struct Loops {
  const char *isa;
  ComputeFn compute;
  ReadFn read;
};

Loops choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {"avx512", avx512::compute, avx512::read};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {"avx2", avx2::compute, avx2::read};
#endif
  return {"plain", plain::compute, plain::read};
}

void stayOnCore(int number) {
  cpu_set_t all, one;
  CPU_ZERO(&one);
  if (sched_getaffinity(0, sizeof all, &all) != 0)
    return;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &all) && number-- == 0)
      CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
}

/// Units of work per nanosecond: `work` is called on each thread with a repetition count and a thread's number, and returns how much it did.
template <typename WorkT> double best(int threads, WorkT work) {
  constexpr int rounds = 40; // short ones, so that some are undisturbed
  double most = 0;
  for (int round = 0; round < rounds; ++round) {
    std::atomic<int> ready = 0;
    std::vector<std::thread> workers;
    std::vector<Clock::time_point> begins(threads), ends(threads);
    std::atomic<uint64_t> done = 0;
    for (int t = 0; t < threads; ++t)
      workers.emplace_back([&, t] {
        stayOnCore(t);
        for (++ready; ready < threads;)
          ;
        begins[t] = Clock::now();
        done += work(t);
        ends[t] = Clock::now();
      });
    for (std::thread &worker : workers)
      worker.join();
    auto time = *std::max_element(ends.begin(), ends.end()) - *std::min_element(begins.begin(), begins.end());
    most = std::max(most, double(done) / double(std::chrono::nanoseconds(time).count()));
  }
  return most;
}

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
  lepton_options options = {sizeof(lepton_options), uint32_t(threads), nullptr, nullptr};
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

void measure(const Loops &loops, int threads) {
  constexpr uint64_t kilobyte = 1024, megabyte = 1024 * kilobyte, largest = 256 * megabyte;
  struct Level {
    const char *name;
    uint64_t bytes, repeats;
  };
  std::vector<float> sinks(threads * 64);
  double gflops = best(threads, [&](int t) { return loops.compute(400000, &sinks[t * 64]); });
  printf("  \"%d\": {\"gflops\": %.1f", threads, gflops);
  std::vector<float *> buffers;
  for (int t = 0; t < threads; ++t) {
    buffers.push_back(static_cast<float *>(aligned_alloc(4096, largest)));
    if (!buffers.back()) {
      fprintf(stderr, "error: out of memory: limits need %llu MB a thread\n", (unsigned long long)(largest / megabyte));
      exit(1);
    }
    std::fill_n(buffers.back(), largest / sizeof(float), 1.0f);
  }
  for (Level level : {Level{"l1_gbs", 16 * kilobyte, 1000}, Level{"l2_gbs", 256 * kilobyte, 64},
                      Level{"l3_gbs", 4 * megabyte, 4}, Level{"dram_gbs", largest, 1}}) {
    double rate = best(threads, [&](int t) {
      for (uint64_t r = 0; r < level.repeats; ++r) {
        loops.read(buffers[t], level.bytes / sizeof(float), &sinks[t * 64]);
        asm volatile("" ::: "memory");
      }
      return level.repeats * level.bytes;
    });
    printf(", \"%s\": %.1f", level.name, rate);
  }
  printf(", \"fork_join_us\": %.3f}", forkJoin(threads));
  for (float *buffer : buffers)
    free(buffer);
}

} // namespace

int main(int argc, char **argv) {
  const int threads = argc > 1 ? std::max(1, atoi(argv[1])) : 1;
  Loops loops = choose();
  printf("{\"isa\": \"%s\", \"threads\": {\n", loops.isa);
  for (int t = 1; t <= threads; ++t) {
    measure(loops, t);
    printf(t < threads ? ",\n" : "\n");
  }
  printf("}}\n");
}
