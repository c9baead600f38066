//===- ModelDescriptor.h - the model's description as data in the object --------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_MODELDESCRIPTOR_H
#define LEPTON_CODEGEN_ARTIFACT_MODELDESCRIPTOR_H

#include "codegen/artifact/ModelInfo.h"
#include "llvm/IR/Module.h"

namespace lepton {

/// Defines `lepton_artifact_model`, the struct lepton_model of runtime/core/lepton_abi.h, in a module that defines `lepton_entry`; and, with a symbol,
/// `const lepton_api *SYMBOL_api(void)`, by which a program tells the models that are linked into it apart.
void addModelDescriptor(llvm::Module &module, const ModelInfo &info);

/// Defines `lepton_artifact_api` and, with a symbol, SYMBOL_api, in a module of their own: the table of the first model that this CPU has the features for, of
/// those whose tables the functions VERSION_api give; of the last where it has them for none, which says so when a session is made.
void addModelChooser(llvm::Module &module, llvm::ArrayRef<std::string> versions, const std::string &symbol);

/// Adds what stands for the description where there is no runtime: SYMBOL_run, a function of the inputs, the outputs, the workspace and the place of an
/// error.
void addBareFunction(llvm::Module &module, const ModelInfo &info);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_MODELDESCRIPTOR_H
