//===- device.cpp - Finds the GPU for a session, and says why there is none -===//
#include "../core/text.h"
#include "spirv.h"
#include "state.h"
#include <stdlib.h>
#include <string.h>

namespace lepton::rt::vulkan {

using Number = unsigned long long;

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

constexpr uint32_t kMostDevices = 64, kMostFamilies = 32, kNoFamily = UINT32_MAX;

/// The first family of queues that computes.
static uint32_t computeFamily(const Driver &driver, VkPhysicalDevice device) {
  VkQueueFamilyProperties families[kMostFamilies];
  uint32_t count = kMostFamilies;
  driver.queueFamilies(device, &count, families);
  for (uint32_t i = 0; i < count; ++i)
    if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)
      return i;
  return kNoFamily;
}

/// Less is better.
static unsigned rankOf(VkPhysicalDeviceType type) {
  switch (type) {
  case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
    return 0;
  case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
    return 1;
  case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
    return 2;
  default:
    return 3;
  }
}

/// Whether LEPTON_VULKAN_DEVICE means this one: by its number, or by a part of its name.
static bool isNamed(const char *wish, uint32_t number, const char *name) {
  char *end;
  const unsigned long wanted = strtoul(wish, &end, 10);
  return *end ? strstr(name, wish) != nullptr : wanted == number;
}

/// A GPU that computes.
struct Candidate {
  VkPhysicalDevice device;
  uint32_t family;
  unsigned rank;
};

/// Behind those of its rank.
static void insert(Candidate *candidates, uint32_t count, const Candidate &candidate) {
  while (count && candidates[count - 1].rank > candidate.rank) {
    candidates[count] = candidates[count - 1];
    --count;
  }
  candidates[count] = candidate;
}

