//===- LowerRuntimeOps.h - the dialect lrt becomes calls ---------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_CPU_LOWERRUNTIMEOPS_H
#define LEPTON_CODEGEN_CPU_LOWERRUNTIMEOPS_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"

namespace lepton {

/// Declares the runtime's functions (runtime/core/lepton_abi.h) and the weights in a module.
void declareRuntime(mlir::ModuleOp module);
/// Has the entry say which kernel comes next, for the session's observer. Before the conversion.
void announceKernels(mlir::ModuleOp module);
void populateRuntimeToLlvmPatterns(const mlir::LLVMTypeConverter &converter, mlir::RewritePatternSet &patterns);

/// Of what the host does for a GPU.
void populateLaunchToLlvmPatterns(const mlir::LLVMTypeConverter &converter, mlir::RewritePatternSet &patterns);
/// Of what functions of a GPU are given.
void populateViewToLlvmPatterns(const mlir::LLVMTypeConverter &converter, mlir::RewritePatternSet &patterns);

} // namespace lepton

#endif // LEPTON_CODEGEN_CPU_LOWERRUNTIMEOPS_H
