//===- emulator.cpp - runs the functions of a GPU on the CPU, a fiber for each thread -----------------------===//
//
// Blocks run one after the other. The threads of a block are fibers, which change at barriers alone, the last thread first in one block and the first one in the
// next: it is as far ahead of the others as barriers let it be, so that a barrier that is missing shows. Shared memory is full of NaN when a block begins. What is at
// fault ends the run with a message.
//
// Only the C library: it is linked with the kernels into the image that cuda.cpp loads.
//
//===-----------------------------------------------------------------------------------------------------------===//

#include "emulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern "C" void emulatorSwitch(void **from, void *to);
asm(R"(
.text
.hidden emulatorSwitch
.globl emulatorSwitch
emulatorSwitch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

namespace {

constexpr size_t stackBytes = 64 * 1024;
constexpr int mostThreads = 1024;

struct Fiber {
  void *stackPointer;
  char *stack;
  bool isDone;
};

Fiber fibers[mostThreads];
void *scheduler; // its stack
const emulator_kernel *running;
void **arguments;
int thread, block;

/// What the threads of each warp bring to a product. A thread may bring the next one's before the others have computed this one, but not the one after it.
struct Fragments {
  uint32_t rows[4], columns[2];
};
Fragments fragments[2][mostThreads];
uint8_t turn[mostThreads];

float asFloat(uint32_t bits) {
  float number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

[[noreturn]] void stop(const char *what) {
  fprintf(stderr, "emulator: kernel '%s', block %d: %s\n", running ? running->name : "?", block, what);
  exit(3);
}

void leave() { emulatorSwitch(&fibers[thread].stackPointer, scheduler); }

/// Where a fiber begins.
void body() {
  running->call(arguments);
  fibers[thread].isDone = true;
  leave();
}

void prepare(Fiber &fiber) {
  if (!fiber.stack) {
    void *pages = mmap(nullptr, stackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
      stop("no memory for a stack");
    fiber.stack = static_cast<char *>(pages);
  }
  // The address to return to, aligned as a call leaves it, below the saved registers.
  void **top = reinterpret_cast<void **>(fiber.stack + stackBytes - 64);
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(body);
  for (int i = 0; i < 6; ++i)
    *--top = nullptr;
  fiber.stackPointer = top;
  fiber.isDone = false;
}

/// All threads up to the next barrier, until all are done.
void runBlock(int threads) {
  for (int i = 0; i < threads; ++i)
    prepare(fibers[i]);
  for (;;) {
    int done = 0;
    for (int i = 0; i < threads; ++i) {
      thread = block % 2 ? i : threads - 1 - i;
      emulatorSwitch(&scheduler, fibers[thread].stackPointer);
      done += fibers[thread].isDone;
    }
    if (done == threads)
      return;
    if (done)
      stop("some threads have ended, others wait at a barrier");
  }
}

} // namespace

extern "C" {

int32_t emulator_thread(void) { return thread; }
int32_t emulator_block(void) { return block; }
void emulator_barrier(void) { leave(); }

uint32_t emulator_tf32(float number) {
  uint32_t bits;
  memcpy(&bits, &number, sizeof bits);
  return (bits + 0x1000) & ~uint32_t(0x1fff); // 10 bits of mantissa are left
}

void emulator_multiply_add(const uint32_t *rows, const uint32_t *columns, float *sums) {
  const int own = turn[thread] ^= 1, warp = thread / 32 * 32, lane = thread % 32;
  memcpy(fragments[own][thread].rows, rows, 4 * sizeof(uint32_t));
  memcpy(fragments[own][thread].columns, columns, 2 * sizeof(uint32_t));
  leave(); // until all of the warp have brought theirs
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    for (int depth = 0; depth < 8; ++depth)
      sums[i] += asFloat(fragments[own][warp + row % 8 * 4 + depth % 4].rows[row / 8 + depth / 4 * 2]) *
                 asFloat(fragments[own][warp + column * 4 + depth % 4].columns[depth / 4]);
  }
}

__attribute__((visibility("default"))) int32_t emulator_launch(const emulator_kernel *kernel, int64_t blocks,
                                                               int64_t threads, void **values) {
  running = kernel;
  arguments = values;
  if (threads < 1 || threads > mostThreads || blocks < 1 || blocks > INT32_MAX)
    return 1;
  for (block = 0; block < blocks; ++block) {
    for (uint64_t i = 0; i < running->shared_count; ++i)
      memset(running->shared[i].address, 0xff, running->shared[i].bytes);
    if (running->has_barriers)
      runBlock(int(threads));
    else
      for (thread = 0; thread < threads; ++thread)
        running->call(arguments);
  }
  return 0;
}

__attribute__((visibility("default"))) const emulator_kernel *emulator_find(const char *name) {
  for (uint64_t i = 0; i < emulator_kernel_count; ++i)
    if (!strcmp(emulator_kernels[i].name, name))
      return &emulator_kernels[i];
  return nullptr;
}

} // extern "C"
