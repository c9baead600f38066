//===- context.h - Sessions, and one run in flight --------------------------===//
#ifndef LEPTON_RUNTIME_CORE_CONTEXT_H
#define LEPTON_RUNTIME_CORE_CONTEXT_H

#include "block_pool.h"
#include "lepton_abi.h"
#if defined(__wasi__)
#include "../wasi/single_thread.h"
#else
#include "../cpu/thread_pool.h"
#include "fork_guard.h"
#endif

/// Valid when its memory is zero.
struct lepton_session {
  const lepton_model *model;
  /// For each dimension of each input in order: the index of the first one of the same name, itself if there is none.
  uint32_t *firstOfName;
  lepton::rt::ForkGuard guard;
  lepton::rt::ThreadPool pool;
  lepton_observer observer;
  lepton::rt::SpinLock lock;
  lepton_context *idle;  // contexts that no run uses; guarded by lock
  lepton_context *made;  // all contexts, those too whose run a callback left by an exception; guarded by lock
  uint32_t deviceNumber; // of the options
  void *device;          // what the model's part of the runtime has on its GPU
  const void *weights;   // the file of constants, its header first; null where they are in the artifact
  void *mappedWeights;   // the same, where it is not the caller's memory
};

namespace lepton::rt {
/// Who owns the memory of an output that the run has asked for.
/// Handle: what `lepton_context::handles` points to is copied when the run is over.
enum OutputState : uint8_t { NotProduced, InCallersMemory, Allocated, Handle };

/// Elements of a list that grew at its end, of which `used` are there; behind them is room for more.
struct Growing {
  lepton_tensor *elements;
  int64_t used, capacity;
};
} // namespace lepton::rt

/// Valid when its memory is zero.
struct lepton_context {
  lepton_session *session;
  lepton_context *next;
  lepton_context *madeBefore;
  void *arena;
  void *device; // what the run has on the GPU
  lepton::rt::BlockPool blocks;
  const lepton_tensor *inputs;
  lepton_tensor *outputs;
  lepton::rt::OutputState *outputStates;
  const lepton_tensor **handles;          // one per output
  char *kept;                             // where the next small block of `keep` goes
  uint64_t keptLeft;                      // bytes behind it
  lepton::rt::Growing growing[4];         // the lists that grew last
  uint32_t nextGrowing;                   // which of them the next one replaces
  lepton::rt::Escape *escape;             // where the caller's thread goes when it cannot go on
  lepton::rt::Atomic<uint32_t> abandoned; // 1: memory ran out, the run ends as soon as its threads notice
  lepton::rt::Atomic<uint32_t> status;    // lepton_status; who changes it from LEPTON_OK writes the message
  char message[sizeof(lepton_error::message)];
};

namespace lepton::rt {

/// Marks the run as failed; the first message stays.
void fail(lepton_context *context, lepton_status status, const char *message);
/// Memory until the end of the run, aligned to 8 bytes. Not to be called from parallel regions.
void *keep(lepton_context *context, uint64_t bytes);
/// Gives the caller those outputs that are handles, each in one block of memory.
void deliverHandles(lepton_context *context);
/// Frees what the run allocated for output i.
void discardOutput(lepton_context *context, uint32_t i);

/// Checks what a caller gave; false with the reason in `error`.
bool checkInputs(const lepton_session *session, const lepton_tensor *inputs, lepton_error &error);
/// Checks what a sequence, an optional or a tensor of strings holds; false with the reason in `error`.
bool checkContent(const lepton_value_info &info, const lepton_tensor &tensor, lepton_error &error);
/// Fills `session->firstOfName`; false when memory is exhausted.
bool indexDimNames(lepton_session *session);
/// Whether the caller's tensor takes this result; false with the reason in `error`.
bool checkOutput(const lepton_value_info &info, const lepton_tensor &given, const int64_t *shape, uint64_t bytes,
                 lepton_error &error);

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_CONTEXT_H
