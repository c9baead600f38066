//===- ConstantEvaluator.h - computes constants by compiling them --------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_CONSTANTEVALUATOR_H
#define LEPTON_API_CONSTANTEVALUATOR_H

#include "passes/graph/FoldConstants.h"

#include "mlir/IR/MLIRContext.h"
#include <memory>

namespace lepton {

/// Compiles modules without inputs for this machine, runs them and gives their results as constants of the same context. `isFault` is set where that
/// fails by a fault of Lepton; what a model may do wrong (an index out of range) is found by the run.
ConstantEvaluator makeConstantEvaluator(std::shared_ptr<mlir::MLIRContext> context, int optLevel, bool isDeterministic,
                                        bool &isFault);

} // namespace lepton

#endif // LEPTON_API_CONSTANTEVALUATOR_H
