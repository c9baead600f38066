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

// Each of these returns false with the reason in `error`.

/// Links objects and the runtime into a shared library at `path`. It exports lepton_artifact_api and, with a `symbol`, SYMBOL_api.
/// `name` is the one by which programs linked with it look for it.
bool linkSharedLibrary(const std::vector<ObjectBytes> &objects, const std::string &symbol, const std::string &name,
                       const Target &target, const std::string &path, std::string &error);
/// The same without touching the disk.
bool linkSharedLibrary(const std::vector<ObjectBytes> &objects, const Target &target, MemoryFile &library,
                       std::string &error);
/// Links objects, the runtime and its main function into a program that runs the model on files.
bool linkExecutable(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                    std::string &error);
/// Links an object of AMD's GPUs into what their driver loads.
bool linkCodeObject(ObjectBytes object, const Target &target, std::string &code, std::string &error);
/// Joins objects (without the runtime) into one relocatable object, whose hidden symbols are local, so that several models go into one program.
bool joinObjects(const std::vector<ObjectBytes> &objects, const Target &target, ObjectBytes &joined,
                 std::string &error);
/// The same with what stands for the runtime of a model that has none. Gives the names that are still defined nowhere.
bool joinBareObjects(const std::vector<ObjectBytes> &objects, const Target &target, ObjectBytes &joined,
                     std::vector<std::string> &undefined, std::string &error);
/// What joinObjects gives as a file.
bool writeObject(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                 std::string &error);
/// The same object and, if wanted, the runtime's members as a static archive.
bool writeArchive(const std::vector<ObjectBytes> &objects, const Target &target, bool withRuntime,
                  const std::string &path, std::string &error);

/// A file in memory; its path is valid while the object lives.
class MemoryFile {
public:
  explicit MemoryFile(llvm::ArrayRef<char> bytes = {});
  MemoryFile(MemoryFile &&other) : descriptor(other.descriptor), whole(other.whole) { other.descriptor = -1; }
  ~MemoryFile();
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor); }
  /// The path by which another program that this one starts finds it.
  std::string pathForOthers() const;
  void append(llvm::ArrayRef<char> bytes);
  /// False where memory ran out.
  bool isWhole() const { return whole; }

private:
  int descriptor;
  bool whole;
};

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_LINKER_H
