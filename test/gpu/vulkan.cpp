//===- vulkan.cpp - a loader of Vulkan that lies: for tests --------------------------------------------------===//
//
// Stands in front of the loader of this machine and changes what a GPU says of itself, or fails: LEPTON_VULKAN_LIES holds any of these, with commas between.
//
//   old-loader, old-driver        Vulkan 1.0
//   no-device                     no GPU
//   discrete                      memory that the host does not reach, beside memory of the host
//   NAME=NUMBER                   a limit: threads, shared, tensor, alignment, buffers, numbers, blocks
//   without=FEATURE               int64, int8, subgroups (whose threads combine what they have)
//   memory=BYTES                  there is no more
//   lost=N                        the Nth of the submissions, from 0, loses the GPU
//
// lepton_vulkan_submissions() is how many there have been.
//
//===-----------------------------------------------------------------------------------------------------------===//

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace {

PFN_vkGetInstanceProcAddr find;
std::mutex lock;
std::map<VkDeviceMemory, std::pair<uint64_t, bool>> memory; // bytes, whether it is the GPU's
uint64_t held = 0;
std::atomic<int> submissions = 0;

/// The value of a lie of this name, empty for one without; nothing where it is not told.
std::optional<std::string> lie(const std::string &name) {
  const char *all = getenv("LEPTON_VULKAN_LIES");
  std::string rest = std::string(",") + (all ? all : "") + ",";
  size_t at = rest.find("," + name + ",");
  if (at != std::string::npos)
    return "";
  at = rest.find("," + name + "=");
  if (at == std::string::npos)
    return std::nullopt;
  at += name.size() + 2;
  return rest.substr(at, rest.find(',', at) - at);
}

template <typename T> void set(T &fact, const char *name) {
  if (auto value = lie(name))
    fact = T(std::stoull(*value));
}

/// The loader's own functions, by their types.
#define REAL(name)                                                                                                     \
  template <typename... Arguments> auto real_##name(Arguments... arguments) {                                          \
    return reinterpret_cast<PFN_##name>(found_##name)(arguments...);                                                   \
  }
#define FOUND(name) PFN_vkVoidFunction found_##name;
#define FUNCTIONS(F)                                                                                                   \
  F(vkEnumerateInstanceVersion)                                                                                        \
  F(vkEnumeratePhysicalDevices)                                                                                        \
  F(vkGetPhysicalDeviceProperties)                                                                                     \
  F(vkGetPhysicalDeviceProperties2)                                                                                    \
  F(vkGetPhysicalDeviceFeatures2)                                                                                      \
  F(vkGetPhysicalDeviceMemoryProperties)                                                                               \
  F(vkGetBufferMemoryRequirements)                                                                                     \
  F(vkAllocateMemory)                                                                                                  \
  F(vkFreeMemory)                                                                                                      \
  F(vkMapMemory)                                                                                                       \
  F(vkQueueSubmit)                                                                                                     \
  F(vkCmdDispatchBase)
FUNCTIONS(FOUND)
FUNCTIONS(REAL)

VkResult enumerateInstanceVersion(uint32_t *version) {
  VkResult result = real_vkEnumerateInstanceVersion(version);
  if (lie("old-loader"))
    *version = VK_API_VERSION_1_0;
  return result;
}

VkResult enumeratePhysicalDevices(VkInstance instance, uint32_t *count, VkPhysicalDevice *devices) {
  if (!lie("no-device"))
    return real_vkEnumeratePhysicalDevices(instance, count, devices);
  *count = 0;
  return VK_SUCCESS;
}

void getProperties(VkPhysicalDevice device, VkPhysicalDeviceProperties *properties) {
  real_vkGetPhysicalDeviceProperties(device, properties);
  VkPhysicalDeviceLimits &limits = properties->limits;
  if (lie("old-driver"))
    properties->apiVersion = VK_API_VERSION_1_0;
  if (lie("discrete"))
    properties->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
  set(limits.maxComputeWorkGroupInvocations, "threads");
  set(limits.maxComputeSharedMemorySize, "shared");
  set(limits.maxStorageBufferRange, "tensor");
  set(limits.minStorageBufferOffsetAlignment, "alignment");
  set(limits.maxPerStageDescriptorStorageBuffers, "buffers");
  set(limits.maxComputeWorkGroupCount[0], "blocks");
  if (lie("numbers"))
    limits.maxPushConstantsSize = uint32_t(4 * std::stoul(*lie("numbers")));
}

void getFeatures(VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *features) {
  real_vkGetPhysicalDeviceFeatures2(device, features);
  const std::string without = lie("without").value_or("");
  if (without == "int64")
    features->features.shaderInt64 = VK_FALSE;
  for (auto *next = static_cast<VkBaseOutStructure *>(features->pNext); next; next = next->pNext)
    if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES && without == "int8")
      reinterpret_cast<VkPhysicalDeviceShaderFloat16Int8Features *>(next)->shaderInt8 = VK_FALSE;
}

