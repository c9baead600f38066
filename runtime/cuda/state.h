//===- state.h - What a session and a run have on a GPU of NVIDIA's ---------===//
#ifndef LEPTON_RUNTIME_CUDA_STATE_H
#define LEPTON_RUNTIME_CUDA_STATE_H

#include "../core/gpu.h"
#include "../core/kernel_table.h"
#include "driver.h"

namespace lepton::rt::cuda {

struct Kernel {
  Function function;
};

/// A session's. Valid when its memory is zero.
struct SessionState : DeviceSession {
  const Driver *driver;
  Device device;
  Context context; // the primary one, which frameworks in this process use too
  Module module;
  KernelTable<Kernel> kernels;
};

/// A context's, that is, of one run in flight. Valid when its memory is zero.
struct RunState : DeviceRun {
  Stream stream;
  GraphExec recorded;
};

inline SessionState &stateOf(const lepton_session *session) { return *static_cast<SessionState *>(session->device); }
inline RunState &stateOf(const lepton_context *context) { return *static_cast<RunState *>(context->device); }

inline Address addressOf(const void *pointer) { return reinterpret_cast<Address>(pointer); }

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

} // namespace lepton::rt::cuda

#endif // LEPTON_RUNTIME_CUDA_STATE_H