static bool pickDevice(SessionState &state, uint32_t number, lepton_error &error) {
  const char *wish = getenv("LEPTON_VULKAN_DEVICE");
  if (wish && !*wish)
    wish = nullptr;
  VkPhysicalDevice devices[kMostDevices];
  uint32_t count = kMostDevices;
  if (state.driver->enumerateDevices(state.driver->instance, &count, devices) < 0)
    count = 0;
  lepton_error known;
  Text names(known);
  Candidate candidates[kMostDevices];
  uint32_t suitable = 0;
  for (uint32_t i = 0; i < count; ++i) {
    VkPhysicalDeviceProperties properties;
    state.driver->properties(devices[i], &properties);
    const uint32_t family = computeFamily(*state.driver, devices[i]);
    names.add("%s%u %.100s", i ? ", " : "", i, properties.deviceName);
    if (family != kNoFamily && (!wish || isNamed(wish, i, properties.deviceName)))
      insert(candidates, suitable++, {devices[i], family, rankOf(properties.deviceType)});
  }
  if (number < suitable) {
    state.physical = candidates[number].device;
    state.queueFamily = candidates[number].family;
    return true;
  }
  if (suitable)
    Text(error).add("the model is to run on GPU %u, but there are %u that compute on this machine, counted from 0",
                    number, suitable);
  else if (wish && count)
    Text(error).add(
        "LEPTON_VULKAN_DEVICE names '%.100s', which is no GPU of this machine that computes; there are %.600s", wish,
        known.message);
  else
    Text(error).add(
        "the model was compiled for Vulkan, but its drivers find no GPU on this machine that computes; install "
        "the driver of one (mesa-vulkan-drivers has several), or compile the model for the CPU");
  return false;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// What the model's kernels count on. The code generation keeps to 32 KiB of shared memory.
static bool checkLimits(const SessionState &state, const lepton_model *model, uint32_t threads, lepton_error &error) {
  constexpr uint64_t kSharedBytes = 32 << 10;
  const VkPhysicalDeviceLimits &limits = state.limits;
  const struct {
    const char *name;
    uint64_t has, needs;
    bool isEnough;
  } facts[] = {
#define LEPTON_LIMIT(name, relation, needs) {#name, limits.name, needs, limits.name relation needs}
      LEPTON_LIMIT(maxComputeWorkGroupInvocations, >=, threads),
      LEPTON_LIMIT(maxComputeWorkGroupSize[0], >=, threads),
      LEPTON_LIMIT(maxComputeSharedMemorySize, >=, kSharedBytes),
      LEPTON_LIMIT(maxStorageBufferRange, >=, model->device_code->tensor_bytes),
      LEPTON_LIMIT(minStorageBufferOffsetAlignment, <=, kAlignment),
#undef LEPTON_LIMIT
  };
  for (const auto &fact : facts) {
    if (fact.isEnough)
      continue;
    Text(error).add(
        "%.256s cannot run model '%.100s': its limit %s is %llu, and the kernels need %llu; run it on another "
        "GPU (LEPTON_VULKAN_DEVICE), or compile it for the CPU",
        state.name, model->name, fact.name, Number(fact.has), Number(fact.needs));
    return false;
  }
  return true;
}

/// Whether the GPU has what the model's code takes; `wanted` is what of that has to be switched on.
static bool checkCode(const SessionState &state, const lepton_model *model, Features &wanted, lepton_error &error) {
  Features has;
  VkPhysicalDeviceSubgroupProperties subgroups = {};
  subgroups.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES;
  VkPhysicalDeviceProperties2 properties = {};
  properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
  properties.pNext = &subgroups;
  state.driver->features2(state.physical, &has.core);
  state.driver->properties2(state.physical, &properties);
  const bool hasSubgroups = subgroups.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT;
  const lepton_device_code &code = *model->device_code;
  const Needs needs = readModule(static_cast<const uint32_t *>(code.image), code.image_bytes, has,
                                 hasSubgroups ? subgroups.supportedOperations : 0, wanted);
  if (!needs.isModule)
    Text(error).add("model '%.100s' has no SPIR-V for its kernels: the artifact is damaged; compile it again",
                    model->name);
  else if (needs.unknown)
    Text(error).add(
        "model '%.100s' needs the capability %u of SPIR-V, which this runtime does not know; use a newer one",
        model->name, needs.unknown);
  else if (needs.missing)
    Text(error).add("model '%.100s' needs the capability %s of SPIR-V, which %.256s or its driver has not; run it on "
                    "another GPU (LEPTON_VULKAN_DEVICE), or compile it for the CPU",
                    model->name, needs.missing, state.name);
  else
    return checkLimits(state, model, needs.threads, error);
  return false;
}

static bool checkVersion(const SessionState &state, uint32_t version, lepton_error &error) {
  if (version >= VK_API_VERSION_1_1)
    return true;
  Text(error).add("the driver of %.256s is of Vulkan %u.%u, older than 1.1; install a newer one, or compile the model "
                  "for the CPU",
                  state.name, VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
  return false;
}

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

/// Of the extensions that later versions of Vulkan have taken in, those that the driver lists.
static uint32_t listExtensions(const SessionState &state, const char **names) {
  constexpr const char *known[] = {VK_KHR_8BIT_STORAGE_EXTENSION_NAME, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME};
  uint32_t count = 0, used = 0;
  if (state.driver->extensions(state.physical, nullptr, &count, nullptr) != VK_SUCCESS)
    return 0;
  auto *listed = static_cast<VkExtensionProperties *>(calloc(count + 1, sizeof(VkExtensionProperties)));
  if (!listed || state.driver->extensions(state.physical, nullptr, &count, listed) < 0)
    count = 0;
  for (const char *name : known)
    for (uint32_t i = 0; i < count; ++i)
      if (strcmp(listed[i].extensionName, name) == 0) {
        names[used++] = name;
        break;
      }
  free(listed);
  return used;
}

static VkResult makeDevice(SessionState &state, Features &wanted) {
  const float priority = 1;
  const char *extensions[2];
  VkDeviceQueueCreateInfo queue = {};
  queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
  queue.queueFamilyIndex = state.queueFamily;
  queue.queueCount = 1;
  queue.pQueuePriorities = &priority;
  VkDeviceCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
  info.pNext = &wanted.core;
  info.queueCreateInfoCount = 1;
  info.pQueueCreateInfos = &queue;
  info.enabledExtensionCount = listExtensions(state, extensions);
  info.ppEnabledExtensionNames = extensions;
  VkResult result = state.driver->createDevice(state.physical, &info, nullptr, &state.device);
  if (result == VK_SUCCESS)
    state.driver->getQueue(state.device, state.queueFamily, 0, &state.queue);
  return result;
}

lepton_status openDevice(SessionState &state, const lepton_session *session, lepton_error &error) {
  state.driver = acquireDriver(error);
  if (!state.driver || !pickDevice(state, session->deviceNumber, error))
    return LEPTON_INCOMPATIBLE;
  VkPhysicalDeviceProperties properties;
  state.driver->properties(state.physical, &properties);
  state.driver->memoryProperties(state.physical, &state.memory);
  state.limits = properties.limits;
  Text(state.name, sizeof state.name).add("%s", properties.deviceName);
  Features wanted;
  if (!checkVersion(state, properties.apiVersion, error) || !checkCode(state, session->model, wanted, error))
    return LEPTON_INCOMPATIBLE;
  VkResult result = makeDevice(state, wanted);
  if (result == VK_SUCCESS)
    return LEPTON_OK;
  Text(error).add("%.256s cannot be used: its driver says '%s' (%s)", state.name, describe(result).said,
                  describe(result).code);
  return isOutOfMemory(result) ? LEPTON_OUT_OF_MEMORY : LEPTON_INCOMPATIBLE;
}

} // namespace lepton::rt::vulkan
