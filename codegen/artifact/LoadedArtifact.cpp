//===- LoadedArtifact.cpp - an artifact loaded into this process --------------------------------------------------------------------===//

#include "codegen/artifact/LoadedArtifact.h"

#include <dlfcn.h>

using namespace lepton;

std::shared_ptr<LoadedArtifact> LoadedArtifact::load(const std::string &path, std::string &error) {
  std::string full = path.find('/') == std::string::npos ? "./" + path : path; // never the system's search path
  std::shared_ptr<LoadedArtifact> loaded(new LoadedArtifact());
  loaded->library = dlopen(full.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!loaded->library) {
    error = std::string("cannot be loaded: ") + dlerror();
    return nullptr;
  }
  auto *function = reinterpret_cast<const lepton_api *(*)()>(dlsym(loaded->library, "lepton_artifact_api"));
  if (!function) {
    error = "is a shared library, but no artifact of Lepton";
    return nullptr;
  }
  loaded->table = function();
  if (loaded->table->abi_version != LEPTON_ABI_VERSION) {
    error = "has version " + std::to_string(loaded->table->abi_version) + " of the artifact interface, expected " + std::to_string(LEPTON_ABI_VERSION) + "; compile the model again";
    return nullptr;
  }
  return loaded;
}

LoadedArtifact::~LoadedArtifact() {
  if (library)
    dlclose(library);
}
