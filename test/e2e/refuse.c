/* refuse ARTIFACT: runs a model while the system refuses it memory, at each allocation in turn.
 *
 * A session is made, runs twice, and ends. Whatever is refused, the call that needed it says so in words, and the same work succeeds right afterwards, with
 * the result of the first time. Prints how many allocations were refused. */
#include "lepton_abi.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static int isOn, refused;
static long left; /* allocations until the one that is refused */

static int refuses(void) {
  if (!isOn || __atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED) != 0)
    return 0;
  refused = 1;
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size) { return refuses() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return refuses() ? NULL : __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return refuses() ? NULL : __libc_realloc(memory, size); }
void *memalign(size_t alignment, size_t size) { return refuses() ? NULL : __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **memory, size_t alignment, size_t size) {
  *memory = memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}

static const lepton_api *api;
static float data[4096];
static const char *texts[8] = {"one", "two", "three", "four", "a", "b", "c", "d"};
static lepton_tensor inputs[8];
static int64_t shapes[8][8];

/* 0 with the first output's bytes in `result`, or a status with a message. */
static lepton_status work(char *result, size_t *bytes, lepton_error *error) {
  lepton_session *session = NULL;
  lepton_options options = {sizeof options, 2, NULL, NULL, NULL};
  lepton_status status = api->session_create(api->model, &options, &session, error);
  for (int i = 0; i < 2 && status == LEPTON_OK; ++i) {
    lepton_tensor outputs[8] = {{0}};
    status = api->session_run(session, inputs, outputs, error);
    if (status != LEPTON_OK)
      break;
    *bytes = outputs[0].bytes;
    if (outputs[0].dtype == LEPTON_FLOAT)
      memcpy(result, outputs[0].data, *bytes);
    for (uint32_t o = 0; o < api->model->output_count; ++o)
      api->tensor_release(&outputs[o]);
  }
  if (session)
    api->session_destroy(session);
  return status;
}

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  const lepton_api *(*give)(void) = NULL;
  if (!library)
    return 1;
  *(void **)&give = dlsym(library, "lepton_artifact_api");
  api = give();
  for (size_t i = 0; i < 4096; ++i)
    data[i] = (float)(i % 17) - 5;
  for (uint32_t i = 0; i < api->model->input_count; ++i) {
    const lepton_value_info *info = &api->model->inputs[i];
    uint64_t count = 1;
    for (uint32_t d = 0; d < info->rank; ++d)
      count *= (uint64_t)(shapes[i][d] = info->shape[d] < 0 ? 2 : info->shape[d]);
    int isText = info->dtype == LEPTON_STRING;
    inputs[i] = (lepton_tensor){isText ? (void *)texts : data, shapes[i], info->dtype, info->rank,
                                count * (isText ? sizeof(char *) : 4)};
  }
  static char first[65536], again[65536];
  size_t size, bytes;
  lepton_error error = {{0}};
  if (work(first, &size, &error)) {
    printf("%s\n", error.message);
    return 1;
  }
  int count = 0;
  for (long n = 1;; ++n) {
    error.message[0] = 0;
    refused = 0;
    left = n;
    isOn = 1;
    lepton_status status = work(again, &bytes, &error);
    isOn = 0;
    if (!refused)
      break;
    ++count;
    if (status != LEPTON_OK && (status != LEPTON_OUT_OF_MEMORY || !strstr(error.message, "memory"))) {
      printf("allocation %ld: status %d: %s\n", n, (int)status, error.message);
      return 1;
    }
    if (status == LEPTON_OK && (bytes != size || memcmp(first, again, size))) {
      printf("allocation %ld: another result\n", n);
      return 1;
    }
    if (work(again, &bytes, &error) || bytes != size || memcmp(first, again, size)) {
      printf("after allocation %ld: %s\n", n, error.message);
      return 1;
    }
  }
  printf("%d\n", count);
  return 0;
}
