//===- SourceNode.h - the model's node that an op comes from, in messages ---------------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_SOURCENODE_H
#define LEPTON_DIALECTS_SOURCENODE_H

#include "mlir/IR/Diagnostics.h"

#include <string>

namespace lepton {

/// The model's node that an op comes from; empty where there is none.
struct SourceNode {
  llvm::StringRef name, type;
};
SourceNode sourceNode(mlir::Location loc);

/// What a diagnostic says, in one line. Who is told the node need not know what MLIR calls its op: `'lepton.matmul' op `.
std::string userMessage(const mlir::Diagnostic &diagnostic);

} // namespace lepton

#endif // LEPTON_DIALECTS_SOURCENODE_H
