//===- LoopImport.h - loops whose types are found by importing their bodies -------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_LOOPIMPORT_H
#define LEPTON_FRONTEND_ONNX_LOOPIMPORT_H

#include "frontend/onnx/Node.h"

namespace lepton::importer {

/// The type that two branches or iterations have in common: sizes that differ are dynamic. Null where they cannot meet.
mlir::RankedTensorType join(mlir::Type a, mlir::Type b);

/// A loop to import: Loop, Scan, or one that a converter needs.
struct LoopSource {
  mlir::Value tripCount, condition; // scalars, i64 and i1; null where the loop has none
  llvm::SmallVector<mlir::Value> inits;
  /// Imports one iteration at the insertion point. Takes the iteration's number, the condition and the carried values; returns the next condition, the
  /// next carried values, and a slice for each collected result. Called once for each attempt at the types.
  llvm::function_ref<mlir::FailureOr<llvm::SmallVector<mlir::Value>>(mlir::ValueRange)> body;
};

/// Makes the loop. Returns the final carried values, then the collected slices, stacked along a new first dimension: in memory that is there before the
/// loop runs, where its size is known then, and in sequences otherwise.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> makeLoop(Node &n, const LoopSource &source);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_LOOPIMPORT_H
