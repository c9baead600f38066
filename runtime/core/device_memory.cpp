//===- device_memory.cpp - A GPU's memory of a run ----------------------------===//
//
// What a run allocates stays with its context: the next one gets the same block without asking the driver, which would wait for the GPU. All that is launched in
// a context is in one order, so that a block can be given away while the kernel that used it last is still running.
//
//===----------------------------------------------------------------------===//
#include "gpu.h"
#include <stdlib.h>

namespace lepton::rt {

static constexpr uint64_t kGranule = 512;

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Gives the driver back what no one uses, for a block of another size.
static void trim(lepton_context *context) {
  DeviceRun &run = runOf(context);
  const Gpu &gpu = gpuOf(context);
  gpu.wait(context);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < run.blockCount; ++i) {
    if (run.blocks[i].isFree)
      gpu.free(context, run.blocks[i].address);
    else
      run.blocks[kept++] = run.blocks[i];
  }
  run.blockCount = kept;
}

void *allocateOnDevice(lepton_context *context, uint64_t bytes) {
  DeviceRun &run = runOf(context);
  if (bytes > kMaxBytes)
    return nullptr;
  bytes = alignUp(bytes ? bytes : 1, kGranule);
  DeviceBlock *best = nullptr;
  for (uint32_t i = 0; i < run.blockCount; ++i) {
    DeviceBlock &block = run.blocks[i];
    if (block.isFree && block.bytes >= bytes && block.bytes <= 2 * bytes && (!best || block.bytes < best->bytes))
      best = &block;
  }
  if (!best) {
    void *address = gpuOf(context).allocate(context, bytes);
    if (!address && !run.isRecording) {
      trim(context);
      address = gpuOf(context).allocate(context, bytes);
    }
    if (!address)
      return nullptr;
    best = append(run.blocks, run.blockCount, run.blockSlots);
    if (!best) {
      gpuOf(context).free(context, address);
      return nullptr;
    }
    *best = {address, bytes, true};
  }
  best->isFree = false;
  return best->address;
}

void releaseOnDevice(lepton_context *context, void *memory) {
  DeviceRun &run = runOf(context);
  for (uint32_t i = 0; i < run.blockCount; ++i)
    if (run.blocks[i].address == memory)
      run.blocks[i].isFree = true;
}

void releaseBlocks(DeviceRun &run) {
  for (uint32_t i = 0; i < run.blockCount; ++i)
    run.blocks[i].isFree = true;
}

//===----------------------------------------------------------------------===//
// Contexts
//===----------------------------------------------------------------------===//

bool prepareDevice(lepton_context *context) {
  const lepton_model *model = context->session->model;
  const Gpu &gpu = gpuOf(context);
  if (!gpu.prepare(context))
    return false;
  DeviceRun &run = runOf(context);
  run.inputs = static_cast<Mirror *>(calloc(model->input_count + 1, sizeof(Mirror)));
  run.outputs = static_cast<Mirror *>(calloc(model->output_count + 1, sizeof(Mirror)));
  run.fault = gpu.allocate(context, sizeof(uint32_t));
  if (model->arena_bytes)
    context->arena = gpu.allocate(context, model->arena_bytes);
  return run.inputs && run.outputs && run.fault && (context->arena || !model->arena_bytes);
}

void disposeDevice(lepton_context *context) {
  if (!context->device)
    return;
  const lepton_model *model = context->session->model;
  const Gpu &gpu = gpuOf(context);
  DeviceRun &run = runOf(context);
  for (uint32_t i = 0; run.inputs && i < model->input_count; ++i)
    gpu.free(context, run.inputs[i].device);
  for (uint32_t i = 0; run.outputs && i < model->output_count; ++i)
    gpu.free(context, run.outputs[i].device);
  for (uint32_t i = 0; i < run.blockCount; ++i)
    gpu.free(context, run.blocks[i].address);
  gpu.free(context, run.fault);
  gpu.free(context, context->arena);
  context->arena = nullptr;
  free(run.fetched);
  free(run.blocks);
  free(run.inputs);
  free(run.outputs);
  gpu.dispose(context);
  context->device = nullptr;
}

//===----------------------------------------------------------------------===//
// Mirrors
//===----------------------------------------------------------------------===//

bool reserveMirror(lepton_context *context, Mirror &mirror, void *host, uint64_t bytes) {
  const Gpu &gpu = gpuOf(context);
  mirror.host = static_cast<char *>(host);
  mirror.bytes = bytes;
  if (bytes <= mirror.capacity)
    return true;
  if (mirror.device) {
    gpu.wait(context);
    gpu.free(context, mirror.device);
  }
  mirror = {mirror.host, bytes, gpu.allocate(context, bytes), 0};
  if (mirror.device)
    mirror.capacity = bytes;
  return mirror.device;
}

static bool findIn(const Mirror *mirrors, uint32_t count, const char *address, void *&found) {
  for (uint32_t i = 0; i < count; ++i) {
    const Mirror &mirror = mirrors[i];
    if (!mirror.host || address < mirror.host || address >= mirror.host + mirror.bytes)
      continue;
    found = static_cast<char *>(mirror.device) + (address - mirror.host);
    return true;
  }
  return false;
}

void *onDevice(lepton_context *context, const void *address) {
  const lepton_model *model = context->session->model;
  const DeviceRun &run = runOf(context);
  Mirror weights = {const_cast<char *>(static_cast<const char *>(model->device_code->weights)), model->weights_bytes,
                    sessionOf(context).weights, 0};
  auto *place = static_cast<const char *>(address);
  void *found = const_cast<void *>(address);
  if (!findIn(&weights, 1, place, found) && !findIn(run.outputs, model->output_count, place, found))
    findIn(run.inputs, model->input_count, place, found);
  return found;
}

} // namespace lepton::rt
