//===- WasmLinker.h - objects of WebAssembly become modules ----------------------------------------------------*- C++ -*-===//
//
// What Linker.h does for a target that is WebAssembly. A module has no loader that would look for a C library: it is linked with one, which lies beside the
// runtime. Each function returns false with the reason in `error`.
//
//===----------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_CODEGEN_ARTIFACT_WASMLINKER_H
#define LEPTON_CODEGEN_ARTIFACT_WASMLINKER_H

#include "codegen/artifact/Linker.h"

namespace lepton {

/// A module that is called: in the place of a shared library. It exports what that exports, and malloc, free and its memory, by which a caller outside of it
/// passes tensors.
bool linkReactor(const std::vector<ObjectBytes> &objects, const std::string &symbol, const Target &target,
                 const std::string &path, std::string &error);
/// A module that runs by itself: in the place of a program.
bool linkCommand(const std::vector<ObjectBytes> &objects, const Target &target, const std::string &path,
                 std::string &error);
/// Makes the hidden symbols of an object local.
bool localizeWasm(ObjectBytes &object, std::string &error);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_WASMLINKER_H
