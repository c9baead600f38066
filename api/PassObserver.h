//===- PassObserver.h - what each pass does to a model --------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_PASSOBSERVER_H
#define LEPTON_API_PASSOBSERVER_H

#include "api/Facts.h"

#include "mlir/Pass/PassManager.h"

namespace lepton {

/// From here on the remarks of the context's passes go into the facts, which must live as long as passes run.
void collectRemarks(mlir::MLIRContext &context, CompileFacts &facts);

/// Adds the passes of one phase to the facts: how long each takes, and the ops that it finds and leaves. For PassManager::addInstrumentation.
std::unique_ptr<mlir::PassInstrumentation> observePasses(const char *phase, CompileFacts &facts);

} // namespace lepton

#endif // LEPTON_API_PASSOBSERVER_H
