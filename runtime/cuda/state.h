//===- state.h - What a session and a run have on a GPU ---------------------===//
#ifndef LEPTON_RUNTIME_CUDA_STATE_H
#define LEPTON_RUNTIME_CUDA_STATE_H

#include "../core/context.h"
#include "driver.h"

namespace lepton::rt::cuda {

/// A kernel's function, by the address of its name in the artifact.
struct Kernel {
  const char *name;
  Function function;
};

/// A session's. Valid when its memory is zero.
struct SessionState {
  const Driver *driver;
  Device device;
  Context context; // the primary one, which frameworks in this process use too
  Module module;
  Address weights;
  char deviceName[64];
  SpinLock lock;                     // of the table
  Kernel *kernels;                   // a hash table with open addressing
  uint32_t kernelCount, kernelSlots; // slots: a power of two, at least twice as many
};

/// Memory of the host that has a counterpart on the GPU.
struct Mirror {
  char *host;
  uint64_t bytes;
  Address device;
  uint64_t capacity; // of the counterpart, which stays from run to run
};

/// A block of the GPU's memory; they stay with the context.
struct Block {
  Address address;
  uint64_t bytes;
  bool isFree;
};

/// A context's, that is, of one run in flight. Valid when its memory is zero.
struct RunState {
  Stream stream;
  Address fault; // a word
  Mirror *inputs, *outputs;
  Block *blocks;
  uint32_t blockCount, blockSlots;
  const char *lastKernel;
  GraphExec replay; // of a model that launches the same in every run, from the third on
  uint32_t runs;    // that have succeeded without it
  bool isCapturing; // launches are recorded
  bool usedGraph;   // the run is what was recorded
  void *fetched;    // what the entry has fetched last
  uint64_t fetchedBytes;
};

inline SessionState &stateOf(lepton_session *session) { return *static_cast<SessionState *>(session->device); }
inline RunState &stateOf(lepton_context *context) { return *static_cast<RunState *>(context->device); }

/// In every block of code that calls the driver.
class Current {
public:
  explicit Current(const SessionState &session) : driver(*session.driver) { driver.push(session.context); }
  ~Current() {
    Context previous;
    driver.pop(&previous);
  }
  Current(const Current &) = delete;

private:
  const Driver &driver;
};

lepton_status open(lepton_session *session, lepton_error &error);
void close(lepton_session *session);
/// The function of a kernel; marks the run as failed and gives NULL where the code has none.
Function findKernel(lepton_context *context, const char *name);

/// Marks the run as failed by what the driver says; `what` is what was tried.
void failWith(lepton_context *context, Result result, const char *what);

bool prepare(lepton_context *context);
void dispose(lepton_context *context);
void *allocate(lepton_context *context, uint64_t bytes);
void release(lepton_context *context, void *memory);
/// Everything that was allocated and not released.
void releaseAll(RunState &run);

} // namespace lepton::rt::cuda

#endif // LEPTON_RUNTIME_CUDA_STATE_H
