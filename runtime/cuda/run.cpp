//===- run.cpp - One run of a model on a GPU --------------------------------===//
//
// The entry runs on the CPU and launches kernels, in one stream. Inputs are copied to the GPU before, outputs from there afterwards; both may be in memory of the
// GPU themselves. A model that does the same in every run is recorded as a CUDA graph in its second run, which later runs replay without the entry.
//
//===----------------------------------------------------------------------===//
#include "../core/device.h"
#include "../core/text.h"
#include "state.h"
#include <stdlib.h>
#include <string.h>

namespace lepton::rt::cuda {

void failWith(lepton_context *context, Result result, const char *what) {
  const SessionState &session = stateOf(context->session);
  const RunState &run = stateOf(context);
  lepton_error reason;
  Text text(reason);
  text.add("%.200s: the driver of %s says '%s' (CUDA error %d)", what, session.deviceName,
           session.driver->describe(result), result);
  if (run.lastKernel && result != kOutOfMemory)
    text.add(context->session->observer.kernel
                 ? "; the kernel is '%.200s'"
                 : "; the kernel launched last is '%.200s', run with --profile to see which one fails",
             run.lastKernel);
  fail(context, result == kOutOfMemory ? LEPTON_OUT_OF_MEMORY : LEPTON_INTERNAL, reason.message);
}

static bool succeeds(lepton_context *context, Result result, const char *what) {
  if (result != kSuccess)
    failWith(context, result, what);
  return result == kSuccess;
}

/// Has the GPU hold as many bytes as the host.
static bool reserve(lepton_context *context, Mirror &mirror, void *host, uint64_t bytes) {
  const Driver &driver = *stateOf(context->session).driver;
  RunState &run = stateOf(context);
  mirror.host = static_cast<char *>(host);
  mirror.bytes = bytes;
  if (bytes <= mirror.capacity)
    return true;
  driver.synchronize(run.stream);
  driver.free(mirror.device);
  mirror = {mirror.host, bytes, 0, 0};
  if (driver.allocate(&mirror.device, bytes) != kSuccess)
    return false;
  mirror.capacity = bytes;
  return true;
}

/// What stands for the entry where the run is a replay: the outputs get their places.
static int32_t replayEntry(lepton_context *context) {
  const lepton_model *model = context->session->model;
  for (uint32_t i = 0; i < model->output_count; ++i)
    lepton_rt_output(context, i, model->outputs[i].shape);
  return lepton_rt_status(context);
}

static lepton_entry_function begin(lepton_context *context) {
  SessionState &session = stateOf(context->session);
  const lepton_model *model = context->session->model;
  const Driver &driver = *session.driver;
  RunState &run = stateOf(context);
  Current current(session);
  run.lastKernel = nullptr;
  run.usedGraph = run.isCapturing = false;
  for (uint32_t i = 0; i < model->output_count; ++i)
    run.outputs[i].host = nullptr;
  for (uint32_t i = 0; i < model->input_count; ++i) {
    const lepton_tensor &input = context->inputs[i];
    if (!reserve(context, run.inputs[i], input.data, input.bytes)) {
      failWith(context, kOutOfMemory, "an input");
      return nullptr;
    }
    if (input.bytes &&
        !succeeds(context,
                  driver.copy(run.inputs[i].device, reinterpret_cast<Address>(input.data), input.bytes, run.stream),
                  "an input cannot be copied to the GPU"))
      return nullptr;
  }
  if (!succeeds(context, driver.setWords(run.fault, 0, 1, run.stream), "the GPU cannot be used"))
    return nullptr;
  const bool mayReplay = model->device_code->replayable && !context->session->observer.kernel;
  if (mayReplay && run.replay) {
    run.usedGraph = true;
    return replayEntry;
  }
  // The first run loads what the driver loads when it is first used, which cannot be recorded.
  if (mayReplay && run.runs > 0)
    run.isCapturing = driver.beginCapture(run.stream, kCaptureThreadLocal) == kSuccess;
  return model->entry;
}

/// The launches that were recorded become a graph, unless the run has failed, whose launches are not all.
static void endCapture(lepton_context *context) {
  const Driver &driver = *stateOf(context->session).driver;
  RunState &run = stateOf(context);
  Graph graph = nullptr;
  run.isCapturing = false;
  if (!succeeds(context, driver.endCapture(run.stream, &graph), "the model cannot be recorded"))
    return;
  if (lepton_rt_status(context) == LEPTON_OK)
    run.usedGraph = succeeds(context, driver.instantiate(&run.replay, graph, 0), "the model cannot be recorded");
  driver.destroyGraph(graph);
}

static void copyOutputs(lepton_context *context) {
  const lepton_model *model = context->session->model;
  const Driver &driver = *stateOf(context->session).driver;
  RunState &run = stateOf(context);
  for (uint32_t i = 0; i < model->output_count; ++i) {
    const Mirror &output = run.outputs[i];
    if (output.host && output.bytes &&
        !succeeds(context, driver.copy(reinterpret_cast<Address>(output.host), output.device, output.bytes, run.stream),
                  "an output cannot be copied from the GPU"))
      return;
  }
}

static void end(lepton_context *context) {
  SessionState &session = stateOf(context->session);
  const lepton_device_code &code = *context->session->model->device_code;
  const Driver &driver = *session.driver;
  RunState &run = stateOf(context);
  Current current(session);
  if (run.isCapturing)
    endCapture(context);
  uint32_t fault = 0;
  if (lepton_rt_status(context) == LEPTON_OK && run.usedGraph)
    succeeds(context, driver.launchGraph(run.replay, run.stream), "the model cannot be started");
  if (lepton_rt_status(context) == LEPTON_OK)
    copyOutputs(context);
  if (lepton_rt_status(context) == LEPTON_OK)
    succeeds(context, driver.copy(reinterpret_cast<Address>(&fault), run.fault, sizeof fault, run.stream),
             "the GPU cannot be used");
  // Also where the run has failed: nothing may write into memory that goes back.
  Result result = driver.synchronize(run.stream);
  if (lepton_rt_status(context) == LEPTON_OK)
    succeeds(context, result, "a kernel of the model failed");
  if (lepton_rt_status(context) == LEPTON_OK && fault)
    fail(context, LEPTON_INVALID_ARGUMENT,
         fault <= code.message_count ? code.messages[fault - 1]
                                     : "a kernel of the model reports a failure that it does not name");
  run.runs += lepton_rt_status(context) == LEPTON_OK;
  releaseAll(run);
}

static bool output(lepton_context *context, uint32_t i, void *data, uint64_t bytes) {
  Current current(stateOf(context->session));
  RunState &run = stateOf(context);
  return reserve(context, run.outputs[i], data, bytes);
}

static void settle(lepton_context *context) {
  SessionState &session = stateOf(context->session);
  Current current(session);
  succeeds(context, session.driver->synchronize(stateOf(context).stream), "a kernel of the model failed");
}

static void *allocateHere(lepton_context *context, uint64_t bytes) {
  Current current(stateOf(context->session));
  return allocate(context, bytes);
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

static bool findIn(const Mirror *mirrors, uint32_t count, const char *address, Address &found) {
  for (uint32_t i = 0; i < count; ++i) {
    const Mirror &mirror = mirrors[i];
    if (!mirror.host || address < mirror.host || address >= mirror.host + mirror.bytes)
      continue;
    found = mirror.device + static_cast<uint64_t>(address - mirror.host);
    return true;
  }
  return false;
}

/// Where the GPU has what the entry knows by this address.
static Address onDevice(lepton_context *context, const void *address) {
  const lepton_model *model = context->session->model;
  const SessionState &session = stateOf(context->session);
  const RunState &run = stateOf(context);
  Mirror weights = {const_cast<char *>(static_cast<const char *>(model->device_code->weights)), model->weights_bytes,
                    session.weights, 0};
  auto *place = static_cast<const char *>(address);
  Address found = reinterpret_cast<Address>(address);
  if (findIn(&weights, 1, place, found) || findIn(run.outputs, model->output_count, place, found))
    return found;
  findIn(run.inputs, model->input_count, place, found);
  return found;
}

} // namespace lepton::rt::cuda

using namespace lepton::rt;
using namespace lepton::rt::cuda;

extern "C" {

extern const lepton_device_runtime lepton_rt_cuda;
const lepton_device_runtime lepton_rt_cuda = {cuda::open, cuda::close,  cuda::prepare, cuda::dispose, cuda::begin,
                                              cuda::end,  allocateHere, cuda::release, cuda::output,  cuda::settle};

void lepton_rt_launch(lepton_context *context, const char *name, const char *kinds, int64_t blocks, int64_t threads,
                      void **values) {
  constexpr int64_t kMostBlocks = 0x7fffffff;
  SessionState &session = stateOf(context->session);
  RunState &run = stateOf(context);
  if (blocks == 0 || lepton_rt_status(context) != LEPTON_OK)
    return;
  lepton_rt_kernel(context, name);
  run.lastKernel = name;
  if (blocks > kMostBlocks) {
    lepton_error reason;
    Text(reason).add("kernel '%.200s' would need %lld blocks of threads, more than a GPU has; use smaller inputs", name,
                     static_cast<long long>(blocks));
    return fail(context, LEPTON_INVALID_ARGUMENT, reason.message);
  }
  Current current(session);
  Function function = findKernel(context, name);
  if (!function)
    return;
  for (uint32_t i = 0; kinds[i]; ++i)
    if (kinds[i] == 'a') {
      auto *address = static_cast<void **>(values[i]);
      *address = reinterpret_cast<void *>(onDevice(context, *address));
    }
  succeeds(
      context,
      session.driver->launch(function, unsigned(blocks), 1, 1, unsigned(threads), 1, 1, 0, run.stream, values, nullptr),
      "a kernel cannot be launched");
}

void lepton_rt_send(lepton_context *context, void *address, const void *value, int64_t bytes) {
  if (lepton_rt_status(context) != LEPTON_OK)
    return;
  SessionState &session = stateOf(context->session);
  const RunState &run = stateOf(context);
  Current current(session);
  // The driver would read memory of the host later, and of a recorded run each time; what it fills memory with it keeps.
  const Address to = onDevice(context, address);
  Result result = kSuccess;
  if (bytes % sizeof(unsigned) == 0) {
    auto *words = static_cast<const unsigned *>(value);
    for (uint64_t i = 0; i < bytes / sizeof(unsigned) && result == kSuccess; ++i)
      result = session.driver->setWords(to + i * sizeof(unsigned), words[i], 1, run.stream);
  } else {
    auto *each = static_cast<const unsigned char *>(value);
    for (int64_t i = 0; i < bytes && result == kSuccess; ++i)
      result = session.driver->setBytes(to + static_cast<uint64_t>(i), each[i], 1, run.stream);
  }
  succeeds(context, result, "a number cannot be sent to the GPU");
}

void lepton_rt_copy(lepton_context *context, void *to, const void *from, int64_t bytes) {
  if (bytes == 0 || lepton_rt_status(context) != LEPTON_OK)
    return;
  SessionState &session = stateOf(context->session);
  Current current(session);
  succeeds(context,
           session.driver->copy(onDevice(context, to), onDevice(context, from), static_cast<uint64_t>(bytes),
                                stateOf(context).stream),
           "a copy on the GPU cannot be started");
}

void *lepton_rt_fault(lepton_context *context) { return reinterpret_cast<void *>(stateOf(context).fault); }

const void *lepton_rt_fetch(lepton_context *context, const void *address, int64_t bytes) {
  const lepton_model *model = context->session->model;
  SessionState &session = stateOf(context->session);
  RunState &run = stateOf(context);
  auto *weights = static_cast<const char *>(model->device_code->weights), *place = static_cast<const char *>(address);
  if (place >= weights && place < weights + model->weights_bytes)
    return address;
  auto size = static_cast<uint64_t>(bytes);
  if (size > run.fetchedBytes) {
    free(run.fetched);
    run.fetched = malloc(size);
    run.fetchedBytes = run.fetched ? size : 0;
  }
  if (!run.fetched)
    fail(context, LEPTON_OUT_OF_MEMORY, "out of memory: a value cannot be fetched from the GPU");
  if (lepton_rt_status(context) == LEPTON_OK) {
    Current current(session);
    if (succeeds(
            context,
            session.driver->copy(reinterpret_cast<Address>(run.fetched), onDevice(context, address), size, run.stream),
            "a value cannot be fetched from the GPU"))
      succeeds(context, session.driver->synchronize(run.stream), "a kernel of the model failed");
  }
  if (lepton_rt_status(context) != LEPTON_OK)
    lepton_rt_stop(context, ""); // the reason is known already
  return run.fetched;
}

} // extern "C"
