//===- session.cpp - A model's code and constants on a GPU ------------------===//
#include "state.h"
#include <stdlib.h>
#include <string.h>

namespace lepton::rt::cuda {

using Number = unsigned long long;

static lepton_status refuse(const Driver &driver, Result result, const char *what, lepton_error &error) {
  Text(error).add("%s: the GPU's driver says '%s' (CUDA error %d)", what, driver.describe(result), result);
  return result == kOutOfMemory ? LEPTON_OUT_OF_MEMORY : LEPTON_INCOMPATIBLE;
}

/// Loads the machine code, or has the driver make some of the PTX where this GPU is of another generation, or none was assembled.
static lepton_status loadCode(SessionState &state, const lepton_model *model, lepton_error &error) {
  const void *machineCode = model->device_code->machine_code;
  if (machineCode && state.driver->loadModule(&state.module, machineCode, 0, nullptr, nullptr) == kSuccess)
    return LEPTON_OK;
  char log[512] = "";
  int kinds[] = {kJitErrorLog, kJitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(uintptr_t(sizeof log - 1))};
  Result result = state.driver->loadModule(&state.module, model->device_code->image, 2, kinds, values);
  if (result == kSuccess)
    return LEPTON_OK;
  int version = 0;
  state.driver->driverVersion(&version);
  if (result == kUnsupportedPtxVersion)
    Text(error).add("model '%.100s': the driver of %s knows CUDA %d.%d, which is too old for the model's code "
                    "(%.100s); install a newer driver",
                    model->name, state.name, version / 1000, version % 1000 / 10, model->target);
  else if (result == kInvalidPtx || result == kNoBinaryForGpu)
    Text(error).add("model '%.100s' was compiled for %.100s, which %s cannot run: %s %.300s; compile it for an older "
                    "GPU (--target=cuda:sm_80)",
                    model->name, model->target, state.name, state.driver->describe(result), log);
  else
    return refuse(*state.driver, result, "the model's code cannot be loaded", error);
  return LEPTON_INCOMPATIBLE;
}

static lepton_status loadWeights(SessionState &state, const lepton_model *model, lepton_error &error) {
  if (!model->weights_bytes)
    return LEPTON_OK;
  size_t free = 0, total = 0;
  Address weights = 0;
  Result result = state.driver->allocate(&weights, model->weights_bytes);
  state.weights = reinterpret_cast<void *>(weights);
  if (result == kOutOfMemory) {
    state.driver->memoryInfo(&free, &total);
    Text(error).add("out of memory: the constants of model '%.100s' need %llu bytes of %s, which has %llu of %llu left",
                    model->name, Number(model->weights_bytes), state.name, Number(free), Number(total));
    return LEPTON_OUT_OF_MEMORY;
  }
  if (result == kSuccess)
    result = state.driver->copy(weights, addressOf(model->device_code->weights), model->weights_bytes, nullptr);
  if (result == kSuccess)
    result = state.driver->synchronize(nullptr);
  return result == kSuccess ? LEPTON_OK
                            : refuse(*state.driver, result, "the model's constants cannot be copied", error);
}

static lepton_status openDevice(const lepton_session *session, SessionState &state, lepton_error &error) {
  state.driver = loadDriver(error);
  if (!state.driver)
    return LEPTON_INCOMPATIBLE;
  int count = 0;
  if (state.driver->deviceCount(&count) != kSuccess || count == 0) {
    Text(error).add("the model was compiled for an NVIDIA GPU, but the driver finds none on this machine; is one "
                    "visible (CUDA_VISIBLE_DEVICES)?");
    return LEPTON_INCOMPATIBLE;
  }
  if (session->deviceNumber >= unsigned(count)) {
    Text(error).add("the model is to run on GPU %u, but the driver finds %d on this machine, counted from 0",
                    session->deviceNumber, count);
    return LEPTON_INVALID_ARGUMENT;
  }
  Result result = state.driver->device(&state.device, int(session->deviceNumber));
  if (result == kSuccess)
    result = state.driver->deviceName(state.name, sizeof state.name, state.device);
  if (result == kSuccess)
    result = state.driver->retainPrimary(&state.context, state.device);
  if (result != kSuccess)
    return refuse(*state.driver, result, "the GPU cannot be used", error);
  Current current(state);
  lepton_status status = loadCode(state, session->model, error);
  return status == LEPTON_OK ? loadWeights(state, session->model, error) : status;
}

lepton_status open(lepton_session *session, lepton_error &error) {
  auto *state = makeState<SessionState>(session, error);
  if (!state)
    return LEPTON_OUT_OF_MEMORY;
  return openDevice(session, *state, error);
}

void close(lepton_session *session) {
  auto *state = static_cast<SessionState *>(session->device);
  if (!state)
    return;
  if (state->context) {
    {
      Current current(*state);
      if (state->weights)
        state->driver->free(addressOf(state->weights));
      if (state->module)
        state->driver->unloadModule(state->module);
    }
    state->driver->releasePrimary(state->device);
  }
  state->kernels.destroy([](Kernel &) {});
  free(state);
  session->device = nullptr;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

Function findKernel(lepton_context *context, const char *name) {
  SessionState &state = stateOf(context->session);
  if (const Kernel *known = state.kernels.find(name))
    return known->function;
  Function function = nullptr;
  if (Result result = state.driver->function(&function, state.module, name)) {
    failWith(context, result, name);
    return nullptr;
  }
  // Without memory for it, the kernel is looked for again next time.
  auto *kernel = static_cast<Kernel *>(malloc(sizeof(Kernel)));
  if (kernel)
    kernel->function = function;
  if (kernel && state.kernels.insert(name, kernel) != kernel)
    free(kernel);
  return function;
}

} // namespace lepton::rt::cuda
