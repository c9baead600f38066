//===- device.cpp - One run of a model on a GPU -------------------------------===//
//
// The entry runs on the CPU and launches kernels. Inputs are copied to the GPU before, outputs from there afterwards. A model that does the same in every run is
// recorded in its second one, which later runs replay without the entry.
//
//===----------------------------------------------------------------------===//
#include "device.h"
#include "gpu.h"
#include "text.h"
#include <stdlib.h>

namespace lepton::rt {

using Number = unsigned long long;

void failOnDevice(lepton_context *context, lepton_status status, const char *what, const char *said, const char *code) {
  const DeviceRun &run = runOf(context);
  lepton_error reason;
  Text text(reason);
  text.add("%.200s: the driver of %s says '%s' (%s)", what, sessionOf(context).name, said, code);
  if (run.lastKernel && status != LEPTON_OUT_OF_MEMORY)
    text.add(context->session->observer.kernel
                 ? "; the kernel is '%.200s'"
                 : "; the kernel launched last is '%.200s', run with --profile to see which one fails",
             run.lastKernel);
  fail(context, status, reason.message);
}

static bool hasFailed(lepton_context *context) { return lepton_rt_status(context) != LEPTON_OK; }

/// What stands for the entry where the run is a replay: the outputs get their places.
static int32_t replayEntry(lepton_context *context) {
  const lepton_model *model = context->session->model;
  for (uint32_t i = 0; i < model->output_count; ++i)
    lepton_rt_output(context, i, model->outputs[i].shape);
  return lepton_rt_status(context);
}

static bool uploadInputs(lepton_context *context) {
  const lepton_model *model = context->session->model;
  for (uint32_t i = 0; i < model->input_count; ++i) {
    const lepton_tensor &input = context->inputs[i];
    Mirror &mirror = runOf(context).inputs[i];
    if (!reserveMirror(context, mirror, input.data, input.bytes)) {
      lepton_error reason;
      Text(reason).add("out of memory: input '%.100s' needs %llu bytes of %s", model->inputs[i].name,
                       Number(input.bytes), sessionOf(context).name);
      fail(context, LEPTON_OUT_OF_MEMORY, reason.message);
      return false;
    }
    if (input.bytes && !gpuOf(context).upload(context, mirror.device, input.data, input.bytes))
      return false;
  }
  return true;
}

lepton_entry_function beginOnDevice(lepton_context *context) {
  const lepton_model *model = context->session->model;
  const Gpu &gpu = gpuOf(context);
  DeviceRun &run = runOf(context);
  run.lastKernel = nullptr;
  run.isReplay = run.isRecording = false;
  for (uint32_t i = 0; i < model->output_count; ++i)
    run.outputs[i].host = nullptr;
  const uint32_t none = 0;
  if (!uploadInputs(context) || !gpu.write(context, run.fault, &none, sizeof none))
    return nullptr;
  const bool mayReplay = model->device_code->replayable && !context->session->observer.kernel;
  if (mayReplay && run.isRecorded) {
    run.isReplay = true;
    return replayEntry;
  }
  // The first run loads what the driver loads when it is first used, which cannot be recorded.
  if (mayReplay && run.runs > 0)
    run.isRecording = gpu.beginRecording(context);
  return model->entry;
}

static bool downloadOutputs(lepton_context *context) {
  const lepton_model *model = context->session->model;
  for (uint32_t i = 0; i < model->output_count; ++i) {
    const Mirror &output = runOf(context).outputs[i];
    if (output.host && output.bytes && !gpuOf(context).download(context, output.host, output.device, output.bytes))
      return false;
  }
  return true;
}

void endOnDevice(lepton_context *context) {
  const lepton_device_code &code = *context->session->model->device_code;
  const Gpu &gpu = gpuOf(context);
  DeviceRun &run = runOf(context);
  if (run.isRecording) {
    run.isRecording = false;
    run.isRecorded = run.isReplay = gpu.endRecording(context) && !hasFailed(context);
  }
  uint32_t fault = 0;
  if (!hasFailed(context) && (!run.isReplay || gpu.replay(context)) && downloadOutputs(context))
    gpu.download(context, &fault, run.fault, sizeof fault);
  // Also where the run has failed: nothing may write into memory that goes back.
  gpu.wait(context);
  if (!hasFailed(context) && fault)
    fail(context, LEPTON_INVALID_ARGUMENT,
         fault <= code.message_count ? code.messages[fault - 1]
                                     : "a kernel of the model reports a failure that it does not name");
  run.runs += !hasFailed(context);
  releaseBlocks(run);
}

bool placeOutput(lepton_context *context, uint32_t i, void *data, uint64_t bytes) {
  return reserveMirror(context, runOf(context).outputs[i], data, bytes);
}

void settleDevice(lepton_context *context) { gpuOf(context).wait(context); }

/// Whether it was copied to where the run keeps what was fetched.
static bool fetch(lepton_context *context, const void *address, uint64_t bytes) {
  DeviceRun &run = runOf(context);
  if (bytes > run.fetchedBytes) {
    free(run.fetched);
    run.fetched = malloc(bytes);
    run.fetchedBytes = run.fetched ? bytes : 0;
  }
  if (!run.fetched)
    fail(context, LEPTON_OUT_OF_MEMORY, "out of memory: a value cannot be fetched from the GPU");
  return !hasFailed(context) && gpuOf(context).download(context, run.fetched, onDevice(context, address), bytes) &&
         gpuOf(context).wait(context);
}

} // namespace lepton::rt

using namespace lepton::rt;

extern "C" {

void lepton_rt_launch(lepton_context *context, const char *name, const char *kinds, int64_t blocks, int64_t threads,
                      void **values) {
  constexpr int64_t kMostBlocks = 0x7fffffff;
  if (blocks == 0 || hasFailed(context))
    return;
  lepton_rt_kernel(context, name);
  runOf(context).lastKernel = name;
  if (blocks > kMostBlocks) {
    lepton_error reason;
    Text(reason).add("kernel '%.200s' would need %lld blocks of threads, more than a GPU has; use smaller inputs", name,
                     static_cast<long long>(blocks));
    return fail(context, LEPTON_INVALID_ARGUMENT, reason.message);
  }
  for (uint32_t i = 0; kinds[i]; ++i)
    if (kinds[i] == 'a') {
      auto *address = static_cast<void **>(values[i]);
      *address = onDevice(context, *address);
    }
  gpuOf(context).launch(context, name, kinds, blocks, threads, values);
}

void lepton_rt_send(lepton_context *context, void *address, const void *value, int64_t bytes) {
  if (!hasFailed(context))
    gpuOf(context).write(context, onDevice(context, address), value, static_cast<uint64_t>(bytes));
}

void lepton_rt_copy(lepton_context *context, void *to, const void *from, int64_t bytes) {
  if (bytes != 0 && !hasFailed(context))
    gpuOf(context).copy(context, onDevice(context, to), onDevice(context, from), static_cast<uint64_t>(bytes));
}

void *lepton_rt_fault(lepton_context *context) { return runOf(context).fault; }

const void *lepton_rt_fetch(lepton_context *context, const void *address, int64_t bytes) {
  const lepton_model *model = context->session->model;
  auto *weights = static_cast<const char *>(model->device_code->weights), *place = static_cast<const char *>(address);
  if (place >= weights && place < weights + model->weights_bytes)
    return address;
  if (!fetch(context, address, static_cast<uint64_t>(bytes)))
    lepton_rt_stop(context, ""); // the reason is known already
  return runOf(context).fetched;
}

} // extern "C"
