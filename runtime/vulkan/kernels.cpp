//===- kernels.cpp - Kernels of a model as compute pipelines ----------------===//
//
// The driver makes code of a kernel when it is launched for the first time in a session; the launch says how many buffers and numbers it has.
//
//===----------------------------------------------------------------------===//
#include "../core/text.h"
#include "state.h"
#include <stdlib.h>

namespace lepton::rt::vulkan {

void destroyKernel(const SessionState &session, Kernel &kernel) {
  session.driver->destroyPipeline(session.device, kernel.pipeline, nullptr);
  session.driver->destroyPipelineLayout(session.device, kernel.layout, nullptr);
  session.driver->destroySetLayout(session.device, kernel.setLayout, nullptr);
}

static VkResult makeSetLayout(const SessionState &session, Kernel &kernel) {
  auto *bindings =
      static_cast<VkDescriptorSetLayoutBinding *>(calloc(kernel.buffers + 1, sizeof(VkDescriptorSetLayoutBinding)));
  if (!bindings)
    return VK_ERROR_OUT_OF_HOST_MEMORY;
  for (uint32_t i = 0; i < kernel.buffers; ++i)
    bindings[i] = {i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr};
  VkDescriptorSetLayoutCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO;
  info.bindingCount = kernel.buffers;
  info.pBindings = bindings;
  VkResult result = session.driver->createSetLayout(session.device, &info, nullptr, &kernel.setLayout);
  free(bindings);
  return result;
}

static VkResult makeLayout(const SessionState &session, Kernel &kernel) {
  VkPushConstantRange numbers = {VK_SHADER_STAGE_COMPUTE_BIT, 0, kernel.numbers * uint32_t(sizeof(uint32_t))};
  VkPipelineLayoutCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
  info.setLayoutCount = 1;
  info.pSetLayouts = &kernel.setLayout;
  info.pushConstantRangeCount = kernel.numbers > 0;
  info.pPushConstantRanges = &numbers;
  return session.driver->createPipelineLayout(session.device, &info, nullptr, &kernel.layout);
}

static VkResult makePipeline(const SessionState &session, const char *name, Kernel &kernel) {
  VkComputePipelineCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO;
  info.flags = VK_PIPELINE_CREATE_DISPATCH_BASE;
  info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  info.stage.module = session.module;
  info.stage.pName = name;
  info.layout = kernel.layout;
  return session.driver->createPipelines(session.device, VK_NULL_HANDLE, 1, &info, nullptr, &kernel.pipeline);
}

/// Whether the GPU lets a kernel have as many buffers and numbers.
static bool checkLimits(lepton_context *context, const char *name, const Kernel &kernel) {
  const SessionState &session = stateOf(context);
  const uint32_t mostBuffers = session.limits.maxPerStageDescriptorStorageBuffers,
                 mostNumbers = session.limits.maxPushConstantsSize / sizeof(uint32_t);
  if (kernel.buffers <= mostBuffers && kernel.numbers <= mostNumbers)
    return true;
  lepton_error reason;
  Text(reason).add(
      "kernel '%.200s' has %u buffers and %u numbers, but %s takes no more than %u and %u; run the model on "
      "another GPU, or compile it for the CPU",
      name, kernel.buffers, kernel.numbers, session.name, mostBuffers, mostNumbers);
  fail(context, LEPTON_INCOMPATIBLE, reason.message);
  return false;
}

const Kernel *findKernel(lepton_context *context, const char *name, const char *kinds) {
  SessionState &session = stateOf(context);
  if (const Kernel *known = session.kernels.find(name))
    return known;
  auto *kernel = static_cast<Kernel *>(calloc(1, sizeof(Kernel)));
  if (!kernel) {
    succeeds(context, VK_ERROR_OUT_OF_HOST_MEMORY, name);
    return nullptr;
  }
  for (const char *kind = kinds; *kind; ++kind)
    ++(*kind == 'a' ? kernel->buffers : kernel->numbers);
  const Kernel *found = nullptr;
  if (checkLimits(context, name, *kernel)) {
    VkResult result = makeSetLayout(session, *kernel);
    if (result == VK_SUCCESS)
      result = makeLayout(session, *kernel);
    if (result == VK_SUCCESS)
      result = makePipeline(session, name, *kernel);
    if (result == VK_SUCCESS && !(found = session.kernels.insert(name, kernel)))
      result = VK_ERROR_OUT_OF_HOST_MEMORY;
    succeeds(context, result, "the driver makes no code of a kernel");
  }
  if (found != kernel) { // another thread was faster, or it has failed
    destroyKernel(session, *kernel);
    free(kernel);
  }
  return found;
}

} // namespace lepton::rt::vulkan
