/* emulator.h - what the code of a GPU, compiled for the CPU, asks of the emulator, and what the emulator finds out from it. */
#ifndef LEPTON_TEST_GPU_EMULATOR_H
#define LEPTON_TEST_GPU_EMULATOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory that the threads of a block share. */
typedef struct emulator_shared {
  void *address;
  uint64_t bytes;
} emulator_shared;

typedef struct emulator_kernel {
  const char *name;
  void (*call)(void **arguments); /* as one thread; the addresses of the arguments */
  const emulator_shared *shared;
  uint64_t shared_count;
  uint64_t has_barriers;
  const uint64_t *argument_bytes;
  uint64_t argument_count;
} emulator_kernel;

/* Made by the pass Retarget. */
extern const emulator_kernel emulator_kernels[];
extern const uint64_t emulator_kernel_count;

int32_t emulator_thread(void); /* threadIdx.x */
int32_t emulator_block(void);  /* blockIdx.x */
void emulator_barrier(void);
/* What the warp of the calling thread computes together by mma.sync: adds to the four sums the products of its threads' four and two words, of which each is a number of TF32
   (m16n8k8), or two of float16 or bfloat16 (m16n8k16). */
enum emulator_multiplicand { EMULATOR_TF32, EMULATOR_FP16, EMULATOR_BF16 };
void emulator_multiply_add(const uint32_t *rows, const uint32_t *columns, float *sums, int32_t multiplicand);
/* What the warp loads together by ldmatrix.x4: four words of the thread, of four matrices of 8 lines. The thread names the line of 16 bytes that is its number's. */
void emulator_load_matrices(const void *line, uint32_t *words, int32_t is_transposed);
/* cp.async: `copied` bytes, and zeros up to `bytes`. They arrive as late as they may: when the thread waits for the group that it closed after it. Until then there is NaN. */
void emulator_copy(void *to, const void *from, int32_t bytes, int32_t copied);
void emulator_close_group(void);
void emulator_wait_groups(int32_t but); /* for all groups but so many */
uint32_t emulator_tf32(float number);   /* rounded to nearest, halves away from zero */

/* What an image exports: the kernel of a name, NULL if there is none; and its run, which returns 0, or 1 where there are too many blocks or threads. */
const emulator_kernel *emulator_find(const char *name);
int32_t emulator_launch(const emulator_kernel *kernel, int64_t blocks, int64_t threads, void **values);

#ifdef __cplusplus
}
#endif
#endif
