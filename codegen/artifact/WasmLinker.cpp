//===- WasmLinker.cpp - objects of WebAssembly become modules ---------------------------------------------------------------------===//

#include "codegen/artifact/WasmLinker.h"
#include "codegen/artifact/LinkerTools.h"

#include "llvm/BinaryFormat/Wasm.h"
#include "llvm/Support/DataExtractor.h"

using namespace lepton;
namespace wasm = llvm::wasm;

/// Objects, parts of the runtime and the C library, of which an archive has the functions that modules start with.
static bool linkModule(const std::vector<ObjectBytes> &objects, std::vector<const char *> parts,
                       const std::vector<std::string> &flags, const Target &target, const std::string &path,
                       std::string &error) {
  // A stack below the data, so that one which overflows ends in a trap, and large enough for a kernel's own buffers.
  std::vector<std::string> arguments = {"--stack-first", "-zstack-size=1048576", "--gc-sections", "--strip-debug"};
  std::vector<MemoryFile> files;
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  if (!asFiles(objects, files, arguments, error))
    return false;
  parts.insert(parts.end(), {"liblepton_rt.a", "libcrt1.a", "libc.a", "libbuiltins.a"});
  for (const char *name : parts) {
    arguments.push_back(runtimeFile(target, name, error));
    if (arguments.back().empty())
      return false;
  }
  return runLinkerTo(target, path, arguments, error);
}

bool lepton::linkReactor(const std::vector<ObjectBytes> &objects, const std::string &symbol, const Target &target,
                         const std::string &path, std::string &error) {
  std::vector<std::string> flags = {"--entry=_initialize"};
  for (const char *name : {"lepton_artifact_api", "lepton_session_create", "lepton_session_run",
                           "lepton_session_destroy", "lepton_tensor_release", "malloc", "free"})
    flags.push_back(std::string("--export=") + name);
  if (!symbol.empty())
    flags.push_back("--export=" + symbol + "_api");
  return linkModule(objects, {}, flags, target, path, error);
}

bool lepton::linkCommand(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                         std::string &error) {
  return linkModule(objects, {"liblepton_main.a"}, {"--entry=_start"}, target, path, error);
}

/// Steps over a symbol of the table that the tool conventions describe, of which kind and flags have been read.
static void skipSymbol(const llvm::DataExtractor &data, llvm::DataExtractor::Cursor &at, uint8_t kind, uint64_t flags) {
  const bool isUndefined = flags & wasm::WASM_SYMBOL_UNDEFINED;
  auto skipName = [&] { data.skip(at, data.getULEB128(at)); };
  if (kind == wasm::WASM_SYMBOL_TYPE_DATA) {
    skipName();
    for (int i = 0; i < 3 && !isUndefined; ++i) // the segment, the place in it, the size
      (void)data.getULEB128(at);
    return;
  }
  (void)data.getULEB128(at);
  if (kind != wasm::WASM_SYMBOL_TYPE_SECTION && (!isUndefined || (flags & wasm::WASM_SYMBOL_EXPLICIT_NAME)))
    skipName();
}

static void localizeSymbols(const llvm::DataExtractor &data, llvm::DataExtractor::Cursor &at, char *bytes) {
  for (uint64_t left = data.getULEB128(at); at && left > 0; --left) {
    const uint8_t kind = data.getU8(at);
    const uint64_t flagsAt = at.tell(), flags = data.getULEB128(at);
    if (at && (flags & wasm::WASM_SYMBOL_VISIBILITY_HIDDEN) && !(flags & wasm::WASM_SYMBOL_UNDEFINED))
      bytes[flagsAt] ^= wasm::WASM_SYMBOL_VISIBILITY_HIDDEN ^ wasm::WASM_SYMBOL_BINDING_LOCAL; // both in the first byte
    skipSymbol(data, at, kind, flags);
  }
}

/// Section by section to the one named `linking`, and in it part by part to the table of symbols.
bool lepton::localizeWasm(ObjectBytes &object, std::string &error) {
  llvm::DataExtractor data(llvm::StringRef(object.data(), object.size()), /*IsLittleEndian=*/true, /*AddressSize=*/4);
  llvm::DataExtractor::Cursor at(sizeof wasm::WasmMagic + sizeof wasm::WasmVersion);
  while (at && !data.eof(at)) {
    const uint8_t kind = data.getU8(at);
    const uint64_t size = data.getULEB128(at), end = at.tell() + size;
    if (kind == wasm::WASM_SEC_CUSTOM && data.getBytes(at, data.getULEB128(at)) == "linking") {
      (void)data.getULEB128(at); // the version
      while (at && at.tell() < end) {
        const uint8_t part = data.getU8(at);
        const uint64_t partSize = data.getULEB128(at), partEnd = at.tell() + partSize;
        if (part == wasm::WASM_SYMBOL_TABLE)
          localizeSymbols(data, at, object.data());
        at.seek(partEnd);
      }
    }
    at.seek(end);
  }
  if (llvm::Error problem = at.takeError()) {
    error = llvm::toString(std::move(problem));
    return false;
  }
  return true;
}
