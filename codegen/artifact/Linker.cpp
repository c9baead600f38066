//===- Linker.cpp - objects become artifacts -------------------------------------------------------------------------------------===//

#include "codegen/artifact/LinkerTools.h"
#include "codegen/artifact/WasmLinker.h"

#include "llvm/ObjCopy/CommonConfig.h"
#include "llvm/ObjCopy/ELF/ELFConfig.h"
#include "llvm/ObjCopy/ELF/ELFObjcopy.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace lepton;

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
  if (target.isWasm())
    return linkReactor(objects, symbol, target, path, error);
  return withLibrary(
      objects, symbol, target,
      [&](std::vector<std::string> arguments) {
        arguments.push_back("-soname=" + name);
        return runLinkerTo(target, path, arguments, error);
      },
      error);
}

bool lepton::linkSharedLibrary(const std::vector<ObjectBytes> &objects, const Target &target, MemoryFile &library,
                               std::string &error) {
  return withLibrary(
      objects, "", target,
      [&](std::vector<std::string> arguments) {
        bool linked =
            runLinkerInMemory(target, arguments, [&](llvm::ArrayRef<char> bytes) { library.append(bytes); }, error);
        if (linked && !library.isWhole())
          error = "no memory for the library";
        return linked && library.isWhole();
      },
      error);
}

bool lepton::linkExecutable(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                            std::string &error) {
  if (target.isWasm())
    return linkCommand(objects, target, path, error);
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
  return runLinkerTo(target, path, arguments, error);
}

bool lepton::linkCodeObject(ObjectBytes object, const Target &target, std::string &code, std::string &error) {
  std::vector<MemoryFile> files;
  std::vector<std::string> arguments = {"-shared", "--no-undefined", "--no-mmap-output-file"};
  return asFiles({std::move(object)}, files, arguments, error) &&
         runLinkerInMemory(
             target, arguments, [&](llvm::ArrayRef<char> bytes) { code.append(bytes.begin(), bytes.end()); }, error);
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Objects and archives
//===----------------------------------------------------------------------------------------------------------------------===//

/// Makes the hidden symbols of an object local.
static bool localizeElf(llvm::ArrayRef<char> bytes, ObjectBytes &object, std::string &error) {
  auto opened = llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef(llvm::StringRef(bytes.data(), bytes.size()), "model.o"));
  llvm::objcopy::CommonConfig common;
  llvm::objcopy::ELFConfig elf;
  elf.LocalizeHidden = true;
  llvm::raw_svector_ostream os(object);
  llvm::Error problem = opened ? llvm::objcopy::elf::executeObjcopyOnBinary(
                                     common, elf, llvm::cast<llvm::object::ELFObjectFileBase>(**opened), os)
                               : opened.takeError();
  if (!problem)
    return true;
  error = llvm::toString(std::move(problem));
  return false;
}

/// Joins objects and those members of an archive that they need.
static bool join(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &archive,
                 ObjectBytes &joined, std::string &error) {
  std::vector<MemoryFile> files;
  std::vector<std::string> arguments = {"-r"};
  if (!target.isWasm())
    arguments.push_back("--no-mmap-output-file");
  ObjectBytes bytes;
  auto take = [&](llvm::ArrayRef<char> more) { bytes.append(more.begin(), more.end()); };
  if (!asFiles(objects, files, arguments, error))
    return false;
  if (!archive.empty())
    arguments.push_back(archive);
  if (!runLinkerInMemory(target, arguments, take, error))
    return false;
  if (!target.isWasm())
    return localizeElf(bytes, joined, error);
  joined = std::move(bytes);
  return localizeWasm(joined, error);
}

bool lepton::joinObjects(const std::vector<ObjectBytes> &objects, const Target &target, ObjectBytes &joined,
                         std::string &error) {
  return join(objects, target, "", joined, error);
}

bool lepton::joinBareObjects(const std::vector<ObjectBytes> &objects, const Target &target, ObjectBytes &joined,
                             std::vector<std::string> &undefined, std::string &error) {
  std::string archive = runtimeFile(target, "liblepton_bare.a", error);
  if (archive.empty() || !join(objects, target, archive, joined, error))
    return false;
  auto object = llvm::object::ObjectFile::createObjectFile(
      llvm::MemoryBufferRef(llvm::StringRef(joined.data(), joined.size()), "model.o"));
  if (!object) {
    error = llvm::toString(object.takeError());
    return false;
  }
  for (const llvm::object::SymbolRef &symbol : (*object)->symbols()) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    auto type = symbol.getType();
    // What is neither code nor data is WebAssembly's own: the stack's pointer, the memory.
    const bool isOther = type && *type == llvm::object::SymbolRef::ST_Other;
    llvm::consumeError(type.takeError());
    if (!isOther && flags && name && (*flags & llvm::object::SymbolRef::SF_Undefined) && !name->empty())
      undefined.push_back(name->str());
    llvm::consumeError(flags.takeError());
    llvm::consumeError(name.takeError());
  }
  return true;
}

bool lepton::writeObject(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                         std::string &error) {
  ObjectBytes joined;
  return joinObjects(objects, target, joined, error) && writeBytes(path, {joined.data(), joined.size()}, error);
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
  if (!joinObjects(objects, target, joined, error))
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
