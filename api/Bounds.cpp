//===- Bounds.cpp - how long a compilation may take, and how much memory --------------------------------------------------------------===//

#include "api/Bounds.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <unistd.h>

using namespace lepton;

/// Reading the memory's size takes microseconds: not more often than this.
static constexpr std::chrono::milliseconds betweenLooks(5);

/// What the process has in memory, in bytes; 0 where the kernel does not tell.
static uint64_t residentBytes() {
  uint64_t pages = 0;
  if (FILE *file = fopen("/proc/self/statm", "re")) {
    unsigned long long whole, resident;
    if (fscanf(file, "%llu %llu", &whole, &resident) == 2)
      pages = resident;
    fclose(file);
  }
  return pages * sysconf(_SC_PAGESIZE);
}

Bounds::Bounds(const CompileOptions &options) : seconds(options.maxSeconds), bytes(options.maxMemory) {}

bool Bounds::areExceeded() {
  if (tookTime || tookMemory)
    return true;
  const Clock::time_point now = Clock::now();
  if (seconds > 0 && std::chrono::duration<double>(now - begin).count() > seconds)
    tookTime = true;
  if (bytes > 0 && now.time_since_epoch().count() >= nextLook) {
    nextLook = (now + betweenLooks).time_since_epoch().count();
    if (residentBytes() > bytes)
      tookMemory = true;
  }
  return tookTime || tookMemory;
}

std::string Bounds::reason() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (tookTime)
    os << "takes longer than the " << llvm::format("%g", seconds)
       << " seconds of --max-time; allow more, or simplify the model";
  else
    os << "takes more than the " << (bytes >> 20) << " MB of --max-memory; allow more, or simplify the model";
  return text;
}
