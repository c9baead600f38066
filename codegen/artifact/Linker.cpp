//===- Linker.cpp - objects become artifacts -------------------------------------------------------------------------------------===//

#include "codegen/artifact/Linker.h"

#include "lld/Common/Driver.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace lepton;

MemoryFile::MemoryFile(llvm::ArrayRef<char> bytes) : descriptor(memfd_create("lepton", MFD_CLOEXEC)) { append(bytes); }

void MemoryFile::append(llvm::ArrayRef<char> bytes) {
  for (size_t done = 0; descriptor >= 0 && done < bytes.size();) {
    ssize_t written = write(descriptor, bytes.data() + done, bytes.size() - done);
    if (written <= 0)
      break;
    done += written;
  }
}

MemoryFile::~MemoryFile() {
  if (descriptor >= 0)
    close(descriptor);
}

/// The runtime's archive, near the file that this code is in: build/bin, an installed prefix or a Python package.
static std::string runtimeArchive(const Target &target, std::string &error) {
  Dl_info self;
  llvm::SmallString<256> folder;
  if (dladdr(reinterpret_cast<void *>(&runtimeArchive), &self) && self.dli_fname)
    (void)llvm::sys::fs::real_path(self.dli_fname, folder);
  llvm::sys::path::remove_filename(folder);
  for (const char *relative : {"../lib", "lib", "../../lib"}) {
    llvm::SmallString<256> path(folder);
    llvm::sys::path::append(path, relative, target.arch, "liblepton_rt.a");
    if (llvm::sys::fs::exists(path))
      return std::string(path);
  }
  error = "the runtime liblepton_rt.a for " + target.arch + " is not beside the compiler (looked near " +
          std::string(folder) + ")";
  return {};
}

/// The C library's shared objects, for the names of what is needed at run time; where there are none, symbols stay to be found by the loader.
static std::vector<std::string> systemLibraries(const Target &target) {
  std::vector<std::string> found;
  for (const char *name : {"libm.so.6", "libc.so.6"})
    for (std::string folder : {"/lib/" + target.arch + "-linux-gnu/", "/usr/" + target.arch + "-linux-gnu/lib/",
                               std::string(target.arch == "x86_64" ? "/lib64/" : "/lib/")})
      if (llvm::sys::fs::exists(folder + name)) {
        found.push_back(folder + name);
        break;
      }
  return found;
}

/// Runs lld in this process; it keeps global state, so one call at a time.
static bool runLinker(const std::vector<std::string> &arguments, std::string &error) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  std::vector<const char *> argv = {"ld.lld"};
  for (const std::string &argument : arguments)
    argv.push_back(argument.c_str());
  llvm::raw_string_ostream os(error);
  lld::Result result = lld::lldMain(argv, llvm::nulls(), os, {{lld::Gnu, &lld::elf::link}});
  return result.retCode == 0;
}

static std::vector<MemoryFile> asFiles(const std::vector<ObjectBytes> &objects) {
  std::vector<MemoryFile> files;
  for (const ObjectBytes &object : objects)
    files.emplace_back(object);
  return files;
}

bool lepton::linkSharedLibrary(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                               std::string &error) {
  std::string runtime = runtimeArchive(target, error);
  if (runtime.empty())
    return false;
  llvm::StringRef script = "{ global: lepton_artifact_api; lepton_session_*; lepton_tensor_release; local: *; };";
  MemoryFile exports(llvm::ArrayRef(script.data(), script.size()));
  std::vector<MemoryFile> files = asFiles(objects);
  std::vector<std::string> arguments = {"-shared",
                                        "-o",
                                        path,
                                        "--no-mmap-output-file",
                                        "--gc-sections",
                                        "-z",
                                        "relro",
                                        "-z",
                                        "now",
                                        "-z",
                                        "noexecstack",
                                        "--as-needed",
                                        "--build-id",
                                        "--version-script=" + exports.path(),
                                        "-u",
                                        "lepton_artifact_api"};
  for (const MemoryFile &file : files)
    arguments.push_back(file.path());
  arguments.push_back(runtime);
  for (const std::string &library : systemLibraries(target))
    arguments.push_back(library);
  return runLinker(arguments, error);
}

/// lld writes regular files by way of a temporary file beside them, which /proc/self/fd cannot hold; into a pipe it writes at once.
bool lepton::linkSharedLibrary(const std::vector<ObjectBytes> &objects, const Target &target, MemoryFile &library,
                               std::string &error) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    error = std::string("no pipe: ") + strerror(errno);
    return false;
  }
  std::thread reader([&] {
    std::vector<char> buffer(1 << 20);
    for (ssize_t count; (count = read(ends[0], buffer.data(), buffer.size())) > 0;)
      library.append({buffer.data(), size_t(count)});
  });
  bool linked = linkSharedLibrary(objects, target, "/proc/self/fd/" + std::to_string(ends[1]), error);
  close(ends[1]);
  reader.join();
  close(ends[0]);
  return linked;
}

bool lepton::linkRelocatable(const std::vector<ObjectBytes> &objects, const Target &, const std::string &path,
                             std::string &error) {
  std::vector<MemoryFile> files = asFiles(objects);
  std::vector<std::string> arguments = {"-r", "-o", path, "--no-mmap-output-file"};
  for (const MemoryFile &file : files)
    arguments.push_back(file.path());
  return runLinker(arguments, error);
}

bool lepton::writeArchive(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                          std::string &error) {
  std::string runtime = runtimeArchive(target, error);
  if (runtime.empty())
    return false;
  auto buffer = llvm::MemoryBuffer::getFile(runtime);
  if (!buffer) {
    error = "cannot read " + runtime + ": " + buffer.getError().message();
    return false;
  }
  std::vector<llvm::NewArchiveMember> members;
  std::vector<std::string> names;
  for (size_t i = 0; i < objects.size(); ++i)
    names.push_back("model" + std::to_string(i) + ".o");
  for (size_t i = 0; i < objects.size(); ++i)
    members.emplace_back(llvm::MemoryBufferRef(llvm::StringRef(objects[i].data(), objects[i].size()), names[i]));
  auto fail = [&](llvm::Error problem) {
    error = llvm::toString(std::move(problem));
    return false;
  };
  auto archive = llvm::object::Archive::create((*buffer)->getMemBufferRef());
  if (!archive)
    return fail(archive.takeError());
  llvm::Error problem = llvm::Error::success();
  for (const auto &child : (*archive)->children(problem)) {
    auto member = llvm::NewArchiveMember::getOldMember(child, /*Deterministic=*/true);
    if (!member)
      return fail(member.takeError());
    members.push_back(std::move(*member));
  }
  if (problem)
    return fail(std::move(problem));
  if (llvm::Error problem = llvm::writeArchive(path, members, llvm::SymtabWritingMode::NormalSymtab,
                                               llvm::object::Archive::K_GNU, true, false))
    return fail(std::move(problem));
  return true;
}
