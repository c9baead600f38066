//===- driver.h - The functions of NVIDIA's driver that the runtime calls ---===//
//
// Declared here, loaded when the first session asks: neither building nor linking an artifact needs a CUDA toolkit. Names, types and numbers are those of the
// CUDA Driver API, 11.4 and later.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CUDA_DRIVER_H
#define LEPTON_RUNTIME_CUDA_DRIVER_H

#include "../core/lepton_abi.h"

namespace lepton::rt::cuda {

using Result = int;                 // CUresult; 0 is success
using Address = unsigned long long; // CUdeviceptr
using Device = int;
using Context = struct CUctx_st *;
using Module = struct CUmod_st *;
using Function = struct CUfunc_st *;
using Stream = struct CUstream_st *;
using Graph = struct CUgraph_st *;
using GraphExec = struct CUgraphExec_st *;

/// What the runtime has a message of its own for.
enum : Result {
  kSuccess = 0,
  kOutOfMemory = 2,
  kNoDevice = 100,
  kInvalidPtx = 218,
  kNoBinaryForGpu = 209,
  kUnsupportedPtxVersion = 222,
};

constexpr unsigned kStreamNonBlocking = 1;
constexpr int kCaptureThreadLocal = 1;
constexpr int kJitErrorLog = 5, kJitErrorLogBytes = 6; // CUjit_option

// name, symbol, parameters
#define LEPTON_CUDA_FUNCTIONS(F)                                                                                       \
  F(init, cuInit, (unsigned flags))                                                                                    \
  F(driverVersion, cuDriverGetVersion, (int *version))                                                                 \
  F(deviceCount, cuDeviceGetCount, (int *count))                                                                       \
  F(device, cuDeviceGet, (Device * device, int ordinal))                                                               \
  F(deviceName, cuDeviceGetName, (char *name, int bytes, Device device))                                               \
  F(retainPrimary, cuDevicePrimaryCtxRetain, (Context * context, Device device))                                       \
  F(releasePrimary, cuDevicePrimaryCtxRelease_v2, (Device device))                                                     \
  F(push, cuCtxPushCurrent_v2, (Context context))                                                                      \
  F(pop, cuCtxPopCurrent_v2, (Context * context))                                                                      \
  F(loadModule, cuModuleLoadDataEx, (Module * module, const void *image, unsigned options, int *kinds, void **values)) \
  F(unloadModule, cuModuleUnload, (Module module))                                                                     \
  F(function, cuModuleGetFunction, (Function * function, Module module, const char *name))                             \
  F(memoryInfo, cuMemGetInfo_v2, (size_t *free, size_t *total))                                                        \
  F(allocate, cuMemAlloc_v2, (Address * address, size_t bytes))                                                        \
  F(free, cuMemFree_v2, (Address address))                                                                             \
  F(copy, cuMemcpyAsync, (Address to, Address from, size_t bytes, Stream stream))                                      \
  F(setBytes, cuMemsetD8Async, (Address to, unsigned char value, size_t count, Stream stream))                         \
  F(setWords, cuMemsetD32Async, (Address to, unsigned value, size_t count, Stream stream))                             \
  F(createStream, cuStreamCreate, (Stream * stream, unsigned flags))                                                   \
  F(destroyStream, cuStreamDestroy_v2, (Stream stream))                                                                \
  F(synchronize, cuStreamSynchronize, (Stream stream))                                                                 \
  F(beginCapture, cuStreamBeginCapture_v2, (Stream stream, int mode))                                                  \
  F(endCapture, cuStreamEndCapture, (Stream stream, Graph * graph))                                                    \
  F(instantiate, cuGraphInstantiateWithFlags, (GraphExec * exec, Graph graph, unsigned long long flags))               \
  F(launchGraph, cuGraphLaunch, (GraphExec exec, Stream stream))                                                       \
  F(destroyExec, cuGraphExecDestroy, (GraphExec exec))                                                                 \
  F(destroyGraph, cuGraphDestroy, (Graph graph))                                                                       \
  F(launch, cuLaunchKernel,                                                                                            \
    (Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,              \
     unsigned blockZ, unsigned sharedBytes, Stream stream, void **arguments, void **extra))                            \
  F(errorText, cuGetErrorString, (Result result, const char **text))

struct Driver {
#define LEPTON_DECLARE(name, symbol, parameters) Result(*name) parameters;
  LEPTON_CUDA_FUNCTIONS(LEPTON_DECLARE)
#undef LEPTON_DECLARE

  /// "an illegal memory access was encountered"
  const char *describe(Result result) const;
};

/// The driver of this machine, loaded once; NULL with the reason in `error`. LEPTON_LIBCUDA names a library in another place than the system's.
const Driver *loadDriver(lepton_error &error);

} // namespace lepton::rt::cuda

#endif // LEPTON_RUNTIME_CUDA_DRIVER_H
