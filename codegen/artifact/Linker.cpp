//===- Linker.cpp - objects become artifacts -------------------------------------------------------------------------------------===//

#include "codegen/artifact/Linker.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ObjCopy/CommonConfig.h"
#include "llvm/ObjCopy/ELF/ELFConfig.h"
#include "llvm/ObjCopy/ELF/ELFObjcopy.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"
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

/// A part of the runtime, near this code: build/bin, build/lib, bin or lib of an installed prefix, or a Python package.
static std::string runtimeFile(const Target &target, const char *name, std::string &error) {
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

/// The files of the C library that are there, in the order of their names.
static std::vector<std::string> systemFiles(const Target &target, std::initializer_list<const char *> names) {
  std::vector<std::string> found;
  for (const char *name : names)
    for (std::string folder :
         {"/lib/" + target.arch + "-linux-gnu/", "/usr/lib/" + target.arch + "-linux-gnu/",
          "/usr/" + target.arch + "-linux-gnu/lib/", std::string("/lib64/"), std::string("/usr/lib64/")})
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
  // One thread: the threads of lld's pool, which lives on in the process, are missing in a child that is forked later, and lld would wait for them.
  std::vector<const char *> argv = {"ld.lld", "--threads=1"};
  for (const std::string &argument : arguments)
    argv.push_back(argument.c_str());
  llvm::raw_string_ostream os(error);
  lld::Result result = lld::lldMain(argv, llvm::nulls(), os, {{lld::Gnu, &lld::elf::link}});
  return result.retCode == 0;
}

/// What lld writes, in memory: it writes regular files by way of a temporary file beside them, which /proc/self/fd cannot hold; into a pipe it writes at once.
static bool runLinkerInMemory(std::vector<std::string> arguments, llvm::function_ref<void(llvm::ArrayRef<char>)> take,
                              std::string &error) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    error = std::string("no pipe: ") + strerror(errno);
    return false;
  }
  std::thread reader([&] {
    std::vector<char> buffer(1 << 20);
    for (ssize_t count; (count = read(ends[0], buffer.data(), buffer.size())) > 0;)
      take({buffer.data(), size_t(count)});
  });
  arguments.insert(arguments.end(), {"-o", "/proc/self/fd/" + std::to_string(ends[1])});
  bool linked = runLinker(arguments, error);
  close(ends[1]);
  reader.join();
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

static bool runLinkerTo(const std::string &path, const std::vector<std::string> &arguments, std::string &error) {
  auto write = [&](llvm::raw_ostream &os) {
    return runLinkerInMemory(
        arguments, [&](llvm::ArrayRef<char> bytes) { os.write(bytes.data(), bytes.size()); }, error);
  };
  return writeFile(path, write, error);
}

static bool writeBytes(const std::string &path, llvm::StringRef bytes, std::string &error) {
  auto write = [&](llvm::raw_ostream &os) {
    os << bytes;
    return true;
  };
  return writeFile(path, write, error);
}

