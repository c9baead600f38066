//===- spirv.h - What a module of SPIR-V asks of a GPU ------------------------===//
#ifndef LEPTON_RUNTIME_VULKAN_SPIRV_H
#define LEPTON_RUNTIME_VULKAN_SPIRV_H

#include "driver.h"

namespace lepton::rt::vulkan {

/// Features of a GPU that kernels may take, as Vulkan asks for them: a chain of structs, linked when it is made.
struct Features {
  VkPhysicalDeviceFeatures2 core = {};
  VkPhysicalDevice16BitStorageFeatures storage16 = {};
  VkPhysicalDeviceVariablePointersFeatures pointers = {};
  VkPhysicalDevice8BitStorageFeatures storage8 = {};
  VkPhysicalDeviceShaderFloat16Int8Features small = {};

  Features();
  Features(const Features &) = delete;
};

/// What a module declares.
struct Needs {
  bool isModule;       // false: the bytes are none
  uint32_t threads;    // of the largest block
  const char *missing; // the first capability that the GPU has not; NULL: it has all
  uint32_t unknown;    // the number of a capability that this runtime does not know; 0: it knows all
};

/// Compares what the module at `words` declares with what the GPU has, of operations among the threads of a subgroup too, and sets in `wanted` what is to be
/// switched on.
Needs readModule(const uint32_t *words, uint64_t bytes, Features &has, VkSubgroupFeatureFlags subgroups,
                 Features &wanted);

} // namespace lepton::rt::vulkan

#endif // LEPTON_RUNTIME_VULKAN_SPIRV_H
