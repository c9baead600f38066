//===- memory.cpp - Memory of a GPU by Vulkan, and the way to and from it -----===//
//
// Vulkan has buffers where the entry knows addresses: each buffer gets a range of the process's own addresses, behind which nothing lies, and an address is
// looked up among them when it is used. Where the host reaches memory of the GPU that it also caches, as with a GPU beside the CPU's cores, it copies inputs and
// outputs itself; elsewhere they go through memory of the host.
//
//===----------------------------------------------------------------------===//
#include "../core/text.h"
#include "state.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

namespace lepton::rt::vulkan {

using Number = unsigned long long;

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

constexpr VkMemoryPropertyFlags kReached =
    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT; // by the host, without flushes
constexpr VkMemoryPropertyFlags kCached = kReached | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;

constexpr uint32_t kNoType = UINT32_MAX;

/// The first type of memory among `allowed` that has what is wished most for.
static uint32_t pickType(const SessionState &session, Place place, uint32_t allowed) {
  constexpr VkMemoryPropertyFlags own = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  constexpr VkMemoryPropertyFlags wishes[][2] = {{own | kCached, own}, {kCached, kReached}};
  for (VkMemoryPropertyFlags wish : wishes[place == Place::host])
    for (uint32_t i = 0; i < session.memory.memoryTypeCount; ++i)
      if ((allowed >> i & 1) && (session.memory.memoryTypes[i].propertyFlags & wish) == wish)
        return i;
  return kNoType;
}

/// Memory for a buffer, mapped where the host makes use of that: it reads slowly what it does not cache.
static VkResult giveMemory(const SessionState &session, Place place, Buffer &buffer) {
  const Driver &driver = *session.driver;
  VkMemoryRequirements needed = {};
  driver.bufferRequirements(session.device, buffer.handle, &needed);
  VkMemoryAllocateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
  info.allocationSize = needed.size;
  info.memoryTypeIndex = pickType(session, place, needed.memoryTypeBits);
  if (info.memoryTypeIndex == kNoType)
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  VkResult result = driver.allocateMemory(session.device, &info, nullptr, &buffer.memory);
  const VkMemoryPropertyFlags flags = session.memory.memoryTypes[info.memoryTypeIndex].propertyFlags;
  const bool isMapped = place == Place::host || (flags & kCached) == kCached;
  if (result == VK_SUCCESS && isMapped)
    result =
        driver.mapMemory(session.device, buffer.memory, 0, VK_WHOLE_SIZE, 0, reinterpret_cast<void **>(&buffer.mapped));
  return result == VK_SUCCESS ? driver.bindBuffer(session.device, buffer.handle, buffer.memory, 0) : result;
}

VkResult makeBuffer(const SessionState &session, uint64_t bytes, Place place, Buffer &buffer) {
  VkBufferCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
  info.size = alignUp(bytes ? bytes : 1, kAlignment);
  info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
  VkResult result = session.driver->createBuffer(session.device, &info, nullptr, &buffer.handle);
  if (result == VK_SUCCESS) {
    buffer.bytes = info.size;
    result = giveMemory(session, place, buffer);
  }
  if (result == VK_SUCCESS && place == Place::gpu) {
    void *pages = mmap(nullptr, buffer.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    buffer.address = pages == MAP_FAILED ? nullptr : static_cast<char *>(pages);
    result = buffer.address ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
  }
  if (result != VK_SUCCESS)
    destroyBuffer(session, buffer);
  return result;
}

void destroyBuffer(const SessionState &session, Buffer &buffer) {
  if (buffer.address)
    munmap(buffer.address, buffer.bytes);
  session.driver->destroyBuffer(session.device, buffer.handle, nullptr);
  session.driver->freeMemory(session.device, buffer.memory, nullptr);
  buffer = {};
}

uint64_t deviceMemoryBytes(const SessionState &session) {
  const uint32_t type = pickType(session, Place::gpu, UINT32_MAX);
  return type == kNoType ? 0 : session.memory.memoryHeaps[session.memory.memoryTypes[type].heapIndex].size;
}

static bool holds(const Buffer &buffer, const char *address) {
  return buffer.address && address >= buffer.address && address < buffer.address + buffer.bytes;
}

const Buffer *findBuffer(const lepton_context *context, const void *address) {
  const SessionState &session = stateOf(context);
  const RunState &run = runStateOf(context);
  auto *place = static_cast<const char *>(address);
  if (holds(session.constants, place))
    return &session.constants;
  for (uint32_t i = 0; i < run.bufferCount; ++i)
    if (holds(run.buffers[i], place))
      return &run.buffers[i];
  return nullptr;
}

/// Of the workspace, which holds many tensors, the largest has been looked at (device.cpp); whatever else is allocated is one.
static bool isReached(lepton_context *context, uint64_t bytes) {
  const SessionState &session = stateOf(context);
  const bool isWorkspace = !context->arena && bytes == context->session->model->arena_bytes;
  if (isWorkspace || bytes <= session.limits.maxStorageBufferRange)
    return true;
  lepton_error reason;
  Text(reason).add("a tensor has %llu bytes, and kernels on %.256s reach no more than %llu of one; use smaller inputs",
                   Number(bytes), session.name, Number(session.limits.maxStorageBufferRange));
  fail(context, LEPTON_INVALID_ARGUMENT, reason.message);
  return false;
}

void *allocate(lepton_context *context, uint64_t bytes) {
  RunState &run = runStateOf(context);
  if (!isReached(context, bytes))
    return nullptr;
  Buffer *buffer = append(run.buffers, run.bufferCount, run.bufferSlots);
  if (!buffer)
    return nullptr;
  if (makeBuffer(stateOf(context), bytes, Place::gpu, *buffer) == VK_SUCCESS)
    return buffer->address;
  --run.bufferCount;
  return nullptr;
}

void release(lepton_context *context, void *address) {
  RunState &run = runStateOf(context);
  for (uint32_t i = 0; address && i < run.bufferCount; ++i)
    if (run.buffers[i].address == address) {
      destroyBuffer(stateOf(context), run.buffers[i]);
      run.buffers[i] = run.buffers[--run.bufferCount];
      return;
    }
}

//===----------------------------------------------------------------------===//
// Transfers
//===----------------------------------------------------------------------===//

/// A piece of memory of the host that the GPU reaches.
struct Piece {
  VkBuffer buffer;
  uint64_t offset;
  char *mapped;
};

static bool stage(lepton_context *context, uint64_t bytes, Piece &piece) {
  constexpr uint64_t kLeast = 64 * 1024;
  RunState &run = runStateOf(context);
  bytes = alignUp(bytes, kAlignment);
  if (!run.stagingCount || bytes > run.staging[run.stagingCount - 1].bytes - run.stagingUsed) {
    // After a run that took several, one of their size.
    uint64_t size = bytes > kLeast ? bytes : kLeast;
    if (!run.stagingCount && size < run.stagingHeld)
      size = run.stagingHeld;
    Buffer *buffer = append(run.staging, run.stagingCount, run.stagingSlots);
    VkResult result = buffer ? makeBuffer(stateOf(context), size, Place::host, *buffer) : VK_ERROR_OUT_OF_HOST_MEMORY;
    if (result != VK_SUCCESS) {
      run.stagingCount -= buffer != nullptr;
      return succeeds(context, result, "memory for copies to and from the GPU");
    }
    run.stagingHeld = (run.stagingCount > 1 ? run.stagingHeld : 0) + size;
    run.stagingUsed = 0;
  }
  const Buffer &last = run.staging[run.stagingCount - 1];
  piece = {last.handle, run.stagingUsed, last.mapped + run.stagingUsed};
  run.stagingUsed += bytes;
  return true;
}

static void dropStaging(lepton_context *context) {
  RunState &run = runStateOf(context);
  while (run.stagingCount)
    destroyBuffer(stateOf(context), run.staging[--run.stagingCount]);
}

bool upload(lepton_context *context, void *to, const void *from, uint64_t bytes) {
  const Buffer &buffer = *findBuffer(context, to);
  const uint64_t offset = buffer.offsetOf(to);
  if (buffer.mapped) {
    memcpy(buffer.mapped + offset, from, bytes);
    return true;
  }
  Piece piece;
  if (!stage(context, bytes, piece))
    return false;
  memcpy(piece.mapped, from, bytes);
  return copyBuffer(context, piece.buffer, buffer.handle, {piece.offset, offset, bytes});
}

bool download(lepton_context *context, void *to, const void *from, uint64_t bytes) {
  RunState &run = runStateOf(context);
  const Buffer &buffer = *findBuffer(context, from);
  const uint64_t offset = buffer.offsetOf(from);
  Download *later = append(run.downloads, run.downloadCount, run.downloadSlots);
  if (!later)
    return succeeds(context, VK_ERROR_OUT_OF_HOST_MEMORY, "a result cannot be copied from the GPU");
  if (buffer.mapped) {
    *later = {to, buffer.mapped + offset, bytes};
    return true;
  }
  Piece piece;
  if (!stage(context, bytes, piece))
    return false;
  *later = {to, piece.mapped, bytes};
  return copyBuffer(context, buffer.handle, piece.buffer, {offset, piece.offset, bytes});
}

void finishTransfers(lepton_context *context) {
  RunState &run = runStateOf(context);
  if (lepton_rt_status(context) == LEPTON_OK)
    for (uint32_t i = 0; i < run.downloadCount; ++i)
      memcpy(run.downloads[i].to, run.downloads[i].from, run.downloads[i].bytes);
  run.downloadCount = 0;
  run.stagingUsed = 0;
  if (run.stagingCount > 1)
    dropStaging(context);
}

void destroyTransfers(lepton_context *context) {
  RunState &run = runStateOf(context);
  dropStaging(context);
  free(run.staging);
  free(run.downloads);
}

} // namespace lepton::rt::vulkan
