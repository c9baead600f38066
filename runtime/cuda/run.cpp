//===- run.cpp - The steps of a run on a GPU of NVIDIA's --------------------===//
//
// All that a run asks for is in one stream. What is recorded becomes a CUDA graph. Inputs and outputs may be in memory of the GPU themselves: the driver tells by
// the address.
//
//===----------------------------------------------------------------------===//
#include "../core/text.h"
#include "state.h"
#include <stdlib.h>

namespace lepton::rt::cuda {

void failWith(lepton_context *context, Result result, const char *what) {
  char code[32];
  Text(code, sizeof code).add("CUDA error %d", result);
  failOnDevice(context, result == kOutOfMemory ? LEPTON_OUT_OF_MEMORY : LEPTON_INTERNAL, what,
               stateOf(context->session).driver->describe(result), code);
}

static bool succeeds(lepton_context *context, Result result, const char *what) {
  if (result != kSuccess)
    failWith(context, result, what);
  return result == kSuccess;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static bool prepare(lepton_context *context) {
  const SessionState &session = stateOf(context->session);
  auto *run = static_cast<RunState *>(calloc(1, sizeof(RunState)));
  if (!run)
    return false;
  context->device = run;
  Current current(session);
  return session.driver->createStream(&run->stream, kStreamNonBlocking) == kSuccess;
}

static void dispose(lepton_context *context) {
  const SessionState &session = stateOf(context->session);
  RunState &run = stateOf(context);
  {
    Current current(session);
    if (run.recorded)
      session.driver->destroyExec(run.recorded);
    if (run.stream)
      session.driver->destroyStream(run.stream);
  }
  free(&run);
}

static void *allocate(lepton_context *context, uint64_t bytes) {
  const SessionState &session = stateOf(context->session);
  Current current(session);
  Address address = 0;
  return session.driver->allocate(&address, bytes) == kSuccess ? reinterpret_cast<void *>(address) : nullptr;
}

static void release(lepton_context *context, void *address) {
  const SessionState &session = stateOf(context->session);
  Current current(session);
  session.driver->free(addressOf(address));
}

static bool transfer(lepton_context *context, void *to, const void *from, uint64_t bytes, const char *what) {
  const SessionState &session = stateOf(context->session);
  Current current(session);
  return succeeds(context, session.driver->copy(addressOf(to), addressOf(from), bytes, stateOf(context).stream), what);
}

static bool upload(lepton_context *context, void *to, const void *from, uint64_t bytes) {
  return transfer(context, to, from, bytes, "an input cannot be copied to the GPU");
}

static bool download(lepton_context *context, void *to, const void *from, uint64_t bytes) {
  return transfer(context, to, from, bytes, "a result cannot be copied from the GPU");
}

static bool copy(lepton_context *context, void *to, const void *from, uint64_t bytes) {
  return transfer(context, to, from, bytes, "a copy on the GPU cannot be started");
}

/// The driver would read memory of the host later, and of a recorded run each time; what it fills memory with it keeps.
static bool write(lepton_context *context, void *to, const void *value, uint64_t bytes) {
  const SessionState &session = stateOf(context->session);
  const RunState &run = stateOf(context);
  Current current(session);
  Result result = kSuccess;
  if (bytes % sizeof(unsigned) == 0) {
    auto *words = static_cast<const unsigned *>(value);
    for (uint64_t i = 0; i < bytes / sizeof(unsigned) && result == kSuccess; ++i)
      result = session.driver->setWords(addressOf(to) + i * sizeof(unsigned), words[i], 1, run.stream);
  } else {
    auto *each = static_cast<const unsigned char *>(value);
    for (uint64_t i = 0; i < bytes && result == kSuccess; ++i)
      result = session.driver->setBytes(addressOf(to) + i, each[i], 1, run.stream);
  }
  return succeeds(context, result, "a number cannot be sent to the GPU");
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

static bool launch(lepton_context *context, const char *name, const char *, int64_t blocks, int64_t threads,
                   void **values) {
  const SessionState &session = stateOf(context->session);
  Current current(session);
  Function function = findKernel(context, name);
  return function && succeeds(context,
                              session.driver->launch(function, unsigned(blocks), 1, 1, unsigned(threads), 1, 1, 0,
                                                     stateOf(context).stream, values, nullptr),
                              "a kernel cannot be launched");
}

static bool wait(lepton_context *context) {
  const SessionState &session = stateOf(context->session);
  Current current(session);
  return succeeds(context, session.driver->synchronize(stateOf(context).stream), "a kernel of the model failed");
}

static bool beginRecording(lepton_context *context) {
  const SessionState &session = stateOf(context->session);
  Current current(session);
  return session.driver->beginCapture(stateOf(context).stream, kCaptureThreadLocal) == kSuccess;
}

/// The launches that were recorded become a graph, unless the run has failed, whose launches are not all.
static bool endRecording(lepton_context *context) {
  const Driver &driver = *stateOf(context->session).driver;
  RunState &run = stateOf(context);
  Current current(stateOf(context->session));
  Graph graph = nullptr;
  constexpr const char *what = "the model cannot be recorded";
  if (!succeeds(context, driver.endCapture(run.stream, &graph), what))
    return false;
  const bool isMade =
      lepton_rt_status(context) == LEPTON_OK && succeeds(context, driver.instantiate(&run.recorded, graph, 0), what);
  driver.destroyGraph(graph);
  return isMade;
}

static bool replay(lepton_context *context) {
  const SessionState &session = stateOf(context->session);
  const RunState &run = stateOf(context);
  Current current(session);
  return succeeds(context, session.driver->launchGraph(run.recorded, run.stream), "the model cannot be started");
}

static constexpr Gpu gpu = {open, close, prepare, dispose, allocate,       release,      upload, download,
                            copy, write, launch,  wait,    beginRecording, endRecording, replay};

} // namespace lepton::rt::cuda

extern "C" {
extern const lepton_device_runtime lepton_rt_cuda;
const lepton_device_runtime lepton_rt_cuda = lepton::rt::runtimeOn(lepton::rt::cuda::gpu);
}
