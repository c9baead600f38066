//===- LowerKernels.h - what the GPUs of all makers have in common --------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_GPU_LOWERKERNELS_H
#define LEPTON_CODEGEN_GPU_LOWERKERNELS_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/DialectConversion.h"

namespace lepton {

/// Adds the patterns that make instructions of one maker's GPUs, and says that these are legal.
using AddInstructions =
    llvm::function_ref<void(mlir::LLVMTypeConverter &, mlir::RewritePatternSet &, mlir::ConversionTarget &)>;

/// Whether each function is an instruction of the GPU or has become arithmetic; emits an error where one is neither.
bool isWithinReach(mlir::gpu::GPUModuleOp module);

/// The functions of the module become functions of LLVM's dialect, whose buffers are aligned and do not alias. Emits an error where one needs a function that
/// is no instruction.
mlir::LogicalResult lowerKernels(mlir::gpu::GPUModuleOp module, AddInstructions addInstructions);

/// The passes of a phase whose conversion is `lower`, for modules of a GPU.
void buildKernelLowering(mlir::OpPassManager &pm, std::unique_ptr<mlir::Pass> lower);

} // namespace lepton

#endif // LEPTON_CODEGEN_GPU_LOWERKERNELS_H
