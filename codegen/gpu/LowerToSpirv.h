//===- LowerToSpirv.h - functions of a GPU become the dialect spirv -------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_GPU_LOWERTOSPIRV_H
#define LEPTON_CODEGEN_GPU_LOWERTOSPIRV_H

#include "mlir/Pass/PassManager.h"

namespace lepton {

/// The phase `spirv`: the module of a GPU becomes one of SPIR-V, of the same name. What the host runs stays as it is.
void buildSpirvPipeline(mlir::OpPassManager &pm);

} // namespace lepton

#endif // LEPTON_CODEGEN_GPU_LOWERTOSPIRV_H
