//===- main.cpp - The program around a model (--emit=exe) -------------------===//
//
// Reads inputs from NumPy's files, runs the model, prints what comes out, and writes it to files where asked to.
// Linked before the runtime's archive; no LLVM, no C++ library.
//
//===----------------------------------------------------------------------===//
#include "../core/lepton_abi.h"
#include "../core/text.h"
#include "npy.h"
#if defined(__wasi__)
#include "../wasi/single_thread.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

using namespace lepton::rt;

namespace {

enum Status { done = 0, inputAtFault = 1, wrongUse = 2 };

struct Settings {
  uint32_t threads = 0, device = 0, repeat = 1;
  const char *outputFolder = nullptr;
};

const lepton_model &model() { return *lepton_artifact_api()->model; }

void usage(FILE *to, const char *program) {
  fprintf(to, "usage: %s [NAME=FILE.npy]... [--output-dir=DIR] [--threads=N] [--device=N] [--repeat=N]\n", program);
  fprintf(to, "Runs the model '%s'. Inputs that no file is given for are zeros, of size 1 where the size is free.\n",
          model().name);
  char text[256];
  for (uint32_t i = 0; i < model().input_count; ++i)
    fprintf(to, "  input  %s: %s\n", model().inputs[i].name,
            (Text(text, sizeof text).addDeclared(model().inputs[i]), text));
  for (uint32_t i = 0; i < model().output_count; ++i)
    fprintf(to, "  output %s: %s\n", model().outputs[i].name,
            (Text(text, sizeof text).addDeclared(model().outputs[i]), text));
}

int fail(Status status, const char *what, const char *why) {
  fprintf(stderr, "error: %s: %s\n", what, why);
  return status;
}

/// The value of `--name=value`, or null.
const char *valueOf(const char *argument, const char *name) {
  size_t length = strlen(name);
  return strncmp(argument, name, length) == 0 && argument[length] == '=' ? argument + length + 1 : nullptr;
}

bool parseCount(const char *text, uint32_t &count) {
  char *end = nullptr;
  unsigned long value = strtoul(text, &end, 10);
  count = uint32_t(value);
  return *text >= '0' && *text <= '9' && *end == '\0' && value <= 1u << 20;
}

/// The input that `NAME=FILE` names; names may contain '='.
int64_t inputOf(const char *argument, const char *&file) {
  for (uint32_t i = 0; i < model().input_count; ++i)
    if ((file = valueOf(argument, model().inputs[i].name)))
      return i;
  return -1;
}

/// Zeros, where no file is given.
bool makeZeros(const lepton_value_info &info, lepton_tensor &tensor) {
  auto *shape = static_cast<int64_t *>(calloc(info.rank + 1, sizeof(int64_t)));
  if (!shape)
    return false;
  for (uint32_t d = 0; d < info.rank; ++d)
    shape[d] = info.shape[d] < 0 ? 1 : info.shape[d];
  tensor = {nullptr, shape, info.dtype, info.rank, 0};
  return tensorBytes(info.dtype, shape, info.rank, tensor.bytes) &&
         (tensor.data = calloc(tensor.bytes ? tensor.bytes : 1, 1));
}

double milliseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return double(now.tv_sec) * 1e3 + double(now.tv_nsec) * 1e-6;
}

/// A file name from an output's name.
int write(const char *folder, const char *name, const lepton_tensor &tensor) {
  if (mkdir(folder, 0777) != 0 && errno != EEXIST)
    return fail(inputAtFault, folder, strerror(errno));
  char path[4096];
  size_t start = size_t(snprintf(path, sizeof path, "%s/", folder));
  if (start + strlen(name) + 8 > sizeof path)
    return fail(inputAtFault, folder, "the name is too long");
  snprintf(path + start, sizeof path - start, "%s%s.npy", *name && *name != '.' ? "" : "_", name);
  for (char *c = path + start; *c; ++c)
    *c = *c == '/' ? '_' : *c;
  const char *problem = writeNpy(path, tensor);
  return problem ? fail(inputAtFault, path, problem) : done;
}

int report(const Settings &settings, const lepton_tensor *outputs) {
  for (uint32_t i = 0; i < model().output_count; ++i) {
    char shape[256];
    Text(shape, sizeof shape).addShape(outputs[i].shape, outputs[i].rank);
    printf("%s: %s%s\n", model().outputs[i].name, dtypeName(outputs[i].dtype), shape);
    if (settings.outputFolder)
      if (int status = write(settings.outputFolder, model().outputs[i].name, outputs[i]))
        return status;
  }
  return fflush(stdout) == 0 ? done : fail(inputAtFault, "standard output", strerror(errno));
}

int run(const Settings &settings, const lepton_tensor *inputs) {
  const lepton_api &api = *lepton_artifact_api();
  lepton_options options = {sizeof(lepton_options), settings.threads, nullptr, nullptr, nullptr, nullptr, 0,
                            settings.device};
  lepton_session *session = nullptr;
  lepton_error error;
  auto *outputs = static_cast<lepton_tensor *>(calloc(model().output_count + 1, sizeof(lepton_tensor)));
  if (!outputs || api.session_create(api.model, &options, &session, &error) != LEPTON_OK)
    return fail(inputAtFault, model().name, outputs ? error.message : "out of memory");
  double least = 0;
  for (uint32_t i = 0; i < settings.repeat; ++i) {
    for (uint32_t k = 0; i && k < model().output_count; ++k)
      api.tensor_release(&outputs[k]);
    double begin = milliseconds();
    if (api.session_run(session, inputs, outputs, &error) != LEPTON_OK)
      return fail(inputAtFault, model().name, error.message);
    double time = milliseconds() - begin;
    least = i == 0 || time < least ? time : least;
  }
  int status = report(settings, outputs);
  if (status == done && settings.repeat > 1)
    printf("latency: minimum %.4f ms over %u runs\n", least, settings.repeat);
  api.session_destroy(session);
  return status;
}

} // namespace

#if defined(__wasi__)
/// In the place of a trap: the program has said why on standard error.
void lepton::rt::endProgram() { exit(inputAtFault); }
#endif

int main(int count, char **arguments) {
  Settings settings;
  auto *inputs = static_cast<lepton_tensor *>(calloc(model().input_count + 1, sizeof(lepton_tensor)));
  for (int i = 1; inputs && i < count; ++i) {
    const char *argument = arguments[i], *value = nullptr;
    int64_t input = inputOf(argument, value);
    if (input >= 0) {
      if (const char *problem = readNpy(value, model().inputs[input].dtype, inputs[input]))
        return fail(inputAtFault, value, problem);
    } else if (strcmp(argument, "--help") == 0) {
      usage(stdout, arguments[0]);
      return done;
    } else if ((value = valueOf(argument, "--output-dir"))) {
      settings.outputFolder = value;
    } else if (!((value = valueOf(argument, "--threads")) && parseCount(value, settings.threads)) &&
               !((value = valueOf(argument, "--device")) && parseCount(value, settings.device)) &&
               !((value = valueOf(argument, "--repeat")) && parseCount(value, settings.repeat) && settings.repeat)) {
      fprintf(stderr, "error: unknown argument '%s'\n", argument);
      usage(stderr, arguments[0]);
      return wrongUse;
    }
  }
  for (uint32_t i = 0; inputs && i < model().input_count; ++i)
    if (!inputs[i].shape && !makeZeros(model().inputs[i], inputs[i]))
      return fail(inputAtFault, model().inputs[i].name, "out of memory");
  return inputs ? run(settings, inputs) : fail(inputAtFault, model().name, "out of memory");
}
