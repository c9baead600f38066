//===- WideMath.h - functions of f32 that are computed in f64 --------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_CPU_WIDEMATH_H
#define LEPTON_CODEGEN_CPU_WIDEMATH_H

#include "mlir/IR/PatternMatch.h"

namespace lepton {

/// math.sin, math.cos and math.powf of f32, scalar or vector, over all numbers and within 1 ulp.
void populateWideMathPatterns(mlir::RewritePatternSet &patterns);

} // namespace lepton

#endif // LEPTON_CODEGEN_CPU_WIDEMATH_H
