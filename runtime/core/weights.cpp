//===- weights.cpp - Constants in a file beside the artifact ----------------===//
//
// The artifact says the file's name and the hash of its constants. An encrypted file is decrypted by liblepton (codegen/artifact/WeightsEncryption.h), which has
// the cryptography, and gives what is in it. The hash is compared with the one in the file's header, not computed: that would
// read all of the file. Whoever does not trust the file has it checked by the loader (lepton run --verify-key).
//
//===----------------------------------------------------------------------===//
#include "weights.h"
#include "text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lepton::rt {

static_assert(sizeof(lepton_weights_header) == 128, "the constants are aligned");

/// The path of the file that is mapped at an address, to be freed; null where the system does not tell. The loader's own name for it would be that
/// under which the library was opened or the program called, from whatever folder that was.
static char *fileAt(const void *address) {
  FILE *maps = fopen("/proc/self/maps", "re");
  if (!maps)
    return nullptr;
  char *line = nullptr, *found = nullptr;
  size_t room = 0;
  while (!found && getline(&line, &room, maps) > 0) {
    unsigned long begin, end;
    int path = 0;
    if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &begin, &end, &path) != 2 || line[path] != '/' ||
        uintptr_t(address) < begin || uintptr_t(address) >= end)
      continue;
    line[strcspn(line, "\n")] = '\0';
    found = strdup(line + path);
  }
  free(line);
  fclose(maps);
  return found;
}

/// `name` in the folder of the artifact, to be freed; null where the folder is not known.
static char *besideArtifact(const lepton_model *model, const char *name) {
  char *artifact = fileAt(model);
  char *slash = artifact ? strrchr(artifact, '/') : nullptr;
  if (!slash) {
    free(artifact);
    return nullptr;
  }
  slash[1] = '\0';
  const size_t size = strlen(artifact) + strlen(name) + 1;
  auto *path = static_cast<char *>(malloc(size));
  if (path)
    snprintf(path, size, "%s%s", artifact, name);
  free(artifact);
  return path;
}

/// What is wrong with a file of this size that begins with this header; null where nothing is.
static const char *faultOf(const lepton_model *model, const lepton_weights_header &header, uint64_t bytes) {
  if (bytes >= sizeof header && memcmp(header.magic, LEPTON_ENCRYPTED_WEIGHTS_MAGIC, sizeof header.magic) == 0)
    return "is encrypted; load the artifact by liblepton, with its key (--weights-key), or decrypt it and give what is "
           "in "
           "it in weights_data of the options";
  if (bytes < sizeof header || memcmp(header.magic, LEPTON_WEIGHTS_MAGIC, sizeof header.magic) != 0)
    return "is no file of constants; compile the model again";
  if (header.version != LEPTON_WEIGHTS_VERSION || header.header_bytes != sizeof header)
    return "was written by another version of Lepton; compile the model again";
  if (header.weights_bytes != model->weights_bytes ||
      memcmp(header.sha256, model->weights_file->sha256, sizeof header.sha256) != 0)
    return "belongs to another build of the model: its hash is not the one that the artifact names; put the file there "
           "that was written with this artifact";
  if (bytes - sizeof header < header.weights_bytes)
    return "is truncated; copy it again, or compile the model again";
  return nullptr;
}

static lepton_status mapFile(lepton_session *session, int file, const char *path, lepton_error &error) {
  const lepton_model *model = session->model;
  lepton_weights_header header = {};
  struct stat status;
  const bool isRead = fstat(file, &status) == 0 && pread(file, &header, sizeof header, 0) >= 0;
  if (!isRead) {
    Text(error).add("the constants of model '%.100s' cannot be read from '%.300s': %s", model->name, path,
                    strerror(errno));
    return LEPTON_INVALID_ARGUMENT;
  }
  if (const char *fault = faultOf(model, header, uint64_t(status.st_size))) {
    Text(error).add("the constants of model '%.100s': '%.300s' %s", model->name, path, fault);
    return LEPTON_INCOMPATIBLE;
  }
  void *mapped = mmap(nullptr, sizeof header + model->weights_bytes, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    Text(error).add("the constants of model '%.100s' cannot be mapped from '%.300s': %s", model->name, path,
                    strerror(errno));
    return LEPTON_OUT_OF_MEMORY;
  }
  session->weights = session->mappedWeights = mapped;
  return LEPTON_OK;
}

static lepton_status takeCallers(lepton_session *session, const lepton_options &options, lepton_error &error) {
  lepton_weights_header header = {};
  if (options.weights_bytes >= sizeof header)
    memcpy(&header, options.weights_data, sizeof header);
  const char *fault = faultOf(session->model, header, options.weights_bytes);
  if (!fault && uintptr_t(options.weights_data) % 64 != 0)
    fault = "is not aligned to 64 bytes";
  if (fault) {
    Text(error).add("the constants of model '%.100s': what weights_data of the options points to %s",
                    session->model->name, fault);
    return LEPTON_INCOMPATIBLE;
  }
  session->weights = options.weights_data;
  return LEPTON_OK;
}

lepton_status openWeights(lepton_session *session, const lepton_options &options, lepton_error &error) {
  const lepton_model *model = session->model;
  if (!model->weights_file)
    return LEPTON_OK;
  if (options.weights_data)
    return takeCallers(session, options, error);
  const char *name = model->weights_file->name, *path = options.weights_path;
  char *found = path ? nullptr : besideArtifact(model, name);
  if (!path && !found) {
    Text(error).add("the folder of the artifact, where the constants of model '%.100s' lie in '%.200s', is not known: "
                    "/proc/self/maps does not tell; give the file's path in weights_path of the options",
                    model->name, name);
    return LEPTON_INVALID_ARGUMENT;
  }
  const char *chosen = path ? path : found;
  int file = open(chosen, O_RDONLY | O_CLOEXEC);
  lepton_status status = LEPTON_INVALID_ARGUMENT;
  if (file >= 0)
    status = mapFile(session, file, chosen, error);
  else
    Text(error).add("the constants of model '%.100s' cannot be read from '%.300s': %s; put the file '%.200s' there, "
                    "which was written with the artifact",
                    model->name, chosen, strerror(errno), name);
  if (file >= 0)
    close(file);
  free(found);
  return status;
}

void closeWeights(lepton_session *session) {
  if (session->mappedWeights)
    munmap(session->mappedWeights, sizeof(lepton_weights_header) + session->model->weights_bytes);
}

} // namespace lepton::rt

extern "C" const void *lepton_rt_weights(lepton_context *context) {
  return static_cast<const lepton_weights_header *>(context->session->weights) + 1;
}
