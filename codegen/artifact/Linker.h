//===- Linker.h - objects become artifacts ----------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_LINKER_H
#define LEPTON_CODEGEN_ARTIFACT_LINKER_H

#include "codegen/target/Target.h"
#include "llvm/ADT/SmallVector.h"
#include <string>
#include <vector>

namespace lepton {

using ObjectBytes = llvm::SmallVector<char, 0>;
class MemoryFile;

/// Links objects and the runtime into a shared library at `path`. False with the linker's words in `error`.
bool linkSharedLibrary(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                       std::string &error);
/// The same without touching the disk.
bool linkSharedLibrary(const std::vector<ObjectBytes> &objects, const Target &target, MemoryFile &library,
                       std::string &error);
/// Joins objects (without the runtime) into one relocatable object.
bool linkRelocatable(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                     std::string &error);
/// Objects and the runtime's members as a static archive.
bool writeArchive(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                  std::string &error);

/// A file in memory; its path is valid while the object lives.
class MemoryFile {
public:
  explicit MemoryFile(llvm::ArrayRef<char> bytes = {});
  MemoryFile(MemoryFile &&other) : descriptor(other.descriptor) { other.descriptor = -1; }
  ~MemoryFile();
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor); }
  void append(llvm::ArrayRef<char> bytes);

private:
  int descriptor;
};

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_LINKER_H
