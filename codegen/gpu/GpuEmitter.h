//===- GpuEmitter.h - functions of a GPU become its code -------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_GPU_GPUEMITTER_H
#define LEPTON_CODEGEN_GPU_GPUEMITTER_H

#include "codegen/target/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"

namespace lepton {

/// Of NVIDIA's GPUs the assembly is PTX, and LLVM makes no objects. Of Vulkan all is SPIR-V.
enum class GpuForm { assembly, object, llvmIr };

/// The functions of the module's GPU, after the phase `nvvm`, `rocdl` or `spirv`, as its code or the LLVM IR that this is made from. Emits an error and returns false
/// where the target refuses.
bool emitGpuCode(mlir::ModuleOp module, const Target &target, int optLevel, GpuForm form,
                 llvm::SmallVector<char, 0> &code);

/// The same as LLVM IR in memory, optimized; null where the target refuses.
std::unique_ptr<llvm::Module> translateGpu(mlir::ModuleOp module, const Target &target, int optLevel,
                                           llvm::LLVMContext &context);

} // namespace lepton

#endif // LEPTON_CODEGEN_GPU_GPUEMITTER_H