void getProperties2(VkPhysicalDevice device, VkPhysicalDeviceProperties2 *properties) {
  real_vkGetPhysicalDeviceProperties2(device, properties);
  for (auto *next = static_cast<VkBaseOutStructure *>(properties->pNext); next; next = next->pNext)
    if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES && lie("without") == "subgroups")
      reinterpret_cast<VkPhysicalDeviceSubgroupProperties *>(next)->supportedOperations = VK_SUBGROUP_FEATURE_BASIC_BIT;
}

/// Of a discrete GPU, type 0 is its own memory and type 1 the host's; both are the real type 0.
void getMemoryProperties(VkPhysicalDevice device, VkPhysicalDeviceMemoryProperties *properties) {
  real_vkGetPhysicalDeviceMemoryProperties(device, properties);
  set(properties->memoryHeaps[0].size, "memory");
  if (!lie("discrete"))
    return;
  properties->memoryTypeCount = 2;
  properties->memoryTypes[1] = properties->memoryTypes[0];
  properties->memoryTypes[0].propertyFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  properties->memoryTypes[1].propertyFlags &= ~VkMemoryPropertyFlags(VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
}

void getRequirements(VkDevice device, VkBuffer buffer, VkMemoryRequirements *needed) {
  real_vkGetBufferMemoryRequirements(device, buffer, needed);
  if (lie("discrete"))
    needed->memoryTypeBits = 3;
}

VkResult allocateMemory(VkDevice device, const VkMemoryAllocateInfo *info, const VkAllocationCallbacks *callbacks,
                        VkDeviceMemory *made) {
  std::lock_guard guard(lock);
  uint64_t most = UINT64_MAX;
  set(most, "memory");
  if (info->allocationSize > most - std::min(most, held))
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  VkMemoryAllocateInfo own = *info;
  if (lie("discrete"))
    own.memoryTypeIndex = 0;
  VkResult result = real_vkAllocateMemory(device, &own, callbacks, made);
  if (result == VK_SUCCESS) {
    memory[*made] = {info->allocationSize, lie("discrete") && info->memoryTypeIndex == 0};
    held += info->allocationSize;
  }
  return result;
}

void freeMemory(VkDevice device, VkDeviceMemory freed, const VkAllocationCallbacks *callbacks) {
  {
    std::lock_guard guard(lock);
    held -= memory[freed].first;
    memory.erase(freed);
  }
  real_vkFreeMemory(device, freed, callbacks);
}

VkResult mapMemory(VkDevice device, VkDeviceMemory mapped, VkDeviceSize offset, VkDeviceSize bytes,
                   VkMemoryMapFlags flags, void **address) {
  std::lock_guard guard(lock);
  return memory[mapped].second ? VK_ERROR_MEMORY_MAP_FAILED
                               : real_vkMapMemory(device, mapped, offset, bytes, flags, address);
}

VkResult submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence) {
  const int number = submissions++;
  return lie("lost") && std::to_string(number) == *lie("lost") ? VK_ERROR_DEVICE_LOST
                                                               : real_vkQueueSubmit(queue, count, infos, fence);
}

/// No more blocks at a time than the limit says: those beyond are left out.
void dispatchBase(VkCommandBuffer commands, uint32_t x, uint32_t y, uint32_t z, uint32_t blocks, uint32_t rows,
                  uint32_t layers) {
  uint32_t most = UINT32_MAX;
  set(most, "blocks");
  real_vkCmdDispatchBase(commands, x, y, z, std::min(blocks, most), rows, layers);
}

PFN_vkVoidFunction get(VkInstance instance, const char *name) {
  PFN_vkVoidFunction real = find(instance, name);
#define INSTEAD(symbol, own)                                                                                           \
  if (real && strcmp(name, #symbol) == 0) {                                                                            \
    found_##symbol = real;                                                                                             \
    return reinterpret_cast<PFN_vkVoidFunction>(static_cast<PFN_##symbol>(own));                                       \
  }
  INSTEAD(vkEnumerateInstanceVersion, enumerateInstanceVersion)
  INSTEAD(vkEnumeratePhysicalDevices, enumeratePhysicalDevices)
  INSTEAD(vkGetPhysicalDeviceProperties, getProperties)
  INSTEAD(vkGetPhysicalDeviceProperties2, getProperties2)
  INSTEAD(vkGetPhysicalDeviceFeatures2, getFeatures)
  INSTEAD(vkGetPhysicalDeviceMemoryProperties, getMemoryProperties)
  INSTEAD(vkGetBufferMemoryRequirements, getRequirements)
  INSTEAD(vkAllocateMemory, allocateMemory)
  INSTEAD(vkFreeMemory, freeMemory)
  INSTEAD(vkMapMemory, mapMemory)
  INSTEAD(vkQueueSubmit, submit)
  INSTEAD(vkCmdDispatchBase, dispatchBase)
  return real;
}

} // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT PFN_vkVoidFunction vkGetInstanceProcAddr(VkInstance instance, const char *name) {
  static void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  find = reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(loader, "vkGetInstanceProcAddr"));
  return get(instance, name);
}

EXPORT int lepton_vulkan_submissions() { return submissions; }
