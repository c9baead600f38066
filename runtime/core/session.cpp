//===- session.cpp - Sessions, and the run of a model -----------------------===//
//
// The functions that callers see are exported, but protected: several artifacts with a runtime each live in one
// process, and none must end up in the functions of another.
//
//===----------------------------------------------------------------------===//
#include "context.h"
#include "cpu_features.h"
#include "device.h"
#include "text.h"
#include "weights.h"
#include <stdlib.h>
#include <string.h>

#define LEPTON_EXPORT __attribute__((visibility("protected")))

namespace lepton::rt {

using Number = unsigned long long;

static void *allocateZeroed(uint64_t bytes) {
  void *memory = nullptr;
  return posix_memalign(&memory, kAlignment, bytes) == 0 ? memset(memory, 0, bytes) : nullptr;
}

//===----------------------------------------------------------------------===//
// Contexts
//===----------------------------------------------------------------------===//

const lepton_device_runtime *deviceOf(const lepton_session *session) {
  const lepton_device_code *code = session->model->device_code;
  return code ? code->runtime : nullptr;
}

static void destroyContext(lepton_context *context) {
  if (!context)
    return;
  context->blocks.destroy();
  if (const lepton_device_runtime *device = deviceOf(context->session))
    device->dispose(context);
  else
    unmapPages(context->arena, context->session->model->arena_bytes);
  free(context->outputStates);
  free(context->handles);
  free(context);
}

static lepton_context *makeContext(lepton_session *session) {
  const lepton_model *model = session->model;
  auto *context = static_cast<lepton_context *>(allocateZeroed(sizeof(lepton_context)));
  if (!context)
    return nullptr;
  context->session = session;
  context->outputStates = static_cast<OutputState *>(calloc(model->output_count + 1, sizeof(OutputState)));
  context->handles =
      static_cast<const lepton_tensor **>(calloc(model->output_count + 1, sizeof(const lepton_tensor *)));
  const lepton_device_runtime *device = deviceOf(session);
  const bool hasDevice = !device || device->prepare(context);
  if (!device && model->arena_bytes)
    context->arena = mapPages(model->arena_bytes);
  if (!context->outputStates || !context->handles || !hasDevice || (!context->arena && model->arena_bytes)) {
    destroyContext(context);
    return nullptr;
  }
  session->lock.lock();
  context->madeBefore = session->made;
  session->made = context;
  session->lock.unlock();
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

static void giveBack(lepton_context *context) {
  lepton_session *session = context->session;
  context->blocks.reset();
  session->lock.lock();
  context->next = session->idle;
  session->idle = context;
  session->lock.unlock();
}

/// In a forked child: there are no workers, and whoever held the lock is gone and left the list half changed.
static void adopt(void *argument) {
  auto *session = static_cast<lepton_session *>(argument);
  session->pool.forgetWorkers();
  if (!session->lock.tryLock())
    session->idle = session->made = nullptr;
  session->lock.unlock();
}

//===----------------------------------------------------------------------===//
// Sessions
//===----------------------------------------------------------------------===//

/// Whether this runtime and this CPU can run the model.
static lepton_status checkModel(const lepton_model *model, lepton_error &error) {
  if (model->abi_version != LEPTON_ABI_VERSION || model->struct_bytes < sizeof(lepton_model)) {
    Text(error).add(
        "the model was compiled for version %u of the interface (%u bytes), but this runtime has version %u (%u "
        "bytes); compile it again",
        model->abi_version, model->struct_bytes, LEPTON_ABI_VERSION, unsigned(sizeof(lepton_model)));
    return LEPTON_INCOMPATIBLE;
  }
  char missing[64];
  if (!cpuHasFeatures(model->features, missing, sizeof missing)) {
    Text(error).add(
        "model '%.100s' was compiled for %.100s, but this CPU has no '%s'; compile it for an older CPU (--cpu)",
        model->name, model->target, missing);
    return LEPTON_INCOMPATIBLE;
  }
  for (uint32_t i = 0; i < model->input_count + model->output_count; ++i) {
    bool isInput = i < model->input_count;
    const lepton_value_info &info = isInput ? model->inputs[i] : model->outputs[i - model->input_count];
    if (dtypeBytes(info.dtype))
      continue;
    Text(error).add(
        "%s '%.100s' of model '%.100s' is a tensor of type %s, which this runtime does not know; use a newer one",
        isInput ? "input" : "output", info.name, model->name, dtypeName(info.dtype));
    return LEPTON_INCOMPATIBLE;
  }
  return LEPTON_OK;
}

static void destroySession(lepton_session *session) {
  session->pool.destroy();
  while (lepton_context *context = session->made) {
    session->made = context->madeBefore;
    destroyContext(context);
  }
  if (const lepton_device_runtime *device = deviceOf(session))
    device->close(session);
  closeWeights(session);
  session->guard.destroy();
  free(session->firstOfName);
  free(session);
}

static lepton_status createSession(const lepton_model *model, const lepton_options *options, lepton_session **session,
                                   lepton_error &error) {
  if (!model || !session) {
    Text(error).add("the %s is NULL", model ? "place for the session" : "model");
    return LEPTON_INVALID_ARGUMENT;
  }
  *session = nullptr;
  constexpr unsigned leastBytes = offsetof(lepton_options, pool); // those of the first version
  if (options && options->struct_bytes < leastBytes) {
    Text(error).add("the options have %u bytes, expected at least %u; set struct_bytes to sizeof(lepton_options)",
                    options->struct_bytes, leastBytes);
    return LEPTON_INVALID_ARGUMENT;
  }
  lepton_options all = {};
  if (options)
    memcpy(&all, options, options->struct_bytes < sizeof all ? options->struct_bytes : sizeof all);
  if (all.pool && !all.pool->run) {
    Text(error).add("the pool in the options has no function 'run'");
    return LEPTON_INVALID_ARGUMENT;
  }
  if (lepton_status status = checkModel(model, error))
    return status;
  auto *made = static_cast<lepton_session *>(allocateZeroed(sizeof(lepton_session)));
  if (made)
    made->model = model;
  if (!made || !indexDimNames(made) || !made->guard.create()) {
    if (made)
      free(made->firstOfName);
    free(made);
    Text(error).add("out of memory: no session can be made of model '%.100s'", model->name);
    return LEPTON_OUT_OF_MEMORY;
  }
  made->deviceNumber = all.device;
  if (all.observer)
    made->observer = *all.observer;
  if (all.pool)
    made->pool.borrow(*all.pool);
  else
    made->pool.create(all.threads ? all.threads : model->default_threads);
  const lepton_device_runtime *device = deviceOf(made);
  lepton_status status = openWeights(made, all, error);
  if (status == LEPTON_OK && device)
    status = device->open(made, error);
  if (status != LEPTON_OK) {
    destroySession(made);
    return status;
  }
  *session = made;
  return LEPTON_OK;
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

static void enterModel(lepton_context *context, lepton_entry_function entry) {
  int32_t status = ThreadPool::enter(context, entry);
  if (status != LEPTON_OK)
    fail(context, static_cast<lepton_status>(status), "the model failed and gave no reason");
}

static lepton_status finish(lepton_context *context, lepton_error &error) {
  const lepton_model *model = context->session->model;
  for (uint32_t i = 0; i < model->output_count; ++i) {
    if (context->status.load() != LEPTON_OK || context->outputStates[i] != NotProduced)
      continue;
    lepton_error reason;
    Text(reason).add("output '%.100s' was not produced: the model or its compiler is at fault", model->outputs[i].name);
    fail(context, LEPTON_INTERNAL, reason.message);
  }
  if (context->status.load() == LEPTON_OK)
    deliverHandles(context);
  auto status = static_cast<lepton_status>(context->status.load());
  if (status == LEPTON_OK)
    return status;
  Text(error).add("%s", context->message);
  for (uint32_t i = 0; i < model->output_count; ++i)
    discardOutput(context, i);
  return status;
}

static lepton_status runSession(lepton_session *session, const lepton_tensor *inputs, lepton_tensor *outputs,
                                lepton_error &error) {
  if (!session) {
    Text(error).add("the session is NULL");
    return LEPTON_INVALID_ARGUMENT;
  }
  const lepton_model *model = session->model;
  session->guard.enter(adopt, session);
  if (model->output_count && !outputs) {
    Text(error).add("the array of outputs is NULL, expected %u tensors", model->output_count);
    return LEPTON_INVALID_ARGUMENT;
  }
  if (!checkInputs(session, inputs, error))
    return LEPTON_INVALID_ARGUMENT;
  lepton_context *context = takeContext(session);
  if (!context) {
    Text(error).add("out of memory: the workspace of model '%.100s' needs %llu bytes; run fewer at once", model->name,
                    Number(model->arena_bytes));
    return LEPTON_OUT_OF_MEMORY;
  }
  context->inputs = inputs;
  context->outputs = outputs;
  context->keptLeft = 0;
  memset(context->growing, 0, sizeof context->growing);
  context->status.storeRelaxed(LEPTON_OK);
  context->abandoned.storeRelaxed(0);
  memset(context->outputStates, NotProduced, model->output_count * sizeof(OutputState));
  const lepton_device_runtime *device = deviceOf(session);
  if (lepton_entry_function entry = device ? device->begin(context) : model->entry)
    enterModel(context, entry);
  if (device)
    device->end(context);
  lepton_rt_kernel(context, nullptr);
  lepton_status status = finish(context, error);
  giveBack(context);
  return status;
}

} // namespace lepton::rt

using namespace lepton::rt;

extern "C" {

LEPTON_EXPORT lepton_status lepton_session_create(const lepton_model *model, const lepton_options *options,
                                                  lepton_session **session, lepton_error *error) {
  lepton_error unwanted;
  lepton_error &reason = error ? *error : unwanted;
  reason.message[0] = '\0';
  return createSession(model, options, session, reason);
}

LEPTON_EXPORT lepton_status lepton_session_run(lepton_session *session, const lepton_tensor *inputs,
                                               lepton_tensor *outputs, lepton_error *error) {
  lepton_error unwanted;
  lepton_error &reason = error ? *error : unwanted;
  reason.message[0] = '\0';
  return runSession(session, inputs, outputs, reason);
}

LEPTON_EXPORT void lepton_session_destroy(lepton_session *session) {
  if (!session)
    return;
  session->guard.enter(adopt, session);
  destroySession(session);
}

LEPTON_EXPORT void lepton_tensor_release(lepton_tensor *tensor) {
  if (!tensor)
    return;
  free(tensor->data);
  tensor->data = nullptr;
  tensor->shape = nullptr;
}

} // extern "C"
