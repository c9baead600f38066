//===- session.cpp - Sessions, and the run of a model ------------------------------===//
#include "context.h"
#include "features.h"
#include "text.h"
#include <stdlib.h>
#include <string.h>

using namespace lepton::rt;

static lepton_status report(lepton_error *error, lepton_status status) {
  if (error && status == LEPTON_OK)
    error->message[0] = '\0';
  return status;
}

static Text textOf(lepton_error *error, lepton_error &spare) { return Text(error ? *error : spare); }

//===----------------------------------------------------------------------===//
// Contexts
//===----------------------------------------------------------------------===//

static void destroyContext(const lepton_model *model, lepton_context *context) {
  context->blocks.destroy();
  unmapPages(context->arena, model->arena_bytes);
  free(context->ownsOutput);
  free(context);
}

static lepton_context *makeContext(lepton_session *session) {
  const lepton_model *model = session->model;
  void *memory = nullptr;
  if (posix_memalign(&memory, 64, sizeof(lepton_context)) != 0)
    return nullptr;
  memset(memory, 0, sizeof(lepton_context));
  auto *context = static_cast<lepton_context *>(memory);
  context->session = session;
  context->ownsOutput = static_cast<bool *>(calloc(model->output_count + 1, sizeof(bool)));
  if (model->arena_bytes)
    context->arena = mapPages(model->arena_bytes);
  if (!context->ownsOutput || (model->arena_bytes && !context->arena)) {
    destroyContext(model, context);
    return nullptr;
  }
  return context;
}

static lepton_context *takeContext(lepton_session *session) {
  session->lock.lock();
  lepton_context *context = session->idle;
  if (context)
    session->idle = context->next;
  session->lock.unlock();
  return context ? context : makeContext(session);
}

static void giveBack(lepton_session *session, lepton_context *context) {
  context->blocks.reset();
  session->lock.lock();
  context->next = session->idle;
  session->idle = context;
  session->lock.unlock();
}

