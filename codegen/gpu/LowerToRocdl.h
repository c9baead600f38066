//===- LowerToRocdl.h - functions of a GPU become the dialect rocdl -------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_GPU_LOWERTOROCDL_H
#define LEPTON_CODEGEN_GPU_LOWERTOROCDL_H

#include "mlir/Pass/PassManager.h"

namespace lepton {

/// The phase `rocdl`: the functions in modules of a GPU become functions of the dialects llvm and rocdl. What the host runs stays as it is.
void buildRocdlPipeline(mlir::OpPassManager &pm);

} // namespace lepton

#endif // LEPTON_CODEGEN_GPU_LOWERTOROCDL_H
