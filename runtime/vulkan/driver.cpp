//===- driver.cpp - Loads Vulkan ----------------------------------------------===//
#include "driver.h"
#include "../core/atomic.h"
#include "../core/text.h"
#include <dlfcn.h>
#include <stdlib.h>

namespace lepton::rt::vulkan {

ResultText describe(VkResult result) {
  switch (result) {
  case VK_ERROR_OUT_OF_HOST_MEMORY:
    return {"out of memory", "VK_ERROR_OUT_OF_HOST_MEMORY"};
  case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    return {"out of memory of the GPU", "VK_ERROR_OUT_OF_DEVICE_MEMORY"};
  case VK_ERROR_DEVICE_LOST:
    return {"the GPU was lost", "VK_ERROR_DEVICE_LOST"};
  case VK_ERROR_INITIALIZATION_FAILED:
    return {"it could not be initialized", "VK_ERROR_INITIALIZATION_FAILED"};
  case VK_ERROR_INCOMPATIBLE_DRIVER:
    return {"no driver of the version asked for", "VK_ERROR_INCOMPATIBLE_DRIVER"};
  case VK_ERROR_TOO_MANY_OBJECTS:
    return {"too many objects of a kind", "VK_ERROR_TOO_MANY_OBJECTS"};
  case VK_ERROR_INVALID_SHADER_NV:
    return {"the code is not valid", "VK_ERROR_INVALID_SHADER_NV"};
  default:
    return {"unknown error", "another VkResult"};
  }
}

static bool loadLibrary(Driver &driver, lepton_error &error) {
  const char *place = getenv("LEPTON_LIBVULKAN");
  if (!place || !*place)
    place = "libvulkan.so.1";
  void *library = dlopen(place, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    Text(error).add(
        "the model was compiled for Vulkan, but this machine has no loader of Vulkan's drivers (%.200s cannot "
        "be loaded: %.300s); install libvulkan1 and the driver of a GPU, name the library in "
        "LEPTON_LIBVULKAN, or compile the model for the CPU",
        place, dlerror());
    return false;
  }
  driver.find = reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(library, "vkGetInstanceProcAddr"));
  if (!driver.find)
    Text(error).add("%.200s is no loader of Vulkan's drivers: it has no function vkGetInstanceProcAddr", place);
  return driver.find;
}

template <typename Function>
static bool loadFunction(const Driver &driver, Function &function, const char *symbol, lepton_error &error) {
  function = reinterpret_cast<Function>(driver.find(driver.instance, symbol));
  if (!function)
    Text(error).add("Vulkan on this machine has no function %s; install a loader and a driver of Vulkan 1.1 or later",
                    symbol);
  return function;
}

static VkResult makeInstance(Driver &driver) {
  VkApplicationInfo application = {};
  application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
  application.pEngineName = "Lepton";
  application.apiVersion = VK_API_VERSION_1_1;
  VkInstanceCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
  info.pApplicationInfo = &application;
  return driver.createInstance(&info, nullptr, &driver.instance);
}

static bool load(Driver &driver, lepton_error &error) {
#define LEPTON_LOAD(name, symbol)                                                                                      \
  if (!loadFunction(driver, driver.name, #symbol, error))                                                              \
    return false;
  driver = {};
  if (!loadLibrary(driver, error))
    return false;
  LEPTON_VULKAN_GLOBAL_FUNCTIONS(LEPTON_LOAD)
  uint32_t version = 0;
  driver.enumerateInstanceVersion(&version);
  if (version < VK_API_VERSION_1_1) {
    Text(error).add("the loader of Vulkan's drivers on this machine is of version %u.%u, older than 1.1; install a "
                    "newer one",
                    VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
    return false;
  }
  VkResult result = makeInstance(driver);
  if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
    Text(error).add("the model was compiled for Vulkan, but this machine has no driver of a GPU for it; install one "
                    "(mesa-vulkan-drivers has several), or compile the model for the CPU");
    return false;
  }
  if (result != VK_SUCCESS) {
    Text(error).add("Vulkan cannot be used: its loader says '%s' (%s)", describe(result).said, describe(result).code);
    return false;
  }
  LEPTON_VULKAN_FUNCTIONS(LEPTON_LOAD)
#undef LEPTON_LOAD
  return true;
}

static SpinLock lock; // of what follows
static Driver driver;
static uint32_t sessions; // that have it

const Driver *acquireDriver(lepton_error &error) {
  lock.lock();
  const bool isLoaded = sessions || load(driver, error);
  sessions += isLoaded;
  lock.unlock();
  return isLoaded ? &driver : nullptr;
}

void releaseDriver() {
  lock.lock();
  if (--sessions == 0)
    driver.destroyInstance(driver.instance, nullptr);
  lock.unlock();
}

} // namespace lepton::rt::vulkan
