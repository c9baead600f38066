//===- MachineLimits.cpp - what this machine can do at most ----------------------------------------------------------===//

#include "tune/MachineLimits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <sched.h>
#include <thread>
#include <vector>

using namespace lepton;
using Clock = std::chrono::steady_clock;

/// Multiplies and adds in registers, enough chains to hide the latency; the number of operations.
using ComputeFn = uint64_t (*)(uint64_t repeats, float *sink);
/// Reads all of a buffer.
using ReadFn = void (*)(const float *buffer, uint64_t floats, float *sink);

#if defined(__aarch64__)
#define VECTOR_REGISTER "+w"
#else
#define VECTOR_REGISTER "+v"
#endif

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
      _Pragma("unroll") for (int i = 0; i < chains; ++i) asm volatile("" : VECTOR_REGISTER(x[i]));                     \
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

Loops chooseLoops() {
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
template <typename WorkT> double best(int threads, int rounds, WorkT work) {
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

} // namespace

const char *lepton::limitingIsa() { return chooseLoops().isa; }

bool lepton::measureLimits(int threads, int rounds, uint64_t bytes, MachineLimits &limits) {
  constexpr uint64_t kilobyte = 1024, megabyte = 1024 * kilobyte;
  const Loops loops = chooseLoops();
  std::vector<float> sinks(threads * 64);
  limits.gflops = best(threads, rounds, [&](int t) { return loops.compute(400000, &sinks[t * 64]); });
  std::vector<float *> buffers;
  for (int t = 0; t < threads; ++t)
    buffers.push_back(static_cast<float *>(aligned_alloc(4096, bytes)));
  const bool isAllocated = std::find(buffers.begin(), buffers.end(), nullptr) == buffers.end();
  auto read = [&](uint64_t part, uint64_t repeats) {
    return best(threads, rounds, [&](int t) {
      for (uint64_t r = 0; r < repeats; ++r) {
        loops.read(buffers[t], part / sizeof(float), &sinks[t * 64]);
        asm volatile("" ::: "memory");
      }
      return repeats * part;
    });
  };
  if (isAllocated) {
    for (float *buffer : buffers)
      std::fill_n(buffer, bytes / sizeof(float), 1.0f);
    limits.l1 = read(16 * kilobyte, 1000);
    limits.l2 = read(256 * kilobyte, 64);
    limits.l3 = read(4 * megabyte, 4);
    limits.dram = read(bytes, 1);
  }
  for (float *buffer : buffers)
    free(buffer);
  return isAllocated;
}
