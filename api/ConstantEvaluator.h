//===- ConstantEvaluator.h - computes constants by compiling them --------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_CONSTANTEVALUATOR_H
#define LEPTON_API_CONSTANTEVALUATOR_H

#include "passes/graph/FoldConstants.h"

#include "mlir/IR/MLIRContext.h"
#include <memory>

namespace lepton {

/// Compiles modules without inputs for this machine, runs them and gives their results as constants of the same context.
ConstantEvaluator makeConstantEvaluator(std::shared_ptr<mlir::MLIRContext> context, int optLevel);

} // namespace lepton

#endif // LEPTON_API_CONSTANTEVALUATOR_H
