//===- device.h - A GPU beside the CPU that runs a model's entry ------------===//
//
// A model of which a GPU runs the kernels names the functions that know its GPU (`lepton_device_code::runtime`). They are in the archive of the runtime and
// linked into such artifacts alone; the rest of the runtime asks for them here.
//
// What the entry sees: inputs and outputs at the caller's addresses, constants at their place in the artifact, workspace and intermediate results at addresses of
// the GPU, which it does not touch itself (`lepton_rt_fetch`). A launch turns the first two into addresses of the GPU.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_DEVICE_H
#define LEPTON_RUNTIME_CORE_DEVICE_H

#include "lepton_abi.h"

namespace lepton::rt {
struct Gpu;
}

struct lepton_device_runtime {
  /// Finds the GPU for a session, gives it the code and the constants. `session->device` is the result.
  lepton_status (*open)(lepton_session *session, lepton_error &error);
  void (*close)(lepton_session *session);
  /// The workspace of a new context. False without memory.
  bool (*prepare)(lepton_context *context);
  void (*dispose)(lepton_context *context);
  /// Around a run. `begin` gives what stands for the model's entry in it; NULL when the run has failed already. All results are with the caller after `end`.
  lepton_entry_function (*begin)(lepton_context *context);
  void (*end)(lepton_context *context);
  /// Memory of the GPU until `release`, or the end of the run; NULL when there is none.
  void *(*allocate)(lepton_context *context, uint64_t bytes);
  void (*release)(lepton_context *context, void *memory);
  /// The run's output i is to be at this address in the end. False without memory.
  bool (*output)(lepton_context *context, uint32_t i, void *data, uint64_t bytes);
  /// Waits until everything launched so far is done.
  void (*settle)(lepton_context *context);
  /// What the functions above, and those that the entry calls, do on this kind of GPU (gpu.h).
  const lepton::rt::Gpu *gpu;
};

namespace lepton::rt {
/// The functions of the session's GPU; NULL for a model that runs on the CPU alone.
const lepton_device_runtime *deviceOf(const lepton_session *session);
} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_DEVICE_H
