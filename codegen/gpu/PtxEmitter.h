//===- PtxEmitter.h - functions of a GPU become PTX ------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_GPU_PTXEMITTER_H
#define LEPTON_CODEGEN_GPU_PTXEMITTER_H

#include "codegen/target/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"

namespace lepton {

enum class GpuText { ptx, llvmIr };

/// The functions of the module's GPU, after the phase `nvvm`, as text: PTX, or the LLVM IR that it is made from. Emits an error and returns false where the
/// target refuses.
bool emitGpuText(mlir::ModuleOp module, const Target &target, int optLevel, GpuText form, std::string &text);

/// The same as LLVM IR in memory, optimized; null where the target refuses.
std::unique_ptr<llvm::Module> translateGpu(mlir::ModuleOp module, const Target &target, int optLevel,
                                           llvm::LLVMContext &context);

} // namespace lepton

#endif // LEPTON_CODEGEN_GPU_PTXEMITTER_H
