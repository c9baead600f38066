//===- MachineLimits.h - what this machine can do at most ----------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_TUNE_MACHINELIMITS_H
#define LEPTON_TUNE_MACHINELIMITS_H

#include <cstdint>

namespace lepton {

/// The best of several rounds, and the sum over threads that start together, each on a core and a buffer of its own.
struct MachineLimits {
  double gflops = 0;                       ///< multiply-adds of f32 in registers, each of which is two
  double l1 = 0, l2 = 0, l3 = 0, dram = 0; ///< gigabytes per second that are read from the caches and from memory
};

/// Measures in rounds that are short, so that some are undisturbed. Memory is read from `bytes` a thread, at least 4 MiB; false where there are not so many.
bool measureLimits(int threads, int rounds, uint64_t bytes, MachineLimits &limits);

/// The vectors that it computes with.
const char *limitingIsa();

} // namespace lepton

#endif // LEPTON_TUNE_MACHINELIMITS_H