/// In a forked child: no workers, and nobody holds the lock.
static void adopt(void *argument) {
  auto *session = static_cast<lepton_session *>(argument);
  session->pool.forget();
  memset(static_cast<void *>(&session->lock), 0, sizeof session->lock);
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// The size that an earlier dimension of the same name has; -1 where this is the first.
static int64_t sizeOfName(const lepton_model *model, const lepton_tensor *inputs, uint32_t input, uint32_t dim) {
  const char *name = model->inputs[input].dim_names ? model->inputs[input].dim_names[dim] : nullptr;
  if (!name || !*name)
    return -1;
  for (uint32_t i = 0; i <= input; ++i) {
    const lepton_value_info &info = model->inputs[i];
    for (uint32_t d = 0; d < info.rank && (i < input || d < dim); ++d)
      if (info.dim_names && info.dim_names[d] && strcmp(info.dim_names[d], name) == 0)
        return inputs[i].shape[d];
  }
  return -1;
}

static bool checkInput(const lepton_model *model, const lepton_tensor *inputs, uint32_t i, Text text) {
  const lepton_value_info &info = model->inputs[i];
  const lepton_tensor &tensor = inputs[i];
  auto start = [&]() -> Text & { return text.add("input '%s' ", info.name); };
  if (tensor.dtype != info.dtype) {
    start().add("has the type %s, expected ", dtypeName(tensor.dtype)).addDeclared(info).add("; convert it");
    return false;
  }
  bool fits = tensor.rank == info.rank && (tensor.rank == 0 || tensor.shape);
  for (uint32_t d = 0; fits && d < info.rank; ++d)
    fits = tensor.shape[d] >= 0 && (info.shape[d] < 0 || tensor.shape[d] == info.shape[d]);
  if (!fits) {
    start().add("has the shape ").addShape(tensor.shape, tensor.shape ? tensor.rank : 0).add(", expected ").addDeclared(info);
    return false;
  }
  for (uint32_t d = 0; d < info.rank; ++d) {
    int64_t earlier = sizeOfName(model, inputs, i, d);
    if (earlier >= 0 && earlier != tensor.shape[d]) {
      start().add("has size %lld in dimension %u, which is named '%s' and is %lld elsewhere; give equal sizes",
                  static_cast<long long>(tensor.shape[d]), d, info.dim_names[d], static_cast<long long>(earlier));
      return false;
    }
  }
  uint64_t bytes = 0;
  if (!tensorBytes(tensor.dtype, tensor.shape, tensor.rank, bytes) || tensor.bytes != bytes || (bytes && !tensor.data)) {
    start().add("is %llu bytes of memory, but its shape takes %llu", static_cast<unsigned long long>(tensor.bytes), static_cast<unsigned long long>(bytes));
    return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// The interface
//===----------------------------------------------------------------------===//

extern "C" {

__attribute__((visibility("default"))) lepton_status lepton_session_create(const lepton_model *model, const lepton_options *options,
                                                                           lepton_session **session, lepton_error *error) {
  lepton_error spare;
  *session = nullptr;
  if (model->abi_version != LEPTON_ABI_VERSION || model->struct_bytes < sizeof(lepton_model)) {
    textOf(error, spare).add("the model was compiled for version %u of the runtime interface, this runtime has version %u; compile it again",
                             model->abi_version, LEPTON_ABI_VERSION);
    return LEPTON_INCOMPATIBLE;
  }
  char missing[64];
  if (model->features && !cpuHasFeatures(model->features, missing, sizeof missing)) {
    textOf(error, spare).add("the model was compiled for %s, but this CPU lacks '%s'; compile it with an older --cpu", model->target, missing);
    return LEPTON_INCOMPATIBLE;
  }
  void *memory = nullptr;
  if (posix_memalign(&memory, 64, sizeof(lepton_session)) != 0) {
    textOf(error, spare).add("no memory for a session");
    return LEPTON_OUT_OF_MEMORY;
  }
  memset(memory, 0, sizeof(lepton_session));
  auto *made = static_cast<lepton_session *>(memory);
  made->model = model;
  if (!made->guard.create()) {
    free(made);
    textOf(error, spare).add("no memory for a session");
    return LEPTON_OUT_OF_MEMORY;
  }
  made->pool.create(options && options->threads ? options->threads : model->default_threads);
  *session = made;
  return report(error, LEPTON_OK);
}

__attribute__((visibility("default"))) void lepton_session_destroy(lepton_session *session) {
  if (!session)
    return;
  session->guard.enter(adopt, session);
  session->pool.destroy();
  while (lepton_context *context = session->idle) {
    session->idle = context->next;
    destroyContext(session->model, context);
  }
  session->guard.destroy();
  free(session);
}

__attribute__((visibility("default"))) void lepton_tensor_release(lepton_tensor *tensor) {
  free(tensor->data);
  free(const_cast<int64_t *>(tensor->shape));
  tensor->data = nullptr;
  tensor->shape = nullptr;
}

__attribute__((visibility("default"))) lepton_status lepton_session_run(lepton_session *session, const lepton_tensor *inputs, lepton_tensor *outputs,
                                                                        lepton_error *error) {
  const lepton_model *model = session->model;
  lepton_error spare;
  session->guard.enter(adopt, session);
  for (uint32_t i = 0; i < model->input_count; ++i)
    if (!checkInput(model, inputs, i, textOf(error, spare)))
      return LEPTON_INVALID_ARGUMENT;
  lepton_context *context = takeContext(session);
  if (!context) {
    textOf(error, spare).add("no memory for the workspace of %llu bytes", static_cast<unsigned long long>(model->arena_bytes));
    return LEPTON_OUT_OF_MEMORY;
  }
  context->inputs = inputs;
  context->outputs = outputs;
  context->status.store(LEPTON_OK);
  context->message[0] = '\0';
  context->caller = pthread_self();
  memset(context->ownsOutput, 0, model->output_count);
  if (setjmp(context->exhausted) == 0) {
    int32_t status = model->entry(context);
    if (status != LEPTON_OK && context->status.load() == LEPTON_OK)
      context->status.store(static_cast<uint32_t>(status));
  }
  auto status = static_cast<lepton_status>(context->status.load());
  if (status != LEPTON_OK) {
    textOf(error, spare).add("%s", context->message);
    for (uint32_t i = 0; i < model->output_count; ++i)
      if (context->ownsOutput[i])
        lepton_tensor_release(&outputs[i]);
  }
  giveBack(session, context);
  return report(error, status);
}

} // extern "C"
