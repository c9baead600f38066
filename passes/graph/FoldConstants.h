//===- FoldConstants.h - computes what depends on constants alone -----------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_GRAPH_FOLDCONSTANTS_H
#define LEPTON_PASSES_GRAPH_FOLDCONSTANTS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <functional>

namespace lepton {

/// Computes constants: runs `@main()` of a module without arguments and returns its results.
using ConstantEvaluator = std::function<mlir::FailureOr<llvm::SmallVector<mlir::ElementsAttr>>(mlir::ModuleOp)>;

std::unique_ptr<mlir::Pass> createFoldConstantsPass(ConstantEvaluator evaluate);

} // namespace lepton

#endif // LEPTON_PASSES_GRAPH_FOLDCONSTANTS_H
