//===- NarrowFloat.h - floats of at most eight bits, in integer arithmetic --------------------------------*- C++ -*-===//
//
// Conversions between f32 and the formats that no processor here has, as scalar code of a kernel: shifts, additions and selections of i32,
// without branches or tables, so that loops of them vectorize. Formats are taken from LLVM's descriptions of them.
//
//===----------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_DIALECTS_NARROWFLOAT_H
#define LEPTON_DIALECTS_NARROWFLOAT_H

#include "dialects/Lepton/LeptonOps.h"

namespace lepton {

/// The f32 of a number of type `from`, whose bits are the low ones of the i8 `bits`; exact.
mlir::Value emitFromNarrowFloat(KernelEmitter &emitter, mlir::Value bits, mlir::FloatType from);
/// The number of type `to` nearest to an f32, as an i8 of its bits. `rounding` is for powers of two (f8E8M0FNU).
mlir::Value emitToNarrowFloat(KernelEmitter &emitter, mlir::Value value, mlir::FloatType to, bool saturate,
                              CastRounding rounding);

} // namespace lepton

#endif // LEPTON_DIALECTS_NARROWFLOAT_H
