//===- WasmWeightsObject.h - the constants as an object of WebAssembly -----------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_WASMWEIGHTSOBJECT_H
#define LEPTON_CODEGEN_ARTIFACT_WASMWEIGHTSOBJECT_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace lepton {

/// A relocatable object that defines `lepton_weights`, aligned to 64 bytes: `fill` writes what is not zero of it.
llvm::SmallVector<char, 0> writeWasmWeights(uint64_t size, llvm::function_ref<void(char *)> fill);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_WASMWEIGHTSOBJECT_H
