//===- LinkerTools.cpp - what the linkers of all formats share ------------------------------------------------------------------===//

#include "codegen/artifact/LinkerTools.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)
LLD_HAS_DRIVER(wasm)

using namespace lepton;

MemoryFile::MemoryFile(llvm::ArrayRef<char> bytes)
    : descriptor(memfd_create("lepton", MFD_CLOEXEC)), whole(descriptor >= 0) {
  append(bytes);
}

void MemoryFile::append(llvm::ArrayRef<char> bytes) {
  for (size_t done = 0; descriptor >= 0 && done < bytes.size();) {
    ssize_t written = write(descriptor, bytes.data() + done, bytes.size() - done);
    if (written <= 0) {
      whole = false;
      return;
    }
    done += written;
  }
}

std::string MemoryFile::pathForOthers() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(descriptor);
}

MemoryFile::~MemoryFile() {
  if (descriptor >= 0)
    close(descriptor);
}

/// The folders of the file that this code is in: the program, or a library that a program loaded.
static std::vector<std::string> ownFolders() {
  std::vector<std::string> files = {"/proc/self/exe"};
  Dl_info self;
  // For the program itself this is the name that it was called by, which need not be a path.
  if (dladdr(reinterpret_cast<void *>(&ownFolders), &self) && self.dli_fname)
    files.insert(files.begin(), self.dli_fname);
  std::vector<std::string> folders;
  for (const std::string &file : files) {
    llvm::SmallString<256> path;
    if (!llvm::sys::fs::real_path(file, path))
      folders.push_back(llvm::sys::path::parent_path(path).str());
  }
  return folders;
}

std::string lepton::runtimeFile(const Target &target, const char *name, std::string &error) {
  const std::vector<std::string> folders = ownFolders();
  for (const std::string &folder : folders)
    for (const char *relative : {"../lib", "../lib/lepton", "lepton", "lib", "../../lib"}) {
      llvm::SmallString<256> path(folder);
      llvm::sys::path::append(path, relative, target.arch, name);
      if (llvm::sys::fs::exists(path))
        return std::string(path);
    }
  error = std::string("the runtime ") + name + " for " + target.arch + " is not beside the compiler (looked near " +
          llvm::join(folders, ", ") + ")";
  return {};
}

/// Runs lld in this process; it keeps global state, so one call at a time.
static bool runLinker(const Target &target, const std::vector<std::string> &arguments, std::string &error) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  // One thread: the threads of lld's pool, which lives on in the process, are missing in a child that is forked later, and lld would wait for them.
  std::vector<const char *> argv = {target.isWasm() ? "wasm-ld" : "ld.lld", "--threads=1"};
  for (const std::string &argument : arguments)
    argv.push_back(argument.c_str());
  llvm::raw_string_ostream os(error);
  lld::Result result =
      lld::lldMain(argv, llvm::nulls(), os, {{lld::Gnu, &lld::elf::link}, {lld::Wasm, &lld::wasm::link}});
  return result.retCode == 0;
}

/// It writes regular files by way of a temporary file beside them, which /proc/self/fd cannot hold; into a pipe it writes at once.
bool lepton::runLinkerInMemory(const Target &target, std::vector<std::string> arguments,
                               llvm::function_ref<void(llvm::ArrayRef<char>)> take, std::string &error) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    error = std::string("no pipe: ") + strerror(errno);
    return false;
  }
  arguments.insert(arguments.end(), {"-o", "/proc/self/fd/" + std::to_string(ends[1])});
  // On a thread of its own, with whose end lld's memory goes: it keeps sections and symbols in thread-local pools, tens of kilobytes for each link.
  bool linked = false;
  std::thread linker([&] {
    linked = runLinker(target, arguments, error);
    close(ends[1]);
  });
  std::vector<char> buffer(1 << 20);
  for (ssize_t count; (count = read(ends[0], buffer.data(), buffer.size())) > 0;)
    take({buffer.data(), size_t(count)});
  linker.join();
  close(ends[0]);
  return linked;
}

/// Calls `write` with a stream to a file. lld and LLVM themselves would end the process where a disk is full.
static bool writeFile(const std::string &path, llvm::function_ref<bool(llvm::raw_ostream &)> write,
                      std::string &error) {
  std::error_code problem;
  llvm::raw_fd_ostream os(path, problem);
  bool written = !problem && write(os);
  if (!problem) {
    os.close();
    problem = os.error();
    os.clear_error();
  }
  if (problem)
    error = problem.message();
  return written && !problem;
}

bool lepton::runLinkerTo(const Target &target, const std::string &path, const std::vector<std::string> &arguments,
                         std::string &error) {
  auto write = [&](llvm::raw_ostream &os) {
    return runLinkerInMemory(
        target, arguments, [&](llvm::ArrayRef<char> bytes) { os.write(bytes.data(), bytes.size()); }, error);
  };
  return writeFile(path, write, error);
}

bool lepton::writeBytes(const std::string &path, llvm::StringRef bytes, std::string &error) {
  auto write = [&](llvm::raw_ostream &os) {
    os << bytes;
    return true;
  };
  return writeFile(path, write, error);
}

bool lepton::asFiles(const std::vector<ObjectBytes> &objects, std::vector<MemoryFile> &files,
                     std::vector<std::string> &arguments, std::string &error) {
  for (const ObjectBytes &object : objects) {
    arguments.push_back(files.emplace_back(object).path());
    if (!files.back().isWhole()) {
      error = "no memory for an object of " + std::to_string(object.size()) + " bytes";
      return false;
    }
  }
  return true;
}
