//===- Files.h - files that appear whole or not at all --------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_FILES_H
#define LEPTON_API_FILES_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace lepton {

/// Whether a file may take the place of what is there: one that took that of a device or a pipe, such as /dev/null, would end it for everyone.
bool isReplaceable(const std::string &path, std::string &error);

/// Writes a file under another name, which is renamed when all of it is there. False with the reason in `error`, which `write` may be who gives.
bool writeWhole(const std::string &path, llvm::function_ref<bool(llvm::raw_ostream &)> write, std::string &error);
bool writeWhole(const std::string &path, llvm::StringRef content, std::string &error);

} // namespace lepton

#endif // LEPTON_API_FILES_H
