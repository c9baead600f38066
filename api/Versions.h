//===- Versions.h - code for several processors in one artifact ---------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_VERSIONS_H
#define LEPTON_API_VERSIONS_H

#include "api/Compilation.h"

namespace lepton {

/// What an artifact is linked from.
struct ArtifactParts {
  std::vector<ObjectBytes> objects;
  ModelInfo info;
  std::vector<std::pair<std::string, ObjectBytes>> weightsFiles; // their names, what is in them
  Target target;
};

/// Compiles the model that `read` reads for each of the processors that `options.cpu` names with commas between, and adds code that chooses when the artifact is loaded: of the
/// versions that the CPU has the features for, the one with the widest vectors. Each version has weights of its own, since their layout follows the vectors.
Failure compileVersions(llvm::function_ref<bool(Compilation &)> read, const CompileOptions &options,
                        ArtifactParts &parts, std::string &error);

} // namespace lepton

#endif // LEPTON_API_VERSIONS_H
