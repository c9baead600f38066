//===- LowerToNvvm.h - functions of a GPU become the dialect nvvm ---------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_GPU_LOWERTONVVM_H
#define LEPTON_CODEGEN_GPU_LOWERTONVVM_H

#include "mlir/Pass/PassManager.h"

namespace lepton {

/// The phase `nvvm`: the functions in modules of a GPU become functions of the dialects llvm and nvvm. What the host runs stays as it is.
void buildNvvmPipeline(mlir::OpPassManager &pm);

} // namespace lepton

#endif // LEPTON_CODEGEN_GPU_LOWERTONVVM_H