/// Objects as files that the linker reads, their names appended to its arguments.
static bool asFiles(const std::vector<ObjectBytes> &objects, std::vector<MemoryFile> &files,
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

//===----------------------------------------------------------------------------------------------------------------------===//
// Libraries and programs
//===----------------------------------------------------------------------------------------------------------------------===//

/// Objects, the runtime and the C library: what follows the flags of a library or a program. Symbols are left to the loader only where there is no C library.
static bool appendInputs(const std::vector<ObjectBytes> &objects, const Target &target, std::vector<MemoryFile> &files,
                         std::vector<std::string> &arguments, std::string &error) {
  std::string runtime = runtimeFile(target, "liblepton_rt.a", error);
  if (runtime.empty() || !asFiles(objects, files, arguments, error))
    return false;
  arguments.push_back(runtime);
  std::vector<std::string> libraries = systemFiles(target, {"libm.so.6", "libc.so.6"});
  if (libraries.size() == 2)
    arguments.push_back("--no-undefined");
  arguments.insert(arguments.end(), libraries.begin(), libraries.end());
  return true;
}

static const std::vector<std::string> hardened = {
    "--gc-sections", "-zrelro",    "-znow",          "-znoexecstack",
    "--as-needed",   "--build-id", "--eh-frame-hdr", "--no-mmap-output-file"};

/// Calls `link` with the arguments of a shared library, less its path.
static bool withLibrary(const std::vector<ObjectBytes> &objects, const std::string &symbol, const Target &target,
                        llvm::function_ref<bool(std::vector<std::string>)> link, std::string &error) {
  std::string script = "{ global: lepton_artifact_api; lepton_session_*; lepton_tensor_release; " +
                       (symbol.empty() ? "" : symbol + "_api; ") + "local: *; };";
  MemoryFile exports(llvm::ArrayRef(script.data(), script.size()));
  std::vector<MemoryFile> files;
  std::vector<std::string> arguments = hardened;
  arguments.insert(arguments.end(), {"-shared", "--version-script=" + exports.path(), "-u", "lepton_artifact_api"});
  return appendInputs(objects, target, files, arguments, error) && link(std::move(arguments));
}

bool lepton::linkSharedLibrary(const std::vector<ObjectBytes> &objects, const std::string &symbol,
                               const std::string &name, const Target &target, const std::string &path,
                               std::string &error) {
  return withLibrary(
      objects, symbol, target,
      [&](std::vector<std::string> arguments) {
        arguments.push_back("-soname=" + name);
        return runLinkerTo(path, arguments, error);
      },
      error);
}

bool lepton::linkSharedLibrary(const std::vector<ObjectBytes> &objects, const Target &target, MemoryFile &library,
                               std::string &error) {
  return withLibrary(
      objects, "", target,
      [&](std::vector<std::string> arguments) {
        bool linked = runLinkerInMemory(arguments, [&](llvm::ArrayRef<char> bytes) { library.append(bytes); }, error);
        if (linked && !library.isWhole())
          error = "no memory for the library";
        return linked && library.isWhole();
      },
      error);
}

bool lepton::linkExecutable(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                            std::string &error) {
  std::string program = runtimeFile(target, "liblepton_main.a", error);
  if (program.empty())
    return false;
  std::vector<std::string> start = systemFiles(target, {"Scrt1.o", "crti.o", "crtn.o"}),
                           rest = systemFiles(target, {"libc_nonshared.a"});
  if (start.size() != 3) {
    error = "the start files of the C library (Scrt1.o) for " + target.arch + " are not installed";
    return false;
  }
  std::vector<MemoryFile> files;
  std::vector<std::string> arguments = hardened;
  arguments.insert(arguments.end(),
                   {"-pie", "--dynamic-linker", architectureOf(target.arch).loader, start[0], start[1], program});
  if (!appendInputs(objects, target, files, arguments, error))
    return false;
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  arguments.push_back(start[2]);
  return runLinkerTo(path, arguments, error);
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Objects and archives
//===----------------------------------------------------------------------------------------------------------------------===//

/// Joins objects and those members of an archive that they need.
static bool join(const std::vector<ObjectBytes> &objects, const std::string &archive, ObjectBytes &joined,
                 std::string &error) {
  std::vector<MemoryFile> files;
  std::vector<std::string> arguments = {"-r", "--no-mmap-output-file"};
  ObjectBytes bytes;
  auto take = [&](llvm::ArrayRef<char> more) { bytes.append(more.begin(), more.end()); };
  if (!asFiles(objects, files, arguments, error))
    return false;
  if (!archive.empty())
    arguments.push_back(archive);
  if (!runLinkerInMemory(arguments, take, error))
    return false;
  auto object = llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef(llvm::StringRef(bytes.data(), bytes.size()), "model.o"));
  llvm::objcopy::CommonConfig common;
  llvm::objcopy::ELFConfig elf;
  elf.LocalizeHidden = true;
  llvm::raw_svector_ostream os(joined);
  llvm::Error problem = object ? llvm::objcopy::elf::executeObjcopyOnBinary(
                                     common, elf, llvm::cast<llvm::object::ELFObjectFileBase>(**object), os)
                               : object.takeError();
  if (!problem)
    return true;
  error = llvm::toString(std::move(problem));
  return false;
}

bool lepton::joinObjects(const std::vector<ObjectBytes> &objects, ObjectBytes &joined, std::string &error) {
  return join(objects, "", joined, error);
}

bool lepton::joinBareObjects(const std::vector<ObjectBytes> &objects, const Target &target, ObjectBytes &joined,
                             std::vector<std::string> &undefined, std::string &error) {
  std::string archive = runtimeFile(target, "liblepton_bare.a", error);
  if (archive.empty() || !join(objects, archive, joined, error))
    return false;
  auto object = llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef(llvm::StringRef(joined.data(), joined.size()), "model.o"));
  if (!object) {
    error = llvm::toString(object.takeError());
    return false;
  }
  for (const llvm::object::SymbolRef &symbol : (*object)->symbols()) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    if (flags && name && (*flags & llvm::object::SymbolRef::SF_Undefined) && !name->empty())
      undefined.push_back(name->str());
    llvm::consumeError(flags.takeError());
    llvm::consumeError(name.takeError());
  }
  return true;
}

bool lepton::writeObject(const std::vector<ObjectBytes> &objects, const std::string &path, std::string &error) {
  ObjectBytes joined;
  return joinObjects(objects, joined, error) && writeBytes(path, {joined.data(), joined.size()}, error);
}

/// Adds the members of an archive, which live as long as it does.
static llvm::Error addMembers(const llvm::object::Archive &archive, std::vector<llvm::NewArchiveMember> &members) {
  llvm::Error problem = llvm::Error::success();
  for (const auto &child : archive.children(problem)) {
    auto member = llvm::NewArchiveMember::getOldMember(child, /*Deterministic=*/true);
    if (!member)
      return llvm::joinErrors(std::move(problem), member.takeError());
    members.push_back(std::move(*member));
  }
  return problem;
}

bool lepton::writeArchive(const std::vector<ObjectBytes> &objects, const Target &target, bool withRuntime,
                          const std::string &path, std::string &error) {
  ObjectBytes joined;
  if (!joinObjects(objects, joined, error))
    return false;
  std::vector<llvm::NewArchiveMember> members;
  members.emplace_back(llvm::MemoryBufferRef(llvm::StringRef(joined.data(), joined.size()), "model.o"));
  auto fail = [&](llvm::Error problem) {
    error = llvm::toString(std::move(problem));
    return false;
  };
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  std::unique_ptr<llvm::object::Archive> archive;
  if (withRuntime) {
    std::string runtime = runtimeFile(target, "liblepton_rt.a", error);
    auto read = runtime.empty() ? std::make_error_code(std::errc::no_such_file_or_directory)
                                : llvm::MemoryBuffer::getFile(runtime);
    if (!read) {
      error = runtime.empty() ? error : "cannot read " + runtime + ": " + read.getError().message();
      return false;
    }
    buffer = std::move(*read);
    auto opened = llvm::object::Archive::create(buffer->getMemBufferRef());
    if (!opened)
      return fail(opened.takeError());
    archive = std::move(*opened);
    if (llvm::Error problem = addMembers(*archive, members))
      return fail(std::move(problem));
  }
  auto content = llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NormalSymtab,
                                            llvm::object::Archive::K_GNU, true, false);
  if (!content)
    return fail(content.takeError());
  return writeBytes(path, (*content)->getBuffer(), error);
}
