//===- LoadedArtifact.h - an artifact loaded into this process ----------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_LOADEDARTIFACT_H
#define LEPTON_CODEGEN_ARTIFACT_LOADEDARTIFACT_H

#include "codegen/artifact/WeightsEncryption.h"
#include "runtime/core/lepton_abi.h"

#include <memory>
#include <string>

namespace lepton {

/// What is asked of an artifact before its code may run.
struct LoadPolicy {
  std::string verifyKey;  // file of the public key that must have signed it; empty: anybody's
  std::string audit;      // file to which a line of JSON is added for each load; empty: none
  std::string weightsKey; // file of the key that its file of constants is encrypted with; empty: it is not
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
  /// Where the constants are, for a session: nothing where the runtime finds their file by itself.
  void placeWeights(lepton_options &options) const;

private:
  LoadedArtifact() = default;
  /// Where a key is given: decrypts the file of constants, or fixes what is in it, and holds that against the hash in the artifact, which was signed.
  bool openWeights(const std::string &path, const LoadPolicy &policy, std::string &error);
  int file = -1, weightsFile = -1;
  std::string weightsPath;
  llvm::sys::OwningMemoryBlock decrypted;
  void *library = nullptr;
  const lepton_api *table = nullptr;
};

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_LOADEDARTIFACT_H
