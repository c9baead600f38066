//===- Passes.h - Lepton's passes ---------------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_PASSES_H
#define LEPTON_PASSES_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lepton {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace lepton

#endif // LEPTON_PASSES_PASSES_H
