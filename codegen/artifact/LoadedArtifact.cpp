//===- LoadedArtifact.cpp - an artifact loaded into this process --------------------------------------------------------------------===//

#include "codegen/artifact/LoadedArtifact.h"
#include "codegen/target/Target.h"

#include "llvm/Object/ELF.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

using namespace lepton;

/// Says what is wrong with a library that the loader would misread: it maps segments without asking whether the file holds them.
static std::string faultOf(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return "cannot be read: " + buffer.getError().message();
  auto file = llvm::object::ELF64LEFile::create((*buffer)->getBuffer());
  if (!file) {
    llvm::consumeError(file.takeError());
    return "is no shared library";
  }
  const llvm::Triple host(llvm::sys::getProcessTriple());
  if (file->getHeader().e_machine != architectureOf(llvm::Triple::getArchTypeName(host.getArch())).machine)
    return "is compiled for another architecture than this machine's; compile the model for this one";
  auto segments = file->program_headers();
  if (!segments) {
    llvm::consumeError(segments.takeError());
    return "is truncated or damaged";
  }
  for (const auto &segment : *segments)
    if (segment.p_offset > file->getBufSize() || segment.p_filesz > file->getBufSize() - segment.p_offset)
      return "is truncated or damaged";
  return {};
}

std::shared_ptr<LoadedArtifact> LoadedArtifact::load(const std::string &path, std::string &error) {
  std::string full = path.find('/') == std::string::npos ? "./" + path : path; // never the system's search path
  error = faultOf(full);
  if (!error.empty())
    return nullptr;
  std::shared_ptr<LoadedArtifact> loaded(new LoadedArtifact());
  // The loader tells libraries apart by their names: of two models compiled to one path, one after the other, the second would be taken for the first
  // while that is still in use. A descriptor's name is taken only as long as it is open.
  loaded->file = open(full.c_str(), O_RDONLY | O_CLOEXEC);
  loaded->library = dlopen(("/proc/self/fd/" + std::to_string(loaded->file)).c_str(), RTLD_NOW | RTLD_LOCAL);
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
    error = "has version " + std::to_string(loaded->table->abi_version) + " of the artifact interface, expected " +
            std::to_string(LEPTON_ABI_VERSION) + "; compile the model again";
    return nullptr;
  }
  if (loaded->table->model->struct_bytes < sizeof(lepton_model)) {
    error = "was made by an older Lepton; compile the model again";
    return nullptr;
  }
  return loaded;
}

LoadedArtifact::~LoadedArtifact() {
  if (library)
    dlclose(library);
  if (file >= 0)
    close(file);
}
