//===- RuntimeOps.h - the dialect `lrt` -------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_RUNTIMEOPS_H
#define LEPTON_DIALECTS_RUNTIMEOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Runtime/RuntimeDialect.h.inc"

#define GET_OP_CLASSES
#include "dialects/Runtime/RuntimeOps.h.inc"

namespace lepton::lrt {

/// The module of the kernels that `lrt.launch` runs, for a GPU or of its code; null where there is none.
inline mlir::Operation *launchedModule(mlir::ModuleOp module) { return module.lookupSymbol("kernels"); }

} // namespace lepton::lrt

#endif // LEPTON_DIALECTS_RUNTIMEOPS_H
