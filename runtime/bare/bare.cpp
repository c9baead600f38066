//===- bare.cpp - What a model needs where there is no runtime (--runtime=none) ---===//
//
// One thread, no C library, no allocation: the functions of lepton_abi.h that compiled code still calls when all sizes are known, on memory of the
// caller. Joined with the code into one object, in which they are local.
//
//===----------------------------------------------------------------------===//
#include "../core/lepton_abi.h"

struct lepton_context {
  const void *const *inputs;
  void *const *outputs;
  void *workspace;
  const char *message;
};

extern "C" {

void *lepton_rt_input(lepton_context *context, int64_t i) { return const_cast<void *>(context->inputs[i]); }

void *lepton_rt_output(lepton_context *context, int64_t i, const int64_t *) { return context->outputs[i]; }

void *lepton_rt_arena(lepton_context *context) { return context->workspace; }

void lepton_rt_parallel_for(lepton_context *context, int64_t n, int64_t, lepton_rt_body body, void *args) {
  if (n > 0)
    body(context, args, 0, n);
}

void lepton_rt_fail(lepton_context *context, const char *message) {
  if (!context->message)
    context->message = message;
}

/// What the function of the header calls. Messages are constant data of the object.
int32_t lepton_bare_run(lepton_entry_function entry, const void *const *inputs, void *const *outputs, void *workspace,
                        const char **error) {
  lepton_context context = {inputs, outputs, workspace, nullptr};
  if (uintptr_t(workspace) % 64 != 0)
    context.message = "the workspace is not aligned to 64 bytes";
  else
    (void)entry(&context);
  if (error)
    *error = context.message;
  return context.message ? LEPTON_INVALID_ARGUMENT : LEPTON_OK;
}

// What compilers call for large copies.

void *memcpy(void *to, const void *from, size_t size) {
  for (size_t i = 0; i < size; ++i)
    static_cast<char *>(to)[i] = static_cast<const char *>(from)[i];
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  if (uintptr_t(to) <= uintptr_t(from))
    return memcpy(to, from, size);
  for (size_t i = size; i > 0; --i)
    static_cast<char *>(to)[i - 1] = static_cast<const char *>(from)[i - 1];
  return to;
}

void *memset(void *to, int value, size_t size) {
  for (size_t i = 0; i < size; ++i)
    static_cast<char *>(to)[i] = static_cast<char>(value);
  return to;
}

} // extern "C"
