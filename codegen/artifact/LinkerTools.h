//===- LinkerTools.h - what the linkers of all formats share -------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_LINKERTOOLS_H
#define LEPTON_CODEGEN_ARTIFACT_LINKERTOOLS_H

#include "codegen/artifact/Linker.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace lepton {

/// A part of the runtime, near this code: build/bin, build/lib, bin or lib of an installed prefix, or a Python package. Empty, with the reason in `error`,
/// where it is not there.
std::string runtimeFile(const Target &target, const char *name, std::string &error);

/// Objects as files that the linker reads, their names appended to its arguments.
bool asFiles(const std::vector<ObjectBytes> &objects, std::vector<MemoryFile> &files,
             std::vector<std::string> &arguments, std::string &error);

/// Gives what lld writes, piece by piece.
bool runLinkerInMemory(const Target &target, std::vector<std::string> arguments,
                       llvm::function_ref<void(llvm::ArrayRef<char>)> take, std::string &error);
/// The same into a file.
bool runLinkerTo(const Target &target, const std::string &path, const std::vector<std::string> &arguments,
                 std::string &error);

bool writeBytes(const std::string &path, llvm::StringRef bytes, std::string &error);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_LINKERTOOLS_H
