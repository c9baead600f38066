//===- driver.cpp - Loads NVIDIA's driver -----------------------------------===//
#include "driver.h"
#include "../core/atomic.h"
#include "../core/text.h"
#include <dlfcn.h>
#include <stdlib.h>

namespace lepton::rt::cuda {

const char *Driver::describe(Result result) const {
  const char *text = nullptr;
  return errorText(result, &text) == kSuccess && text ? text : "unknown error";
}

static bool load(Driver &driver, lepton_error &error) {
  const char *place = getenv("LEPTON_LIBCUDA");
  if (!place || !*place)
    place = "libcuda.so.1";
  void *library = dlopen(place, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    Text(error).add("the model was compiled for an NVIDIA GPU, but this machine has no driver of one (%.200s cannot be "
                    "loaded: %.300s); install it, name its "
                    "library in LEPTON_LIBCUDA, or compile the model for the CPU",
                    place, dlerror());
    return false;
  }
#define LEPTON_LOAD(name, symbol, parameters)                                                                          \
  driver.name = reinterpret_cast<Result(*) parameters>(dlsym(library, #symbol));                                       \
  if (!driver.name) {                                                                                                  \
    Text(error).add("the driver %.200s has no function " #symbol "; install that of CUDA 11.4 or a later one", place); \
    dlclose(library);                                                                                                  \
    return false;                                                                                                      \
  }
  LEPTON_CUDA_FUNCTIONS(LEPTON_LOAD)
#undef LEPTON_LOAD
  if (Result result = driver.init(0)) {
    if (result == kNoDevice)
      Text(error).add("the model was compiled for an NVIDIA GPU, but the driver finds none on this machine; is one "
                      "visible (CUDA_VISIBLE_DEVICES)?");
    else
      Text(error).add("the driver %.200s cannot be used: %s", place, driver.describe(result));
    return false;
  }
  return true;
}

const Driver *loadDriver(lepton_error &error) {
  static SpinLock lock;
  static Driver driver;
  static bool isLoaded;
  lock.lock();
  if (!isLoaded)
    isLoaded = load(driver, error);
  lock.unlock();
  return isLoaded ? &driver : nullptr;
}

} // namespace lepton::rt::cuda
