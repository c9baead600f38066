//===- calls.cpp - What compiled code calls -------------------------------------------===//
#include "context.h"
#include "text.h"
#include <stdlib.h>
#include <string.h>

using namespace lepton::rt;

static void failWith(lepton_context *context, lepton_status status, const char *message) {
  context->messageLock.lock();
  if (context->status.load() == LEPTON_OK) {
    Text(context->message, sizeof context->message).add("%s", message);
    context->status.store(status);
  }
  context->messageLock.unlock();
}

/// Memory was refused. The caller's thread leaves the run; a worker, which cannot, gets pages that the kernel maps lazily, or none and ends the process in words.
static void *exhausted(lepton_context *context, uint64_t bytes) {
  char message[128];
  Text(message, sizeof message).add("no memory: %llu bytes more were refused", static_cast<unsigned long long>(bytes));
  failWith(context, LEPTON_OUT_OF_MEMORY, message);
  if (pthread_equal(pthread_self(), context->caller))
    longjmp(context->exhausted, 1);
  return nullptr;
}

extern "C" {

void *lepton_rt_input(lepton_context *context, int64_t i) { return context->inputs[i].data; }
const int64_t *lepton_rt_input_shape(lepton_context *context, int64_t i) { return context->inputs[i].shape; }
void *lepton_rt_arena(lepton_context *context) { return context->arena; }
int32_t lepton_rt_status(lepton_context *context) { return static_cast<int32_t>(context->status.load()); }
void lepton_rt_fail(lepton_context *context, const char *message) { failWith(context, LEPTON_INVALID_ARGUMENT, message); }
void lepton_rt_free(lepton_context *context, void *memory) { context->blocks.release(memory); }

void *lepton_rt_alloc(lepton_context *context, int64_t bytes) {
  void *memory = bytes < 0 ? nullptr : context->blocks.allocate(static_cast<uint64_t>(bytes));
  return memory ? memory : exhausted(context, static_cast<uint64_t>(bytes));
}

void lepton_rt_parallel_for(lepton_context *context, int64_t n, int64_t grain, lepton_rt_body body, void *args) {
  context->session->pool.run(context, n, grain, body, args);
}

void *lepton_rt_output(lepton_context *context, int64_t i, const int64_t *shape) {
  const lepton_value_info &info = context->session->model->outputs[i];
  lepton_tensor &output = context->outputs[i];
  uint64_t bytes = 0;
  if (!tensorBytes(info.dtype, shape, info.rank, bytes))
    return exhausted(context, UINT64_MAX);
  output.dtype = info.dtype;
  output.rank = info.rank;
  if (output.data) {
    bool fits = output.bytes == bytes;
    for (uint32_t d = 0; fits && output.shape && d < info.rank; ++d)
      fits = output.shape[d] == shape[d];
    if (fits)
      return output.data;
    char message[512];
    Text(message, sizeof message)
        .add("output '%s' has the shape ", info.name)
        .addShape(shape, info.rank)
        .add(" (%llu bytes), but the caller's buffer has %llu bytes or another shape", static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(output.bytes));
    failWith(context, LEPTON_INVALID_ARGUMENT, message);
    return lepton_rt_alloc(context, static_cast<int64_t>(bytes));
  }
  auto *sizes = static_cast<int64_t *>(malloc((info.rank + 1) * sizeof(int64_t)));
  void *memory = nullptr;
  if (!sizes || posix_memalign(&memory, kAlignment, alignUp(bytes + 1, kAlignment)) != 0) {
    free(sizes);
    return exhausted(context, bytes);
  }
  if (info.rank)
    memcpy(sizes, shape, info.rank * sizeof(int64_t));
  output.data = memory;
  output.shape = sizes;
  output.bytes = bytes;
  context->ownsOutput[i] = true;
  return memory;
}

} // extern "C"
