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

/// Whether loops that need nothing of each other run side by side, on two threads: with more, each would rather have half of them in its kernels.
constexpr bool runsPairs(unsigned threads) { return threads == 2 || threads == 3; }

} // namespace lepton

#endif // LEPTON_PASSES_PASSES_H
