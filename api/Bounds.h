//===- Bounds.h - how long a compilation may take, and how much memory ---------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_BOUNDS_H
#define LEPTON_API_BOUNDS_H

#include "api/lepton.hpp"

#include <atomic>
#include <chrono>

namespace lepton {

/// Watches the time of one compilation and the memory of the process. A thread cannot be stopped from outside: whoever works in many steps asks
/// between two of them.
class Bounds {
public:
  explicit Bounds(const CompileOptions &options);

  bool areSet() const { return seconds > 0 || bytes > 0; }
  /// Whether to give up; any thread may ask.
  bool areExceeded();
  /// What was exceeded, and the remedy: the rest of a sentence.
  std::string reason() const;

private:
  using Clock = std::chrono::steady_clock;
  const double seconds;
  const uint64_t bytes;
  const Clock::time_point begin = Clock::now();
  std::atomic<Clock::rep> nextLook{0}; // at the memory
  std::atomic<bool> tookTime{false}, tookMemory{false};
};

} // namespace lepton

#endif // LEPTON_API_BOUNDS_H
