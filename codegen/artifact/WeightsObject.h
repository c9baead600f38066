//===- WeightsObject.h - the constants as an object file of their own ------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_WEIGHTSOBJECT_H
#define LEPTON_CODEGEN_ARTIFACT_WEIGHTSOBJECT_H

#include "codegen/artifact/ModelInfo.h"
#include "codegen/target/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"

namespace lepton {

/// Code finds its constants by a pointer, wherever they are, but with more bytes of them between it and its other data it would be out of reach of those: displacements
/// have 32 bits, and 128 MB are left for all else. Linkers for x86-64 put such constants aside.
inline constexpr uint64_t nearBytes = (uint64_t(1) << 31) - (uint64_t(1) << 27);

/// A relocatable object that defines `lepton_weights`: the module's constants (`lepton.constants`) at their offsets (`lepton.constant_offsets`) in one
/// read-only section, `.lepton.weights`. They never pass through LLVM. Where they are to have a section of their own it begins with a page and fills whole ones, so
/// that nothing else lies on its pages.
llvm::SmallVector<char, 0> writeWeightsObject(mlir::ModuleOp module, const Architecture &architecture,
                                              WeightsPlace place = WeightsPlace::embed);

/// The file that holds the constants of an artifact without them (`lepton_weights_header`). Gives `info` their hash.
llvm::SmallVector<char, 0> writeWeightsFile(mlir::ModuleOp module, ModelInfo &info);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_WEIGHTSOBJECT_H
