//===- run.cpp - The steps of a run on a GPU by Vulkan ------------------------===//
#include "../core/text.h"
#include "state.h"
#include <string.h>

namespace lepton::rt::vulkan {

static bool copy(lepton_context *context, void *to, const void *from, uint64_t bytes) {
  const Buffer &source = *findBuffer(context, from), &target = *findBuffer(context, to);
  return copyBuffer(context, source.handle, target.handle, {source.offsetOf(from), target.offsetOf(to), bytes});
}

/// Commands hold whole words; what is smaller is a part of one that is copied.
static bool write(lepton_context *context, void *to, const void *value, uint64_t bytes) {
  constexpr uint64_t kWord = sizeof(uint32_t);
  const Driver &driver = *stateOf(context).driver;
  const Buffer &target = *findBuffer(context, to), &scratch = runStateOf(context).scratch;
  const uint64_t offset = target.offsetOf(to);
  const bool isWhole = offset % kWord == 0 && bytes % kWord == 0;
  VkCommandBuffer commands = nextCommand(context);
  if (!commands)
    return false;
  if (isWhole) {
    driver.updateBuffer(commands, target.handle, offset, bytes, value);
    return true;
  }
  uint64_t padded = 0;
  memcpy(&padded, value, bytes);
  driver.updateBuffer(commands, scratch.handle, 0, sizeof padded, &padded);
  return copyBuffer(context, scratch.handle, target.handle, {0, offset, bytes});
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

constexpr uint32_t kBatch = 32;

/// What one buffer of a kernel is. A tensor without elements lies nowhere, and nothing of it is read.
static VkDescriptorBufferInfo rangeAt(lepton_context *context, const void *address) {
  const Buffer *buffer = findBuffer(context, address);
  if (!buffer)
    return {runStateOf(context).scratch.handle, 0, VK_WHOLE_SIZE};
  const uint64_t offset = buffer->offsetOf(address), rest = buffer->bytes - offset,
                 most = stateOf(context).limits.maxStorageBufferRange;
  return {buffer->handle, offset, rest < most ? rest : most};
}

static bool bindBuffers(lepton_context *context, VkCommandBuffer commands, const Kernel &kernel, const char *kinds,
                        void **values) {
  const SessionState &session = stateOf(context);
  VkDescriptorSet set = allocateSet(context, kernel);
  if (!set)
    return false;
  VkDescriptorBufferInfo ranges[kBatch];
  VkWriteDescriptorSet write = {};
  write.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET;
  write.dstSet = set;
  write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
  write.pBufferInfo = ranges;
  for (uint32_t i = 0; kinds[i]; ++i) {
    if (kinds[i] == 'a')
      ranges[write.descriptorCount++] = rangeAt(context, *static_cast<void **>(values[i]));
    if (write.descriptorCount == kBatch || (write.descriptorCount && !kinds[i + 1])) {
      session.driver->updateSets(session.device, 1, &write, 0, nullptr); // of as many bindings, one after the other
      write.dstBinding += write.descriptorCount;
      write.descriptorCount = 0;
    }
  }
  session.driver->bindSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel.layout, 0, 1, &set, 0, nullptr);
  return true;
}

static bool pushNumbers(lepton_context *context, VkCommandBuffer commands, const Kernel &kernel, const char *kinds,
                        void **values) {
  uint32_t numbers[kBatch], count = 0, offset = 0;
  for (uint32_t i = 0; kinds[i]; ++i) {
    if (kinds[i] != 'a') {
      const int64_t number = *static_cast<int64_t *>(values[i]);
      if (number != static_cast<int32_t>(number)) {
        lepton_error reason;
        Text(reason).add("kernel '%.200s' gets the number %lld, which is beyond the 32 bits that it counts with; use "
                         "smaller inputs",
                         runStateOf(context).lastKernel, static_cast<long long>(number));
        fail(context, LEPTON_INVALID_ARGUMENT, reason.message);
        return false;
      }
      numbers[count++] = static_cast<uint32_t>(number);
    }
    if (count == kBatch || (count && !kinds[i + 1])) {
      const auto bytes = static_cast<uint32_t>(count * sizeof(uint32_t));
      stateOf(context).driver->pushConstants(commands, kernel.layout, VK_SHADER_STAGE_COMPUTE_BIT, offset, bytes,
                                             numbers);
      offset += bytes;
      count = 0;
    }
  }
  return true;
}

static bool launch(lepton_context *context, const char *name, const char *kinds, int64_t blocks, int64_t,
                   void **values) {
  const SessionState &session = stateOf(context);
  const Kernel *kernel = findKernel(context, name, kinds);
  VkCommandBuffer commands = kernel ? nextCommand(context) : nullptr;
  if (!commands)
    return false;
  session.driver->bindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->pipeline);
  if (!bindBuffers(context, commands, *kernel, kinds, values) ||
      !pushNumbers(context, commands, *kernel, kinds, values))
    return false;
  const uint32_t most = session.limits.maxComputeWorkGroupCount[0];
  for (uint64_t begin = 0, end = static_cast<uint64_t>(blocks); begin < end; begin += most) {
    const uint64_t left = end - begin;
    session.driver->dispatchBase(commands, static_cast<uint32_t>(begin), 0, 0,
                                 static_cast<uint32_t>(left < most ? left : most), 1, 1);
  }
  return true;
}

static constexpr Gpu gpu = {open, close, prepare, dispose, allocate,       release,      upload, download,
                            copy, write, launch,  wait,    beginRecording, endRecording, replay};

} // namespace lepton::rt::vulkan

extern "C" {
extern const lepton_device_runtime lepton_rt_vulkan;
const lepton_device_runtime lepton_rt_vulkan = lepton::rt::runtimeOn(lepton::rt::vulkan::gpu);
}
