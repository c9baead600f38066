//===- WasmWeightsObject.h - the constants as an object of WebAssembly -----------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_WASMWEIGHTSOBJECT_H
#define LEPTON_CODEGEN_ARTIFACT_WASMWEIGHTSOBJECT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

namespace lepton {

/// A relocatable object that defines `lepton_weights`, these bytes, aligned to 64.
llvm::SmallVector<char, 0> wrapWasmWeights(llvm::ArrayRef<char> content);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_WASMWEIGHTSOBJECT_H
