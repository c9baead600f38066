//===- state.h - What a session and a run have on a GPU by Vulkan -----------===//
#ifndef LEPTON_RUNTIME_VULKAN_STATE_H
#define LEPTON_RUNTIME_VULKAN_STATE_H

#include "../core/gpu.h"
#include "../core/kernel_table.h"
#include "driver.h"

namespace lepton::rt::vulkan {

/// A kernel that can be launched. Valid when its memory is zero.
struct Kernel {
  VkDescriptorSetLayout setLayout; // binding i is the kernel's i-th buffer
  VkPipelineLayout layout;
  VkPipeline pipeline;
  uint32_t buffers, numbers;
};

/// Memory of the GPU, or of the host where the GPU reaches it. Valid when its memory is zero.
struct Buffer {
  VkBuffer handle;
  VkDeviceMemory memory;
  uint64_t bytes;
  char *address; // what the entry takes for it: pages that hold nothing, so that it is nothing else's
  char *mapped;  // where the host reaches it; NULL: nowhere

  uint64_t offsetOf(const void *place) const {
    return static_cast<uint64_t>(static_cast<const char *>(place) - address);
  }
};

/// A session's. Valid when its memory is zero.
struct SessionState : DeviceSession {
  const Driver *driver;
  VkPhysicalDevice physical;
  VkPhysicalDeviceLimits limits;
  VkPhysicalDeviceMemoryProperties memory;
  VkDevice device;
  uint32_t queueFamily;
  VkQueue queue;
  SpinLock queueLock; // around what is submitted
  VkShaderModule module;
  Buffer constants;
  KernelTable<Kernel> kernels;
};

/// Descriptor sets for one recording, from as many pools as that takes. Valid when its memory is zero.
struct SetPools {
  VkDescriptorPool *pools;
  uint32_t count, slots;
  uint32_t current; // whose sets are given out
};

/// Commands, and the descriptor sets that they use. Valid when its memory is zero.
struct Recording {
  VkCommandBuffer commands;
  SetPools sets;
  bool hasBegun;
};

/// A copy for the host to make when the GPU is done.
struct Download {
  void *to;
  const char *from;
  uint64_t bytes;
};

/// A context's, that is, of one run in flight. Valid when its memory is zero.
struct RunState : DeviceRun {
  VkCommandPool commandPool;
  VkFence fence;
  Recording once;     // what is submitted by `wait`
  Recording repeated; // what `replay` adds to that
  Buffer scratch;     // a few bytes
  Buffer *buffers;
  uint32_t bufferCount, bufferSlots;
  // Memory of the host through which bytes go to and from memory that it does not reach: pieces are cut off the last buffer until the GPU is done.
  Buffer *staging;
  uint32_t stagingCount, stagingSlots;
  uint64_t stagingUsed, stagingHeld; // bytes of the last one, and of all
  Download *downloads;
  uint32_t downloadCount, downloadSlots;
};

inline SessionState &stateOf(const lepton_session *session) { return *static_cast<SessionState *>(session->device); }
inline SessionState &stateOf(const lepton_context *context) { return stateOf(context->session); }
inline RunState &runStateOf(const lepton_context *context) { return *static_cast<RunState *>(context->device); }

// device.cpp
lepton_status openDevice(SessionState &state, const lepton_session *session, lepton_error &error);

// session.cpp
lepton_status open(lepton_session *session, lepton_error &error);
void close(lepton_session *session);

// memory.cpp
enum class Place { gpu, host };
VkResult makeBuffer(const SessionState &session, uint64_t bytes, Place place, Buffer &buffer);
void destroyBuffer(const SessionState &session, Buffer &buffer);
/// Of the heap that the GPU's memory is taken from.
uint64_t deviceMemoryBytes(const SessionState &session);
/// Where an address of the GPU lies; NULL where a tensor without elements does.
const Buffer *findBuffer(const lepton_context *context, const void *address);
void *allocate(lepton_context *context, uint64_t bytes);
void release(lepton_context *context, void *address);
bool upload(lepton_context *context, void *to, const void *from, uint64_t bytes);
bool download(lepton_context *context, void *to, const void *from, uint64_t bytes);
/// After the GPU is done: what has been staged is.
void finishTransfers(lepton_context *context);
void destroyTransfers(lepton_context *context);

// commands.cpp
/// False marks the run as failed by what the driver says; `what` was tried.
bool succeeds(lepton_context *context, VkResult result, const char *what);
bool prepare(lepton_context *context);
void dispose(lepton_context *context);
/// What the next command goes to, behind a barrier; NULL when the run has failed.
VkCommandBuffer nextCommand(lepton_context *context);
bool copyBuffer(lepton_context *context, VkBuffer from, VkBuffer to, const VkBufferCopy &region);
/// For a kernel's buffers; NULL when the run has failed.
VkDescriptorSet allocateSet(lepton_context *context, const Kernel &kernel);
bool wait(lepton_context *context);
bool beginRecording(lepton_context *context);
bool endRecording(lepton_context *context);
bool replay(lepton_context *context);

// kernels.cpp
/// Marks the run as failed and gives NULL where the kernel cannot be made.
const Kernel *findKernel(lepton_context *context, const char *name, const char *kinds);
void destroyKernel(const SessionState &session, Kernel &kernel);

} // namespace lepton::rt::vulkan

#endif // LEPTON_RUNTIME_VULKAN_STATE_H
