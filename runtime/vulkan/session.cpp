//===- session.cpp - A model's code and constants on a GPU by Vulkan ----------===//
#include "state.h"
#include <stdlib.h>

namespace lepton::rt::vulkan {

using Number = unsigned long long;

static lepton_status refuse(const SessionState &state, VkResult result, const char *what, lepton_error &error) {
  Text(error).add("%s: the driver of %s says '%s' (%s)", what, state.name, describe(result).said,
                  describe(result).code);
  return isOutOfMemory(result) ? LEPTON_OUT_OF_MEMORY : LEPTON_INCOMPATIBLE;
}

static lepton_status loadCode(SessionState &state, const lepton_model *model, lepton_error &error) {
  VkShaderModuleCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO;
  info.codeSize = model->device_code->image_bytes;
  info.pCode = static_cast<const uint32_t *>(model->device_code->image);
  VkResult result = state.driver->createShaderModule(state.device, &info, nullptr, &state.module);
  return result == VK_SUCCESS ? LEPTON_OK : refuse(state, result, "the model's code cannot be loaded", error);
}

/// As inputs are sent, in pieces.
static lepton_status sendConstants(lepton_session *session, lepton_error &error) {
  constexpr uint64_t kPiece = 64 << 20;
  const uint64_t bytes = session->model->weights_bytes;
  auto *from = static_cast<const char *>(session->model->device_code->weights);
  char *to = stateOf(session).constants.address;
  lepton_context context = {};
  context.session = session;
  if (!prepare(&context))
    fail(&context, LEPTON_OUT_OF_MEMORY, "out of memory");
  for (uint64_t at = 0; at < bytes && lepton_rt_status(&context) == LEPTON_OK; at += kPiece)
    if (upload(&context, to + at, from + at, bytes - at < kPiece ? bytes - at : kPiece))
      wait(&context);
  auto status = static_cast<lepton_status>(lepton_rt_status(&context));
  if (status != LEPTON_OK)
    Text(error).add("the constants of model '%.100s' cannot be copied to %s: %.500s", session->model->name,
                    stateOf(session).name, context.message);
  if (context.device)
    dispose(&context);
  return status;
}

static lepton_status loadConstants(lepton_session *session, lepton_error &error) {
  const lepton_model *model = session->model;
  SessionState &state = stateOf(session);
  if (!model->weights_bytes)
    return LEPTON_OK;
  VkResult result = makeBuffer(state, model->weights_bytes, Place::gpu, state.constants);
  if (isOutOfMemory(result)) {
    Text(error).add(
        "out of memory: the constants of model '%.100s' need %llu bytes of %s in one piece, which has %llu in all",
        model->name, Number(model->weights_bytes), state.name, Number(deviceMemoryBytes(state)));
    return LEPTON_OUT_OF_MEMORY;
  }
  if (result != VK_SUCCESS)
    return refuse(state, result, "the model's constants have no place", error);
  state.weights = state.constants.address;
  return sendConstants(session, error);
}

lepton_status open(lepton_session *session, lepton_error &error) {
  auto *state = makeState<SessionState>(session, error);
  if (!state)
    return LEPTON_OUT_OF_MEMORY;
  lepton_status status = openDevice(*state, session, error);
  if (status == LEPTON_OK)
    status = loadCode(*state, session->model, error);
  return status == LEPTON_OK ? loadConstants(session, error) : status;
}

void close(lepton_session *session) {
  auto *state = static_cast<SessionState *>(session->device);
  if (!state)
    return;
  if (state->device) {
    const Driver &driver = *state->driver;
    state->kernels.destroy([&](Kernel &kernel) { destroyKernel(*state, kernel); });
    destroyBuffer(*state, state->constants);
    driver.destroyShaderModule(state->device, state->module, nullptr);
    driver.destroyDevice(state->device, nullptr);
  }
  if (state->driver)
    releaseDriver();
  free(state);
  session->device = nullptr;
}

} // namespace lepton::rt::vulkan
