//===- LoadedArtifact.cpp - an artifact loaded into this process --------------------------------------------------------------------===//

#include "codegen/artifact/LoadedArtifact.h"
#include "codegen/artifact/Signature.h"
#include "codegen/target/Target.h"

#include "llvm/BinaryFormat/Wasm.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/Chrono.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lepton;

/// Says what is wrong with a library that the loader would misread: it maps segments without asking whether the file holds them.
static std::string faultOf(llvm::StringRef bytes) {
  if (bytes.starts_with(llvm::StringRef(llvm::wasm::WasmMagic, sizeof llvm::wasm::WasmMagic)))
    return "is a module of WebAssembly; run it in an engine for it, or compile the model for this machine";
  auto file = llvm::object::ELF64LEFile::create(bytes);
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

/// A copy that nobody can change any more, so that what was checked is what is loaded; -1 where there is no memory for it.
static int sealedCopy(llvm::StringRef bytes) {
  int copy = memfd_create("lepton", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  for (size_t done = 0; copy >= 0 && done < bytes.size();) {
    ssize_t written = write(copy, bytes.data() + done, bytes.size() - done);
    if (written <= 0) {
      close(copy);
      return -1;
    }
    done += written;
  }
  if (copy >= 0)
    (void)fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  return copy;
}

/// What such a copy holds, under this name; its descriptor, -1 where there is no memory for it, is the caller's.
static llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> readSealed(llvm::StringRef bytes, const llvm::Twine &name,
                                                                     int &copy) {
  copy = sealedCopy(bytes);
  if (copy < 0)
    return std::make_error_code(std::errc::not_enough_memory);
  return llvm::MemoryBuffer::getOpenFile(copy, name, bytes.size(), /*RequiresNullTerminator=*/false);
}

/// Adds a line about an artifact that is about to be loaded.
static bool writeAudit(const std::string &path, llvm::StringRef bytes, const LoadPolicy &policy, std::string &error) {
  llvm::SmallString<256> real, program;
  (void)llvm::sys::fs::real_path(path, real);
  (void)llvm::sys::fs::real_path("/proc/self/exe", program);
  llvm::json::Object entry{{"time", llvm::formatv("{0:%Y-%m-%dT%H:%M:%S}", std::chrono::system_clock::now()).str()},
                           {"file", llvm::json::fixUTF8(real)},
                           {"sha256", sha256(bytes)},
                           {"signer", policy.verifyKey.empty() ? llvm::json::Value(nullptr)
                                                               : llvm::json::Value(fingerprint(policy.verifyKey))},
                           {"pid", int64_t(getpid())},
                           {"program", llvm::json::fixUTF8(program)}};
  std::string line = llvm::formatv("{0}\n", llvm::json::Value(std::move(entry))).str();
  // One call adds all of the line, whoever else adds one at the same time.
  int log = ::open(policy.audit.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  bool written = log >= 0 && write(log, line.data(), line.size()) == ssize_t(line.size());
  if (!written)
    error = "is not loaded, since the audit " + policy.audit + " cannot be written: " + strerror(errno);
  if (log >= 0)
    close(log);
  return written;
}

/// Holds the bytes against what the policy asks.
static bool isAllowed(const std::string &path, llvm::StringRef bytes, const LoadPolicy &policy, std::string &error) {
  if (!policy.verifyKey.empty()) {
    auto signature = llvm::MemoryBuffer::getFile(signaturePath(path));
    if (!signature) {
      error = "is not signed: " + signaturePath(path) + " cannot be read: " + signature.getError().message();
      return false;
    }
    if (!verify(bytes, (*signature)->getBuffer(), policy.verifyKey, error))
      return false;
  }
  return policy.audit.empty() || writeAudit(path, bytes, policy, error);
}

namespace {
/// A file that is loaded several times is one library. The loader knows it by all the names that it was given, for as long as it is loaded: it gets one, that of a
/// descriptor which stays open, or the next file with this number would be taken for it.
struct OpenLibrary {
  int file = -1;
  void *handle = nullptr;
  unsigned users = 0;
};
/// By device and number of the file. Never destroyed: artifacts may be closed while the process ends.
struct OpenLibraries {
  std::mutex lock;
  std::map<std::pair<dev_t, ino_t>, OpenLibrary> known;
};
OpenLibraries &openLibraries() {
  static auto *all = new OpenLibraries();
  return *all;
}
} // namespace

/// Takes the descriptor over, unless the result is null.
static void *openLibrary(int file, std::string &error) {
  struct stat status = {};
  fstat(file, &status);
  OpenLibraries &all = openLibraries();
  std::lock_guard guard(all.lock);
  OpenLibrary &library = all.known[{status.st_dev, status.st_ino}];
  if (library.users > 0) {
    close(file);
  } else {
    library = {file, dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL)};
    if (!library.handle) {
      error = std::string("cannot be loaded: ") + dlerror();
      all.known.erase({status.st_dev, status.st_ino});
      return nullptr;
    }
  }
  ++library.users;
  return library.handle;
}

static void closeLibrary(void *handle) {
  OpenLibraries &all = openLibraries();
  std::lock_guard guard(all.lock);
  auto known = llvm::find_if(all.known, [&](const auto &entry) { return entry.second.handle == handle; });
  OpenLibrary &library = known->second;
  if (--library.users > 0)
    return;
  dlclose(handle);
  close(library.file);
  all.known.erase(known);
}

std::shared_ptr<LoadedArtifact> LoadedArtifact::load(const std::string &path, std::string &error,
                                                     const LoadPolicy &policy) {
  std::string full = path.find('/') == std::string::npos ? "./" + path : path; // never the system's search path
  std::shared_ptr<LoadedArtifact> loaded(new LoadedArtifact());
  // The loader tells libraries apart by their names: of two models compiled to one path, one after the other, the second would be taken for the first
  // while that is still in use. A descriptor's name is taken only as long as it is open.
  loaded->file = open(full.c_str(), O_RDONLY | O_CLOEXEC);
  std::error_code problem(errno, std::generic_category());
  {
    auto buffer = loaded->file < 0 ? llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>>(problem)
                                   : llvm::MemoryBuffer::getOpenFile(loaded->file, full, /*FileSize=*/-1,
                                                                     /*RequiresNullTerminator=*/false);
    if (!buffer) {
      error = "cannot be read: " + buffer.getError().message();
      return nullptr;
    }
    llvm::StringRef bytes = (*buffer)->getBuffer();
    if (!policy.verifyKey.empty()) {
      int copy;
      auto fixed = readSealed(bytes, full, copy);
      if (!fixed) {
        error = "cannot be copied into memory: " + fixed.getError().message();
        return nullptr;
      }
      close(loaded->file);
      loaded->file = copy;
      *buffer = std::move(*fixed);
      bytes = (*buffer)->getBuffer();
    }
    error = faultOf(bytes);
    if (!error.empty() || !isAllowed(full, bytes, policy, error))
      return nullptr;
  }
  loaded->library = openLibrary(loaded->file, error);
  if (!loaded->library)
    return nullptr;
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
  const bool hasKey = !policy.verifyKey.empty() || !policy.weightsKey.empty();
  if (hasKey && !loaded->openWeights(full, policy, error))
    return nullptr;
  return loaded;
}

/// A file in the folder of an artifact, with no links on the way.
static std::string besideArtifact(const std::string &artifact, llvm::StringRef name) {
  llvm::SmallString<256> beside;
  (void)llvm::sys::fs::real_path(artifact, beside);
  llvm::sys::path::remove_filename(beside);
  llvm::sys::path::append(beside, name);
  return std::string(beside);
}

bool LoadedArtifact::openWeights(const std::string &path, const LoadPolicy &policy, std::string &error) {
  const lepton_weights_file *named = table->model->weights_file;
  if (!named) {
    error = policy.weightsKey.empty() ? "" : "has its constants in itself, not encrypted; leave out --weights-key";
    return error.empty();
  }
  const std::string beside = besideArtifact(path, named->name);
  auto fail = [&](const std::string &reason) {
    error = "has its constants in " + beside + ", which " + reason;
    return false;
  };
  llvm::StringRef content;
  std::unique_ptr<llvm::MemoryBuffer> fixed;
  if (!policy.weightsKey.empty()) {
    WeightsKey key;
    if (!readWeightsKey(policy.weightsKey, key, error))
      return false;
    std::string reason;
    decrypted = decryptWeights(beside, *table->model, key, reason);
    if (!decrypted.base())
      return fail(reason);
    content = {static_cast<const char *>(decrypted.base()),
               sizeof(lepton_weights_header) + table->model->weights_bytes};
  } else {
    auto buffer = llvm::MemoryBuffer::getFile(beside, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!buffer)
      return fail("cannot be read: " + buffer.getError().message());
    if (isEncrypted((*buffer)->getBuffer()))
      return fail("is encrypted; give the key: --weights-key=FILE");
    auto copy = readSealed((*buffer)->getBuffer(), beside, weightsFile);
    if (!copy)
      return fail("cannot be copied into memory: " + copy.getError().message());
    fixed = std::move(*copy);
    content = fixed->getBuffer();
    weightsPath = "/proc/self/fd/" + std::to_string(weightsFile);
  }
  if (!policy.verifyKey.empty() &&
      sha256(content.drop_front(std::min(content.size(), sizeof(lepton_weights_header)))) != named->sha256)
    return fail("is not the file that was signed with it: its hash is another; put the file there that was written "
                "with the artifact");
  return true;
}

void LoadedArtifact::placeWeights(lepton_options &options) const {
  options.weights_path = weightsPath.empty() ? nullptr : weightsPath.c_str();
  options.weights_data = decrypted.base();
  options.weights_bytes = decrypted.base() ? sizeof(lepton_weights_header) + table->model->weights_bytes : 0;
}

LoadedArtifact::~LoadedArtifact() {
  if (library)
    closeLibrary(library);
  else if (file >= 0)
    close(file);
  if (weightsFile >= 0)
    close(weightsFile);
}
