//===- commands.cpp - What a run has a GPU do, in one order -------------------===//
//
// All that a run asks for goes into one command buffer, a barrier in front of each command, that is submitted when the run has to wait: at its end, or where the
// entry needs what a kernel computed. What later runs repeat is in a second one, which the first calls.
//
//===----------------------------------------------------------------------===//
#include "../core/text.h"
#include "state.h"
#include <stdlib.h>

namespace lepton::rt::vulkan {

bool succeeds(lepton_context *context, VkResult result, const char *what) {
  if (result != VK_SUCCESS)
    failOnDevice(context, isOutOfMemory(result) ? LEPTON_OUT_OF_MEMORY : LEPTON_INTERNAL, what, describe(result).said,
                 describe(result).code);
  return result == VK_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Contexts
//===----------------------------------------------------------------------===//

static VkResult makeCommands(const SessionState &session, RunState &run) {
  const Driver &driver = *session.driver;
  VkCommandPoolCreateInfo poolInfo = {};
  poolInfo.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
  poolInfo.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
  poolInfo.queueFamilyIndex = session.queueFamily;
  VkResult result = driver.createCommandPool(session.device, &poolInfo, nullptr, &run.commandPool);
  Recording *const recordings[] = {&run.once, &run.repeated};
  for (Recording *recording : recordings) {
    VkCommandBufferAllocateInfo info = {};
    info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
    info.commandPool = run.commandPool;
    info.level = recording == &run.once ? VK_COMMAND_BUFFER_LEVEL_PRIMARY : VK_COMMAND_BUFFER_LEVEL_SECONDARY;
    info.commandBufferCount = 1;
    if (result == VK_SUCCESS)
      result = driver.allocateCommands(session.device, &info, &recording->commands);
  }
  VkFenceCreateInfo fenceInfo = {};
  fenceInfo.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
  return result == VK_SUCCESS ? driver.createFence(session.device, &fenceInfo, nullptr, &run.fence) : result;
}

bool prepare(lepton_context *context) {
  auto *run = static_cast<RunState *>(calloc(1, sizeof(RunState)));
  context->device = run;
  return run && makeCommands(stateOf(context), *run) == VK_SUCCESS &&
         makeBuffer(stateOf(context), sizeof(uint64_t), Place::gpu, run->scratch) == VK_SUCCESS;
}

static void destroyPools(const SessionState &session, SetPools &pools) {
  for (uint32_t i = 0; i < pools.count; ++i)
    session.driver->destroySetPool(session.device, pools.pools[i], nullptr);
  free(pools.pools);
}

void dispose(lepton_context *context) {
  const SessionState &session = stateOf(context);
  RunState &run = runStateOf(context);
  destroyTransfers(context);
  destroyBuffer(session, run.scratch);
  free(run.buffers);
  destroyPools(session, run.once.sets);
  destroyPools(session, run.repeated.sets);
  session.driver->destroyFence(session.device, run.fence, nullptr);
  session.driver->destroyCommandPool(session.device, run.commandPool, nullptr); // and its command buffers
  free(&run);
}

//===----------------------------------------------------------------------===//
// Commands
//===----------------------------------------------------------------------===//

/// What was recorded so far is never submitted, or was and is done.
static void reset(const SessionState &session, Recording &recording) {
  if (recording.hasBegun)
    session.driver->resetCommands(recording.commands, 0);
  for (uint32_t i = 0; i < recording.sets.count; ++i)
    session.driver->resetSetPool(session.device, recording.sets.pools[i], 0);
  recording.sets.current = 0;
  recording.hasBegun = false;
}

static bool begin(lepton_context *context, Recording &recording, bool isRepeated) {
  VkCommandBufferInheritanceInfo inherited = {};
  inherited.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_INFO;
  VkCommandBufferBeginInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
  info.flags = isRepeated ? 0 : VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
  info.pInheritanceInfo = isRepeated ? &inherited : nullptr;
  recording.hasBegun = succeeds(context, stateOf(context).driver->beginCommands(recording.commands, &info),
                                "the run cannot be recorded");
  return recording.hasBegun;
}

static void addBarrier(const SessionState &session, VkCommandBuffer commands, VkPipelineStageFlags until,
                       VkAccessFlags reads) {
  constexpr VkPipelineStageFlags all = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
  VkMemoryBarrier barrier = {};
  barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
  barrier.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
  barrier.dstAccessMask = reads;
  session.driver->barrier(commands, all, until, 0, 1, &barrier, 0, nullptr, 0, nullptr);
}

VkCommandBuffer nextCommand(lepton_context *context) {
  const SessionState &session = stateOf(context);
  RunState &run = runStateOf(context);
  Recording &recording = run.isRecording ? run.repeated : run.once;
  if (!recording.hasBegun && !begin(context, recording, run.isRecording))
    return nullptr;
  addBarrier(session, recording.commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
             VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_READ_BIT |
                 VK_ACCESS_TRANSFER_WRITE_BIT);
  return recording.commands;
}

bool copyBuffer(lepton_context *context, VkBuffer from, VkBuffer to, const VkBufferCopy &region) {
  VkCommandBuffer commands = nextCommand(context);
  if (commands)
    stateOf(context).driver->copyBuffer(commands, from, to, 1, &region);
  return commands;
}

/// Submits what the run has asked for, and waits for it.
static VkResult finish(SessionState &session, RunState &run) {
  const Driver &driver = *session.driver;
  addBarrier(session, run.once.commands, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
  VkSubmitInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
  info.commandBufferCount = 1;
  info.pCommandBuffers = &run.once.commands;
  if (VkResult result = driver.endCommands(run.once.commands))
    return result;
  session.queueLock.lock();
  VkResult result = driver.submit(session.queue, 1, &info, run.fence);
  session.queueLock.unlock();
  if (result == VK_SUCCESS)
    result = driver.waitForFences(session.device, 1, &run.fence, VK_TRUE, UINT64_MAX);
  return result == VK_SUCCESS ? driver.resetFences(session.device, 1, &run.fence) : result;
}

bool wait(lepton_context *context) {
  RunState &run = runStateOf(context);
  bool isDone = true;
  if (run.once.hasBegun && lepton_rt_status(context) == LEPTON_OK)
    isDone = succeeds(context, finish(stateOf(context), run), "a kernel of the model failed");
  reset(stateOf(context), run.once);
  finishTransfers(context);
  return isDone;
}

bool beginRecording(lepton_context *) { return true; }

bool endRecording(lepton_context *context) {
  const SessionState &session = stateOf(context);
  RunState &run = runStateOf(context);
  const bool isWhole =
      lepton_rt_status(context) == LEPTON_OK && (run.repeated.hasBegun || begin(context, run.repeated, true)) &&
      succeeds(context, session.driver->endCommands(run.repeated.commands), "the run cannot be recorded");
  if (!isWhole)
    reset(session, run.repeated);
  return isWhole;
}

bool replay(lepton_context *context) {
  VkCommandBuffer commands = nextCommand(context);
  if (commands)
    stateOf(context).driver->execute(commands, 1, &runStateOf(context).repeated.commands);
  return commands;
}

//===----------------------------------------------------------------------===//
// Descriptor sets
//===----------------------------------------------------------------------===//

static VkResult addPool(const SessionState &session, SetPools &sets, uint32_t buffers) {
  constexpr uint32_t kSets = 64, kBuffers = 512;
  VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, buffers > kBuffers ? buffers : kBuffers};
  VkDescriptorPoolCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO;
  info.maxSets = kSets;
  info.poolSizeCount = 1;
  info.pPoolSizes = &size;
  VkDescriptorPool *pool = append(sets.pools, sets.count, sets.slots);
  VkResult result =
      pool ? session.driver->createSetPool(session.device, &info, nullptr, pool) : VK_ERROR_OUT_OF_HOST_MEMORY;
  if (result != VK_SUCCESS && pool)
    --sets.count;
  return result;
}

VkDescriptorSet allocateSet(lepton_context *context, const Kernel &kernel) {
  const SessionState &session = stateOf(context);
  RunState &run = runStateOf(context);
  SetPools &sets = (run.isRecording ? run.repeated : run.once).sets;
  VkDescriptorSetAllocateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO;
  info.descriptorSetCount = 1;
  info.pSetLayouts = &kernel.setLayout;
  VkDescriptorSet set = VK_NULL_HANDLE;
  for (;; ++sets.current) { // until a pool is not full
    const bool isNew = sets.current == sets.count;
    VkResult result = isNew ? addPool(session, sets, kernel.buffers) : VK_SUCCESS;
    if (result == VK_SUCCESS) {
      info.descriptorPool = sets.pools[sets.current];
      result = session.driver->allocateSets(session.device, &info, &set);
    }
    if (result == VK_SUCCESS)
      return set;
    if (isNew) {
      succeeds(context, result, "a kernel's buffers cannot be bound");
      return VK_NULL_HANDLE;
    }
  }
}

} // namespace lepton::rt::vulkan
