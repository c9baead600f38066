//===- driver.h - The functions of Vulkan that the runtime calls ------------===//
//
// Types and numbers are those of the Vulkan headers; the functions are loaded when the first session asks: neither building nor linking an artifact needs a driver, nor
// the loader of drivers. Everything is of Vulkan 1.1.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_VULKAN_DRIVER_H
#define LEPTON_RUNTIME_VULKAN_DRIVER_H

#include "../core/lepton_abi.h"
#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

namespace lepton::rt::vulkan {

#define LEPTON_VULKAN_GLOBAL_FUNCTIONS(F)                                                                              \
  F(enumerateInstanceVersion, vkEnumerateInstanceVersion)                                                              \
  F(createInstance, vkCreateInstance)

#define LEPTON_VULKAN_FUNCTIONS(F)                                                                                     \
  F(destroyInstance, vkDestroyInstance)                                                                                \
  F(enumerateDevices, vkEnumeratePhysicalDevices)                                                                      \
  F(properties, vkGetPhysicalDeviceProperties)                                                                         \
  F(properties2, vkGetPhysicalDeviceProperties2)                                                                       \
  F(features2, vkGetPhysicalDeviceFeatures2)                                                                           \
  F(queueFamilies, vkGetPhysicalDeviceQueueFamilyProperties)                                                           \
  F(memoryProperties, vkGetPhysicalDeviceMemoryProperties)                                                             \
  F(extensions, vkEnumerateDeviceExtensionProperties)                                                                  \
  F(createDevice, vkCreateDevice)                                                                                      \
  F(destroyDevice, vkDestroyDevice)                                                                                    \
  F(getQueue, vkGetDeviceQueue)                                                                                        \
  F(createBuffer, vkCreateBuffer)                                                                                      \
  F(destroyBuffer, vkDestroyBuffer)                                                                                    \
  F(bufferRequirements, vkGetBufferMemoryRequirements)                                                                 \
  F(allocateMemory, vkAllocateMemory)                                                                                  \
  F(freeMemory, vkFreeMemory)                                                                                          \
  F(bindBuffer, vkBindBufferMemory)                                                                                    \
  F(mapMemory, vkMapMemory)                                                                                            \
  F(createShaderModule, vkCreateShaderModule)                                                                          \
  F(destroyShaderModule, vkDestroyShaderModule)                                                                        \
  F(createSetLayout, vkCreateDescriptorSetLayout)                                                                      \
  F(destroySetLayout, vkDestroyDescriptorSetLayout)                                                                    \
  F(createPipelineLayout, vkCreatePipelineLayout)                                                                      \
  F(destroyPipelineLayout, vkDestroyPipelineLayout)                                                                    \
  F(createPipelines, vkCreateComputePipelines)                                                                         \
  F(destroyPipeline, vkDestroyPipeline)                                                                                \
  F(createSetPool, vkCreateDescriptorPool)                                                                             \
  F(destroySetPool, vkDestroyDescriptorPool)                                                                           \
  F(resetSetPool, vkResetDescriptorPool)                                                                               \
  F(allocateSets, vkAllocateDescriptorSets)                                                                            \
  F(updateSets, vkUpdateDescriptorSets)                                                                                \
  F(createCommandPool, vkCreateCommandPool)                                                                            \
  F(destroyCommandPool, vkDestroyCommandPool)                                                                          \
  F(allocateCommands, vkAllocateCommandBuffers)                                                                        \
  F(beginCommands, vkBeginCommandBuffer)                                                                               \
  F(endCommands, vkEndCommandBuffer)                                                                                   \
  F(resetCommands, vkResetCommandBuffer)                                                                               \
  F(createFence, vkCreateFence)                                                                                        \
  F(destroyFence, vkDestroyFence)                                                                                      \
  F(waitForFences, vkWaitForFences)                                                                                    \
  F(resetFences, vkResetFences)                                                                                        \
  F(submit, vkQueueSubmit)                                                                                             \
  F(bindPipeline, vkCmdBindPipeline)                                                                                   \
  F(bindSets, vkCmdBindDescriptorSets)                                                                                 \
  F(pushConstants, vkCmdPushConstants)                                                                                 \
  F(dispatchBase, vkCmdDispatchBase)                                                                                   \
  F(barrier, vkCmdPipelineBarrier)                                                                                     \
  F(copyBuffer, vkCmdCopyBuffer)                                                                                       \
  F(updateBuffer, vkCmdUpdateBuffer)                                                                                   \
  F(execute, vkCmdExecuteCommands)

/// Valid when its memory is zero.
struct Driver {
  VkInstance instance;
  PFN_vkGetInstanceProcAddr find;
#define LEPTON_DECLARE(name, symbol) PFN_##symbol name;
  LEPTON_VULKAN_GLOBAL_FUNCTIONS(LEPTON_DECLARE)
  LEPTON_VULKAN_FUNCTIONS(LEPTON_DECLARE)
#undef LEPTON_DECLARE
};

/// The drivers of this machine, by way of their loader, for a session; all sessions share an instance, which has threads of its own and ends with the last of
/// them. NULL with the reason in `error`. LEPTON_LIBVULKAN names a loader in another place than the system's.
const Driver *acquireDriver(lepton_error &error);
void releaseDriver();

/// "out of memory on the GPU" and "VK_ERROR_OUT_OF_DEVICE_MEMORY".
struct ResultText {
  const char *said, *code;
};
ResultText describe(VkResult result);

inline bool isOutOfMemory(VkResult result) {
  return result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

} // namespace lepton::rt::vulkan

#endif // LEPTON_RUNTIME_VULKAN_DRIVER_H
