//===- calls.cpp - What compiled code calls ---------------------------------===//
#include "context.h"
#include "device.h"
#include "text.h"
#include <stdlib.h>
#include <string.h>

namespace lepton::rt {

using Number = unsigned long long;

void fail(lepton_context *context, lepton_status status, const char *message) {
  // The message is read when the run has ended, so only those who write it could meet.
  if (context->status.compareExchange(LEPTON_OK, status))
    Text(context->message, sizeof context->message).add("%s", message);
}

/// Ends the run.
[[noreturn]] static void abandon(lepton_context *context) {
  context->abandoned.store(1);
  context->session->pool.leave(context);
}

[[noreturn]] static void runOutOfMemory(lepton_context *context, const char *what, uint64_t bytes) {
  char message[512];
  Text(message, sizeof message)
      .add("out of memory: %s needs %llu bytes beside the %llu that this run holds; use smaller inputs, or run fewer "
           "at once",
           what, Number(bytes), Number(context->blocks.bytesHeld()));
  fail(context, LEPTON_OUT_OF_MEMORY, message);
  abandon(context);
}

/// Memory of those who run the kernels; null without any.
static void *allocateBlock(lepton_context *context, uint64_t bytes) {
  const lepton_device_runtime *device = deviceOf(context->session);
  return device ? device->allocate(context, bytes) : context->blocks.allocate(bytes);
}

void *keep(lepton_context *context, uint64_t bytes) {
  constexpr uint64_t kSmall = 1024, kChunk = 64 * 1024;
  bytes = alignUp(bytes, 8);
  if (bytes > kSmall)
    return lepton_rt_alloc(context, static_cast<int64_t>(bytes));
  if (bytes > context->keptLeft) {
    context->kept = static_cast<char *>(lepton_rt_alloc(context, kChunk));
    context->keptLeft = kChunk;
  }
  void *memory = context->kept;
  context->kept += bytes;
  context->keptLeft -= bytes;
  return memory;
}

void discardOutput(lepton_context *context, uint32_t i) {
  if (context->outputStates[i] != Allocated)
    return;
  free(context->outputs[i].data);
  context->outputs[i].data = nullptr;
  context->outputs[i].shape = nullptr;
  context->outputStates[i] = NotProduced;
}

/// One block for data and, behind it, shape: whoever has the data can release both.
static bool allocateOutput(lepton_tensor &output, const int64_t *shape, uint32_t rank, uint64_t bytes) {
  uint64_t dataBytes = alignUp(bytes, kAlignment);
  uint64_t shapeBytes = alignUp(rank * sizeof(int64_t) + 1, kAlignment);
  void *memory = nullptr;
  if (posix_memalign(&memory, kAlignment, dataBytes + shapeBytes) != 0)
    return false;
  output.data = memory;
  output.shape = nullptr;
  if (rank)
    output.shape =
        static_cast<int64_t *>(memcpy(static_cast<char *>(memory) + dataBytes, shape, rank * sizeof(int64_t)));
  return true;
}

/// A tensor of strings that the run fills.
static void *makeStrings(lepton_context *context, uint32_t i, const int64_t *shape, uint64_t bytes) {
  uint32_t rank = context->session->model->outputs[i].rank;
  auto *tensor = static_cast<lepton_tensor *>(keep(context, sizeof(lepton_tensor) + rank * sizeof(int64_t)));
  auto *sizes = static_cast<int64_t *>(memcpy(tensor + 1, shape, rank * sizeof(int64_t)));
  *tensor = {keep(context, bytes), sizes, LEPTON_STRING, rank, bytes};
  context->handles[i] = tensor;
  return tensor->data;
}

} // namespace lepton::rt

using namespace lepton::rt;

