//===- single_thread.h - A system without threads and processes -------------===//
//
// What WebAssembly has in the place of cpu/thread_pool.h and core/fork_guard.h: loops run on the thread that comes to
// them, and nobody forks. Nor does code jump out of functions there, so that whoever cannot go on ends the program.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_WASI_SINGLE_THREAD_H
#define LEPTON_RUNTIME_WASI_SINGLE_THREAD_H

#include "../core/atomic.h"
#include "../core/lepton_abi.h"

namespace lepton::rt {

struct Escape {};

class ThreadPool {
public:
  void create(uint32_t) {}
  void borrow(const lepton_pool &) {} // its threads would all be this one
  void destroy() {}
  void forgetWorkers() {}
  uint32_t threads() const { return 1; }
  void run(lepton_context *context, int64_t n, int64_t, lepton_rt_body body, void *args) {
    if (n > 0)
      body(context, args, 0, n);
  }
  static int32_t enter(lepton_context *context, lepton_entry_function entry) { return entry(context); }
  /// Says why on standard error, and ends the program.
  [[noreturn]] void leave(lepton_context *context);
};

class ForkGuard {
public:
  bool create() { return true; }
  void destroy() {}
  void enter(void (*)(void *), void *) {}
};

/// A trap, which whoever called the module gets as its engine's exception; a program has an ending of its own.
[[noreturn]] void endProgram();

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_WASI_SINGLE_THREAD_H
