//===- gpu.h - What is particular to a kind of GPU, and what a run has on any -===//
//
// A run on a GPU is the same for all of them (device.cpp): the entry runs on the CPU, inputs are copied to the GPU before, outputs from there afterwards, and a
// model that does the same in every run is recorded in its second one, for later runs to replay without the entry. A kind of GPU, that is, an interface of
// drivers, gives the steps (`Gpu`), and keeps what it needs for them behind what all sessions and runs have.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_GPU_H
#define LEPTON_RUNTIME_CORE_GPU_H

#include "context.h"
#include "device.h"
#include "text.h"
#include <stdlib.h>

namespace lepton::rt {

/// What a session has on any GPU; `lepton_session::device`, and the first part of it. Valid when its memory is zero.
struct DeviceSession {
  void *weights; // their address on the GPU
  char name[256];
};

/// Memory of the host that has a counterpart on the GPU.
struct Mirror {
  char *host;
  uint64_t bytes;
  void *device;
  uint64_t capacity; // of the counterpart, which stays from run to run
};

/// A block of the GPU's memory; they stay with the context.
struct DeviceBlock {
  void *address;
  uint64_t bytes;
  bool isFree;
};

/// What a run in flight has on any GPU; `lepton_context::device`, and the first part of it. Valid when its memory is zero.
struct DeviceRun {
  void *fault; // a word
  Mirror *inputs, *outputs;
  DeviceBlock *blocks;
  uint32_t blockCount, blockSlots;
  const char *lastKernel;
  uint32_t runs;    // that have succeeded and were not recorded
  bool isRecording; // what is asked for is recorded
  bool isRecorded;  // of a model that does the same in every run, from the third on
  bool isReplay;    // the run is what was recorded
  void *fetched;    // what the entry has fetched last
  uint64_t fetchedBytes;
};

inline DeviceSession &sessionOf(const lepton_context *context) {
  return *static_cast<DeviceSession *>(context->session->device);
}
inline DeviceRun &runOf(const lepton_context *context) { return *static_cast<DeviceRun *>(context->device); }

/// The steps of a run. What is asked for is done later, in this order. Who gives false has marked the run as failed, in words.
struct Gpu {
  lepton_status (*open)(lepton_session *session, lepton_error &error);
  void (*close)(lepton_session *session);
  /// Makes and destroys `context->device`. False without memory.
  bool (*prepare)(lepton_context *context);
  void (*dispose)(lepton_context *context);
  /// Memory of the GPU, at what the entry takes for its address, a multiple of 64; NULL when there is none. What has been asked for must be done before
  /// memory that it uses is freed.
  void *(*allocate)(lepton_context *context, uint64_t bytes);
  void (*free)(lepton_context *context, void *address);
  /// Copies from the host, which keeps the bytes there until `wait`; at the beginning of a run.
  bool (*upload)(lepton_context *context, void *to, const void *from, uint64_t bytes);
  /// Copies to the host, where the bytes are after `wait`.
  bool (*download)(lepton_context *context, void *to, const void *from, uint64_t bytes);
  bool (*copy)(lepton_context *context, void *to, const void *from, uint64_t bytes);
  /// Writes up to 8 bytes, which need not be kept.
  bool (*write)(lepton_context *context, void *to, const void *value, uint64_t bytes);
  /// As lepton_rt_launch, with addresses of the GPU.
  bool (*launch)(lepton_context *context, const char *kernel, const char *kinds, int64_t blocks, int64_t threads,
                 void **values);
  /// Until everything is done. What has not begun of a run that has failed need not be done any more.
  bool (*wait)(lepton_context *context);
  /// What is asked for between these two is not done, but kept for `replay`; nothing of a run that has failed. False of the first: it is done, as ever.
  bool (*beginRecording)(lepton_context *context);
  bool (*endRecording)(lepton_context *context);
  bool (*replay)(lepton_context *context);
};

/// Marks the run as failed: `what` was tried, and the driver has `said` why not, which it calls `code`.
void failOnDevice(lepton_context *context, lepton_status status, const char *what, const char *said, const char *code);

//===----------------------------------------------------------------------===//
// Parts of a lepton_device_runtime
//===----------------------------------------------------------------------===//

bool prepareDevice(lepton_context *context);
void disposeDevice(lepton_context *context);
lepton_entry_function beginOnDevice(lepton_context *context);
void endOnDevice(lepton_context *context);
void *allocateOnDevice(lepton_context *context, uint64_t bytes);
void releaseOnDevice(lepton_context *context, void *memory);
bool placeOutput(lepton_context *context, uint32_t i, void *data, uint64_t bytes);
void settleDevice(lepton_context *context);

constexpr lepton_device_runtime runtimeOn(const Gpu &gpu) {
  return {gpu.open,         gpu.close,       prepareDevice, disposeDevice, beginOnDevice, endOnDevice,
          allocateOnDevice, releaseOnDevice, placeOutput,   settleDevice,  &gpu};
}

//===----------------------------------------------------------------------===//
// Sessions
//===----------------------------------------------------------------------===//

/// Gives the session a state, whose memory is zero; NULL, and the reason in `error`, without memory.
template <typename State> State *makeState(lepton_session *session, lepton_error &error) {
  auto *state = static_cast<State *>(calloc(1, sizeof(State)));
  if (!state)
    Text(error).add("out of memory: no session can be made of model '%.100s'", session->model->name);
  session->device = state;
  return state;
}

//===----------------------------------------------------------------------===//
// Memory of a run
//===----------------------------------------------------------------------===//

/// One more element, zero, at the end of an array from malloc; NULL without memory.
template <typename T> T *append(T *&array, uint32_t &count, uint32_t &slots) {
  if (count == slots) {
    const uint32_t more = slots ? 2 * slots : 16;
    auto *larger = static_cast<T *>(realloc(array, more * sizeof(T)));
    if (!larger)
      return nullptr;
    array = larger;
    slots = more;
  }
  array[count] = {};
  return &array[count++];
}

inline const Gpu &gpuOf(const lepton_context *context) { return *deviceOf(context->session)->gpu; }
/// Has the GPU hold as many bytes as the host. False without memory.
bool reserveMirror(lepton_context *context, Mirror &mirror, void *host, uint64_t bytes);
/// Everything that was allocated and not released.
void releaseBlocks(DeviceRun &run);
/// Where the GPU has what the entry knows by this address.
void *onDevice(lepton_context *context, const void *address);

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_GPU_H
