/* abi_test.c - the interface as plain C sees it: an artifact by its table alone, strict C99.
 *
 * Also the proof that the runtime needs nothing but the C library, and, cross-compiled, that it runs on AArch64.
 */
#include "runtime/core/lepton_abi.h"
#include <stdio.h>
#include <string.h>

static const int64_t shape[2] = {-1, 4};
static const char *const names[2] = {"N", NULL};
static const lepton_value_info input = {"x", shape, names, LEPTON_FLOAT, 2, NULL};
static const lepton_value_info output = {"y", shape, names, LEPTON_FLOAT, 2, NULL};

static void square(lepton_context *context, void *args, int64_t begin, int64_t end) {
  float **tensors = args;
  int64_t i;
  (void)context;
  for (i = begin; i < end; ++i)
    tensors[1][i] = tensors[0][i] * tensors[0][i];
}

static int32_t entry(lepton_context *context) {
  const int64_t *sizes = lepton_rt_input_shape(context, 0);
  float *tensors[2];
  tensors[0] = lepton_rt_input(context, 0);
  tensors[1] = lepton_rt_output(context, 0, sizes);
  lepton_rt_free(context, lepton_rt_alloc(context, 1000));
  memset(lepton_rt_arena(context), 0, 100);
  if (sizes[0] > 1000)
    lepton_rt_fail(context, "too long");
  lepton_rt_parallel_for(context, sizes[0] * sizes[1], 4, square, tensors);
  return lepton_rt_status(context);
}

const lepton_model lepton_artifact_model = {LEPTON_ABI_VERSION,
                                            sizeof(lepton_model),
                                            "squares",
                                            "any",
                                            "",
                                            &input,
                                            &output,
                                            1,
                                            1,
                                            100,
                                            0,
                                            0,
                                            2,
                                            1,
                                            entry,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0};

static int expect(int holds, const char *what) {
  if (!holds)
    fprintf(stderr, "failed: %s\n", what);
  return !holds;
}

int main(void) {
  const lepton_api *api = lepton_artifact_api();
  lepton_options options = {sizeof(lepton_options), 2, NULL, NULL, NULL, NULL, 0, 0};
  lepton_session *session = NULL;
  lepton_error error;
  float x[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  int64_t sizes[2] = {3, 4};
  lepton_tensor in, out = {NULL, NULL, 0, 0, 0};
  int failures = 0, i;
  in.data = x;
  in.shape = sizes;
  in.dtype = LEPTON_FLOAT;
  in.rank = 2;
  in.bytes = sizeof x;
  failures += expect(api->abi_version == LEPTON_ABI_VERSION && api->struct_bytes == sizeof(lepton_api), "versions");
  failures += expect(api->model == &lepton_artifact_model, "model");
  if (expect(api->session_create(api->model, &options, &session, &error) == LEPTON_OK, "session"))
    return 1;
  for (i = 0; i < 100; ++i) {
    failures += expect(api->session_run(session, &in, &out, &error) == LEPTON_OK, error.message);
    failures += expect(out.bytes == sizeof x && out.shape[0] == 3 && ((float *)out.data)[11] == 121.0f, "result");
    api->tensor_release(&out);
  }
  sizes[1] = 5;
  failures += expect(api->session_run(session, &in, &out, &error) == LEPTON_INVALID_ARGUMENT, "refusal");
  failures += expect(
      strcmp(error.message, "input 'x' has shape [3,5], expected float32 [N,4]; give it that shape") == 0, "words");
  api->session_destroy(session);
  puts(failures ? "FAILED" : "ok");
  return failures != 0;
}
