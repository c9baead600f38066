/* Runs the model of the artifact on two rows and prints the result. */
#include "small.h"
#include <stdio.h>
int main(void) {
  float x[8] = {1, 2, 3, 4, -1, 0, 1, 2};
  int64_t shape[2] = {2, 4};
  lepton_tensor input = {x, shape, LEPTON_FLOAT, 2, sizeof x}, output = {0};
  lepton_session *session;
  lepton_error error;
  const lepton_api *api = lepton_artifact_api();
  if (api->session_create(api->model, 0, &session, &error) || api->session_run(session, &input, &output, &error)) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  for (unsigned i = 0; i < output.bytes / sizeof(float); ++i)
    printf("%g ", ((float *)output.data)[i]);
  api->tensor_release(&output);
  api->session_destroy(session);
  return 0;
}
