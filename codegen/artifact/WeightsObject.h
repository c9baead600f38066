//===- WeightsObject.h - the constants as an object file of their own ------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_WEIGHTSOBJECT_H
#define LEPTON_CODEGEN_ARTIFACT_WEIGHTSOBJECT_H

#include "codegen/target/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"

namespace lepton {

/// A relocatable ELF object that defines `lepton_weights`: the module's constants (`lepton.constants`) at their offsets (`lepton.constant_offsets`) in one
/// read-only section. They never pass through LLVM.
llvm::SmallVector<char, 0> writeWeightsObject(mlir::ModuleOp module, const Architecture &architecture);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_WEIGHTSOBJECT_H
