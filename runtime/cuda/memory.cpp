//===- memory.cpp - The GPU's memory of a run -------------------------------===//
//
// What a run allocates stays with its context: the next one gets the same block without asking the driver, which would wait for the GPU. All that is launched in
// a context is in one order, so that a block can be given away while the kernel that used it last is still running.
//
//===----------------------------------------------------------------------===//
#include "state.h"
#include <stdlib.h>

namespace lepton::rt::cuda {

static constexpr uint64_t kGranule = 512;

static bool makeRoom(RunState &run) {
  if (run.blockCount < run.blockSlots)
    return true;
  uint32_t slots = run.blockSlots ? 2 * run.blockSlots : 16;
  auto *blocks = static_cast<Block *>(realloc(run.blocks, slots * sizeof(Block)));
  if (!blocks)
    return false;
  run.blocks = blocks;
  run.blockSlots = slots;
  return true;
}

/// Gives the driver back what no one uses, for a block of another size.
static void trim(const Driver &driver, RunState &run) {
  driver.synchronize(run.stream);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < run.blockCount; ++i) {
    if (run.blocks[i].isFree)
      driver.free(run.blocks[i].address);
    else
      run.blocks[kept++] = run.blocks[i];
  }
  run.blockCount = kept;
}

void *allocate(lepton_context *context, uint64_t bytes) {
  RunState &run = stateOf(context);
  if (bytes > kMaxBytes)
    return nullptr;
  bytes = alignUp(bytes ? bytes : 1, kGranule);
  Block *best = nullptr;
  for (uint32_t i = 0; i < run.blockCount; ++i) {
    Block &block = run.blocks[i];
    if (block.isFree && block.bytes >= bytes && block.bytes <= 2 * bytes && (!best || block.bytes < best->bytes))
      best = &block;
  }
  if (!best) {
    const Driver &driver = *stateOf(context->session).driver;
    Address address = 0;
    if (!makeRoom(run))
      return nullptr;
    if (driver.allocate(&address, bytes) != kSuccess) {
      if (run.isCapturing)
        return nullptr;
      trim(driver, run);
      if (driver.allocate(&address, bytes) != kSuccess)
        return nullptr;
    }
    best = &run.blocks[run.blockCount++];
    *best = {address, bytes, true};
  }
  best->isFree = false;
  return reinterpret_cast<void *>(best->address);
}

void release(lepton_context *context, void *memory) {
  RunState &run = stateOf(context);
  for (uint32_t i = 0; i < run.blockCount; ++i)
    if (run.blocks[i].address == reinterpret_cast<Address>(memory))
      run.blocks[i].isFree = true;
}

void releaseAll(RunState &run) {
  for (uint32_t i = 0; i < run.blockCount; ++i)
    run.blocks[i].isFree = true;
}

bool prepare(lepton_context *context) {
  const lepton_model *model = context->session->model;
  const SessionState &session = stateOf(context->session);
  const Driver &driver = *session.driver;
  auto *run = static_cast<RunState *>(calloc(1, sizeof(RunState)));
  if (!run)
    return false;
  context->device = run;
  Current current(session);
  run->inputs = static_cast<Mirror *>(calloc(model->input_count + 1, sizeof(Mirror)));
  run->outputs = static_cast<Mirror *>(calloc(model->output_count + 1, sizeof(Mirror)));
  Address arena = 0;
  if (!run->inputs || !run->outputs || driver.createStream(&run->stream, kStreamNonBlocking) != kSuccess ||
      driver.allocate(&run->fault, sizeof(uint32_t)) != kSuccess ||
      (model->arena_bytes && driver.allocate(&arena, model->arena_bytes) != kSuccess))
    return false;
  context->arena = reinterpret_cast<void *>(arena);
  return true;
}

void dispose(lepton_context *context) {
  auto *run = static_cast<RunState *>(context->device);
  if (!run)
    return;
  const lepton_model *model = context->session->model;
  const SessionState &session = stateOf(context->session);
  const Driver &driver = *session.driver;
  {
    Current current(session);
    if (run->replay)
      driver.destroyExec(run->replay);
    if (run->stream)
      driver.destroyStream(run->stream);
    for (uint32_t i = 0; run->inputs && i < model->input_count; ++i)
      driver.free(run->inputs[i].device);
    for (uint32_t i = 0; run->outputs && i < model->output_count; ++i)
      driver.free(run->outputs[i].device);
    for (uint32_t i = 0; i < run->blockCount; ++i)
      driver.free(run->blocks[i].address);
    driver.free(run->fault);
    driver.free(reinterpret_cast<Address>(context->arena));
  }
  context->arena = nullptr;
  free(run->fetched);
  free(run->blocks);
  free(run->inputs);
  free(run->outputs);
  free(run);
  context->device = nullptr;
}

} // namespace lepton::rt::cuda
