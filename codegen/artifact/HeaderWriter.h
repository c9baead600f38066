//===- HeaderWriter.h - the C header beside an artifact --------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_HEADERWRITER_H
#define LEPTON_CODEGEN_ARTIFACT_HEADERWRITER_H

#include "codegen/artifact/ModelInfo.h"

#include "llvm/ADT/StringRef.h"

namespace lepton {

/// A C identifier from any text: letters, digits and underscores, of which the first is a letter. It is none by which the runtime or the system has functions.
std::string cIdentifier(llvm::StringRef text);

/// The header of a compiled model: what it takes and gives, its sizes, and the functions to run it. Names from the model become safe identifiers.
std::string writeHeader(const ModelInfo &info);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_HEADERWRITER_H
