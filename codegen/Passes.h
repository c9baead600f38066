//===- Passes.h - the passes that know LLVM -------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_PASSES_H
#define LEPTON_CODEGEN_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lepton {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/Passes.h.inc"

} // namespace lepton

#endif // LEPTON_CODEGEN_PASSES_H
