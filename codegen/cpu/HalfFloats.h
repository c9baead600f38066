//===- HalfFloats.h - floats of 16 bits where there are none ----------------------------------------------------*- C++ -*-===//
//
// LLVM's WebAssembly has neither float16 nor bfloat16: it refuses most of what is done with the one, and comparing vectors of the other it never ends. A module
// with `lepton.no_half_floats` is lowered without either.
//
//===-----------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_CODEGEN_CPU_HALFFLOATS_H
#define LEPTON_CODEGEN_CPU_HALFFLOATS_H

#include "mlir/IR/BuiltinOps.h"

namespace lepton {

/// What computes with floats of 16 bits computes with f32, conversions from and to f32 are arithmetic of integers, which vectorizes, and what moves such floats
/// moves integers.
mlir::LogicalResult emulateHalfFloats(mlir::ModuleOp module);

} // namespace lepton

#endif // LEPTON_CODEGEN_CPU_HALFFLOATS_H
