//===- LoadedArtifact.h - an artifact loaded into this process ----------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_LOADEDARTIFACT_H
#define LEPTON_CODEGEN_ARTIFACT_LOADEDARTIFACT_H

#include "runtime/core/lepton_abi.h"
#include <memory>
#include <string>

namespace lepton {

/// What is asked of an artifact before its code may run.
struct LoadPolicy {
  std::string verifyKey; // file of the public key that must have signed it; empty: anybody's
  std::string audit;     // file to which a line of JSON is added for each load; empty: none
};

/// A shared library of a compiled model, loaded while the object lives.
class LoadedArtifact {
public:
  /// Null with the reason in `error`. Just-in-time compilation loads the same library from memory (a path below /proc/self/fd).
  static std::shared_ptr<LoadedArtifact> load(const std::string &path, std::string &error,
                                              const LoadPolicy &policy = {});
  LoadedArtifact(const LoadedArtifact &) = delete;
  ~LoadedArtifact();
  const lepton_api &api() const { return *table; }
  /// Of the file of constants, for lepton_options; null where the runtime finds it by itself.
  const char *weightsPath() const { return weights.empty() ? nullptr : weights.c_str(); }

private:
  LoadedArtifact() = default;
  /// Fixes what is in the file of constants, if there is one, and holds it against the hash in the artifact, which was signed.
  bool checkWeights(const std::string &path, std::string &error);
  int file = -1, weightsFile = -1;
  std::string weights;
  void *library = nullptr;
  const lepton_api *table = nullptr;
};

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_LOADEDARTIFACT_H
