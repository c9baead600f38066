//===- ObjectEmitter.h - the LLVM dialect becomes machine code ------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_OBJECTEMITTER_H
#define LEPTON_CODEGEN_ARTIFACT_OBJECTEMITTER_H

#include "codegen/artifact/ModelInfo.h"
#include "codegen/target/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace lepton {

enum class CodeForm { object, assembly, llvmIr };

/// Compiles a module of the LLVM dialect, with the model's description. Large modules are cut into `parts` that compile side by side (objects only): one
/// result per part. Emits an error and returns nothing where the target refuses. Once `stopped`, which any thread may ask, says so, what is left to be done is
/// left out, and the result is of no use.
std::vector<llvm::SmallVector<char, 0>> emitCode(mlir::ModuleOp module, const ModelInfo &info, const Target &target,
                                                 int optLevel, CodeForm form, unsigned parts,
                                                 llvm::function_ref<bool()> stopped = {});

/// Bytes of machine code in objects.
uint64_t countCode(llvm::ArrayRef<llvm::SmallVector<char, 0>> objects);

/// An object that chooses among models when the artifact is loaded; see addModelChooser.
llvm::SmallVector<char, 0> emitModelChooser(llvm::ArrayRef<std::string> versions, const std::string &symbol,
                                            const Target &target);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_OBJECTEMITTER_H
