//===- context.h - One run in flight ----------------------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_CONTEXT_H
#define LEPTON_RUNTIME_CORE_CONTEXT_H

#include "../cpu/thread_pool.h"
#include "fork_guard.h"
#include "lepton_abi.h"
#include "memory.h"
#include <setjmp.h>

struct lepton_session {
  const lepton_model *model;
  lepton::rt::ThreadPool pool;
  lepton::rt::ForkGuard guard;
  lepton::rt::SpinLock lock;
  lepton_context *idle; // contexts that no run uses
};

/// Valid when its memory is zero.
struct lepton_context {
  lepton_session *session;
  lepton_context *next;
  void *arena;
  lepton::rt::BlockPool blocks;
  const lepton_tensor *inputs;
  lepton_tensor *outputs;
  bool *ownsOutput; // which outputs this run allocated
  lepton::rt::Atomic<uint32_t> status; // lepton_status
  lepton::rt::SpinLock messageLock;
  char message[900];
  pthread_t caller;
  jmp_buf exhausted; // where the caller's thread goes when memory is refused
};

#endif // LEPTON_RUNTIME_CORE_CONTEXT_H
