//===- system.cpp - What WebAssembly has of a system ------------------------===//
//
// In the place of core/pages.cpp, core/cpu_features.cpp, core/weights.cpp and cpu/thread_pool.cpp.
//
//===----------------------------------------------------------------------===//
#include "../core/context.h"
#include "../core/cpu_features.h"
#include "../core/weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace lepton::rt {

void *mapPages(uint64_t bytes) {
  void *memory = nullptr;
  if (bytes > kMaxBytes || posix_memalign(&memory, kAlignment, size_t(mappedBytes(bytes))) != 0)
    return nullptr;
  return memset(memory, 0, size_t(bytes));
}

void unmapPages(void *pages, uint64_t) { free(pages); }

/// An engine refuses a module of which it lacks an instruction, before anything runs.
bool cpuHasFeatures(const char *, char *, size_t) { return true; }

/// The compiler puts the constants into the module: files cannot be mapped.
lepton_status openWeights(lepton_session *, const lepton_options &, lepton_error &) { return LEPTON_OK; }
void closeWeights(lepton_session *) {}

void ThreadPool::leave(lepton_context *context) {
  fprintf(stderr, "error: %s\n", context->message);
  endProgram();
}

[[noreturn]] __attribute__((weak)) void endProgram() { __builtin_trap(); }

} // namespace lepton::rt