extern "C" {

void *lepton_rt_input(lepton_context *context, int64_t i) {
  if (!context->session->model->inputs[i].element)
    return context->inputs[i].data;
  auto **handle = static_cast<const lepton_tensor **>(keep(context, sizeof(lepton_tensor *)));
  *handle = &context->inputs[i];
  return handle;
}

const int64_t *lepton_rt_input_shape(lepton_context *context, int64_t i) { return context->inputs[i].shape; }

void *lepton_rt_output(lepton_context *context, int64_t index, const int64_t *shape) {
  auto i = static_cast<uint32_t>(index);
  const lepton_value_info &info = context->session->model->outputs[i];
  lepton_tensor &output = context->outputs[i];
  discardOutput(context, i);
  if (info.element) {
    context->outputStates[i] = Handle;
    return &context->handles[i];
  }
  lepton_error reason;
  uint64_t bytes;
  if (!tensorBytes(info.dtype, shape, info.rank, bytes) || bytes > kMaxBytes) {
    Text(reason).add("output '%.100s'", info.name).addImpossible(shape, info.rank);
    fail(context, LEPTON_INVALID_ARGUMENT, reason.message);
    abandon(context);
  }
  if (info.dtype == LEPTON_STRING) {
    context->outputStates[i] = Handle;
    return makeStrings(context, i, shape, bytes);
  }
  if (output.data && !checkOutput(info, output, shape, bytes, reason)) {
    fail(context, LEPTON_INVALID_ARGUMENT, reason.message);
    return lepton_rt_alloc(context, static_cast<int64_t>(bytes));
  }
  context->outputStates[i] = InCallersMemory;
  if (!output.data) {
    if (!allocateOutput(output, shape, info.rank, bytes)) {
      Text(reason).add("output '%.100s'", info.name);
      runOutOfMemory(context, reason.message, bytes);
    }
    context->outputStates[i] = Allocated;
  }
  output.dtype = info.dtype;
  output.rank = info.rank;
  output.bytes = bytes;
  const lepton_device_runtime *device = deviceOf(context->session);
  if (device && !device->output(context, i, output.data, bytes)) {
    Text(reason).add("output '%.100s' on the GPU", info.name);
    runOutOfMemory(context, reason.message, bytes);
  }
  return output.data;
}

void *lepton_rt_arena(lepton_context *context) { return context->arena; }

void *lepton_rt_alloc(lepton_context *context, int64_t bytes) {
  void *memory = allocateBlock(context, static_cast<uint64_t>(bytes));
  if (__builtin_expect(!memory, 0))
    runOutOfMemory(context, "an intermediate result", static_cast<uint64_t>(bytes));
  return memory;
}

void *lepton_rt_alloc_tensor(lepton_context *context, const char *node, const int64_t *shape, int64_t rank,
                             int64_t elementBytes) {
  uint64_t bytes;
  lepton_error what;
  if (__builtin_expect(!denseBytes(static_cast<uint32_t>(elementBytes), shape, static_cast<uint32_t>(rank), bytes) ||
                           bytes > kMaxBytes,
                       0)) {
    Text(what).add("node '%.100s': a result", node).addImpossible(shape, static_cast<uint32_t>(rank));
    fail(context, LEPTON_INVALID_ARGUMENT, what.message);
    abandon(context);
  }
  void *memory = allocateBlock(context, bytes);
  if (__builtin_expect(!memory, 0)) {
    Text(what).add("node '%.100s': a result of shape ", node).addShape(shape, static_cast<uint32_t>(rank));
    runOutOfMemory(context, what.message, bytes);
  }
  return memory;
}

void lepton_rt_free(lepton_context *context, void *memory) {
  if (const lepton_device_runtime *device = deviceOf(context->session))
    device->release(context, memory);
  else
    context->blocks.release(memory);
}

void lepton_rt_collect(lepton_context *context, void **slots, int64_t count, void *const *kept, int64_t keptCount) {
  int64_t held = 0;
  for (int64_t i = 0; i < count; ++i) {
    void *memory = slots[i];
    if (!memory)
      continue;
    slots[i] = nullptr;
    bool isKept = false;
    for (int64_t k = 0; k < keptCount && !isKept; ++k)
      isKept = kept[k] == memory;
    if (isKept)
      slots[held++] = memory;
    else
      lepton_rt_free(context, memory);
  }
}

void lepton_rt_parallel_for(lepton_context *context, int64_t n, int64_t grain, lepton_rt_body body, void *args) {
  context->session->pool.run(context, n, grain, body, args);
}

void lepton_rt_kernel(lepton_context *context, const char *name) {
  const lepton_observer &observer = context->session->observer;
  if (!observer.kernel)
    return;
  if (const lepton_device_runtime *device = deviceOf(context->session))
    device->settle(context);
  observer.kernel(observer.data, name);
}

void lepton_rt_fail(lepton_context *context, const char *message) { fail(context, LEPTON_INVALID_ARGUMENT, message); }

void lepton_rt_stop(lepton_context *context, const char *message) {
  fail(context, LEPTON_INVALID_ARGUMENT, message);
  abandon(context);
}

int32_t lepton_rt_status(lepton_context *context) { return static_cast<int32_t>(context->status.load()); }

} // extern "C"
