//===- Quantize.h - what the quantized operators share ---------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_QUANTIZE_H
#define LEPTON_FRONTEND_ONNX_QUANTIZE_H

#include "frontend/onnx/Node.h"

namespace lepton::importer {

/// saturate(round(x / scale) + zero), halves to even, as the integer type `to`; x / scale + zero, rounded by the cast, as a narrow float. `x` and
/// `scale` are f32; `zero` may be null.
mlir::Value quantized(Node &n, mlir::Value x, mlir::Value scale, mlir::Value zero, mlir::Type to, bool saturate = true);

/// A tensor of f32 as uint8 over its own range (ONNX DynamicQuantizeLinear): values, scale and zero point.
struct DynamicallyQuantized {
  mlir::Value values, scale, zero;
};
DynamicallyQuantized dynamicallyQuantized(Node &n, mlir::Value x);

/// A scalar as it is, and a vector along dimension `axis` of `rank` dimensions.
mlir::Value alongAxis(Node &n, mlir::Value value, int64_t axis, int64_t rank);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_QUANTIZE_H
