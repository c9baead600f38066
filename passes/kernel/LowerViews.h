//===- LowerViews.h - reshapes become views with computed sizes -----------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_KERNEL_LOWERVIEWS_H
#define LEPTON_PASSES_KERNEL_LOWERVIEWS_H

#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lepton {

/// Gives the results of ops that only change a shape to tensor.collapse_shape and tensor.expand_shape. The analysis must know all shapes already: chains of
/// shape arithmetic are cut. The old ops stay, unused; `replaced` maps their results to the views.
void lowerViews(mlir::func::FuncOp function, ShapeAnalysis &shapes, llvm::DenseMap<mlir::Value, mlir::Value> &replaced);

} // namespace lepton

#endif // LEPTON_PASSES_KERNEL_LOWERVIEWS_H
