//===- emulator.cpp - runs the functions of a GPU on the CPU, a fiber for each thread -----------------------===//
//
// Blocks run one after the other. The threads of a block are fibers, which change at barriers alone, the last thread first in one block and the first one in the
// next: it is as far ahead of the others as barriers let it be, so that a barrier that is missing shows. Where the threads of a warp compute or load together, the warp alone
// changes its fibers, and goes on to the barrier. Shared memory is full of NaN when a block begins, and copies arrive when they are waited for. What is at fault ends the
// run with a message.
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
constexpr int mostThreads = 1024, warpThreads = 32, mostCopies = 256;

/// Where a fiber has stopped.
enum Place { atBarrier, atMeeting, atEnd };

struct Fiber {
  void *stackPointer;
  char *stack;
  Place place;
};

Fiber fibers[mostThreads];
void *scheduler; // its stack
const emulator_kernel *running;
void **arguments;
int thread, block;

/// What the threads of each warp bring to a product, or to a load of matrices. A thread may bring the next one's before the others have computed this one, but not the one
/// after it.
struct Fragments {
  uint32_t rows[4], columns[2];
  const char *line;
};
Fragments fragments[2][mostThreads];
uint8_t turn[mostThreads];

/// Copies of each thread that have not arrived, and the number of the group that is open.
struct Copy {
  char *to;
  const char *from;
  int32_t bytes, copied, group;
};
struct Copies {
  Copy list[mostCopies];
  int count, group;
};
Copies copies[mostThreads];

float asFloat(uint32_t bits) {
  float number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

float fromHalf(uint32_t bits) {
  const uint32_t sign = (bits & 0x8000) << 16, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  if (exponent == 0)
    return asFloat(sign | 0x3f800000) * float(mantissa) / (1 << 24);
  return asFloat(sign | (exponent == 31 ? 255 : exponent + 112) << 23 | mantissa << 13);
}

/// The number at a depth, of words that hold one or two each.
float numberAt(uint32_t word, int depth, int32_t multiplicand) {
  if (multiplicand == EMULATOR_TF32)
    return asFloat(word);
  const uint32_t bits = word >> (depth % 2 * 16) & 0xffff;
  return multiplicand == EMULATOR_FP16 ? fromHalf(bits) : asFloat(bits << 16);
}

[[noreturn]] void stop(const char *what) {
  fprintf(stderr, "emulator: kernel '%s', block %d: %s\n", running ? running->name : "?", block, what);
  exit(3);
}

void leave(Place place) {
  fibers[thread].place = place;
  emulatorSwitch(&fibers[thread].stackPointer, scheduler);
}

/// Where a fiber begins.
void body() {
  running->call(arguments);
  leave(atEnd);
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
}

/// The threads of a warp up to the next barrier. Returns how many have ended.
int runWarp(int first, int threads) {
  for (;;) {
    int at[] = {0, 0, 0};
    for (int i = 0; i < threads; ++i) {
      thread = first + (block % 2 ? i : threads - 1 - i);
      emulatorSwitch(&scheduler, fibers[thread].stackPointer);
      ++at[fibers[thread].place];
    }
    if (at[atMeeting] == 0)
      return at[atEnd];
    if (at[atMeeting] < threads)
      stop("some threads of a warp compute together, others do not come");
  }
}

/// All warps up to the next barrier, until all threads are done.
void runBlock(int threads) {
  const int warps = (threads + warpThreads - 1) / warpThreads;
  for (int i = 0; i < threads; ++i) {
    prepare(fibers[i]);
    copies[i].count = copies[i].group = 0;
  }
  for (;;) {
    int done = 0;
    for (int i = 0; i < warps; ++i) {
      const int first = (block % 2 ? i : warps - 1 - i) * warpThreads;
      done += runWarp(first, threads - first < warpThreads ? threads - first : warpThreads);
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
void emulator_barrier(void) { leave(atBarrier); }

uint32_t emulator_tf32(float number) {
  uint32_t bits;
  memcpy(&bits, &number, sizeof bits);
  if (number != number)
    return bits;
  return (bits + 0x1000) & ~uint32_t(0x1fff); // 10 bits of mantissa are left
}

void emulator_copy(void *to, const void *from, int32_t bytes, int32_t copied) {
  Copies &own = copies[thread];
  if (uintptr_t(to) % bytes || (copied && uintptr_t(from) % bytes))
    stop("a copy's address is no multiple of its size");
  if (own.count == mostCopies)
    stop("too many copies are under way");
  memset(to, 0xff, bytes);
  own.list[own.count++] = {static_cast<char *>(to), static_cast<const char *>(from), bytes, copied, own.group};
}

void emulator_close_group(void) { ++copies[thread].group; }

void emulator_wait_groups(int32_t but) {
  Copies &own = copies[thread];
  int left = 0;
  for (int i = 0; i < own.count; ++i) {
    const Copy &copy = own.list[i];
    if (copy.group >= own.group - but) {
      own.list[left++] = copy;
      continue;
    }
    memset(copy.to, 0, copy.bytes);
    memcpy(copy.to, copy.from, copy.copied);
  }
  own.count = left;
}

void emulator_load_matrices(const void *line, uint32_t *words, int32_t isTransposed) {
  const int own = turn[thread] ^= 1, warp = thread / warpThreads * warpThreads, lane = thread % warpThreads;
  fragments[own][thread].line = static_cast<const char *>(line);
  if (uintptr_t(line) % 16)
    stop("a line of a matrix is not at a multiple of 16 bytes");
  leave(atMeeting); // until all of the warp have named theirs
  for (int matrix = 0; matrix < 4; ++matrix) {
    const Fragments *lines = &fragments[own][warp + matrix * 8];
    uint16_t halves[2];
    for (int i = 0; i < 2; ++i) {
      const int other = lane % 4 * 2 + i;
      const char *from = isTransposed ? lines[other].line + lane / 4 * 2 : lines[lane / 4].line + other * 2;
      memcpy(&halves[i], from, 2);
    }
    words[matrix] = halves[0] | uint32_t(halves[1]) << 16;
  }
}

/* What code of the CPU calls to round to bfloat16, to the nearest number, where it has no instruction for it. A bfloat16 is returned where the lower half of a float is. */
float __truncsfbf2(float number) {
  uint32_t bits;
  memcpy(&bits, &number, sizeof bits);
  return asFloat(number != number ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void emulator_multiply_add(const uint32_t *rows, const uint32_t *columns, float *sums, int32_t multiplicand) {
  const int own = turn[thread] ^= 1, warp = thread / warpThreads * warpThreads, lane = thread % warpThreads;
  memcpy(fragments[own][thread].rows, rows, 4 * sizeof(uint32_t));
  memcpy(fragments[own][thread].columns, columns, 2 * sizeof(uint32_t));
  leave(atMeeting); // until all of the warp have brought theirs
  const int perWord = multiplicand == EMULATOR_TF32 ? 1 : 2;
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    for (int depth = 0; depth < 8 * perWord; ++depth) {
      const int word = depth / perWord;
      sums[i] +=
          numberAt(fragments[own][warp + row % 8 * 4 + word % 4].rows[row / 8 + word / 4 * 2], depth, multiplicand) *
          numberAt(fragments[own][warp + column * 4 + word % 4].columns[word / 4], depth, multiplicand);
    }
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
