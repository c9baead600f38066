//===- LowerToLlvm.h - loops on memrefs become the LLVM dialect ------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_CPU_LOWERTOLLVM_H
#define LEPTON_CODEGEN_CPU_LOWERTOLLVM_H

#include "mlir/Pass/PassManager.h"

namespace lepton {

/// The phase `llvm`: functions of loops, vectors and memrefs become LLVM functions; `lepton_entry(ptr) -> i32` is the only public one.
void buildLlvmPipeline(mlir::OpPassManager &pm);

} // namespace lepton

#endif // LEPTON_CODEGEN_CPU_LOWERTOLLVM_H
