//===- ImportGraph.h - graphs that were built become modules of the dialect lepton -----------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_NATIVE_IMPORTGRAPH_H
#define LEPTON_FRONTEND_NATIVE_IMPORTGRAPH_H

#include "frontend/native/graph.hpp"
#include "frontend/onnx/Importer.h"

namespace lepton {

/// Imports a graph that is whole, as the model that it holds: constants are not written out and read again, so that it may be of any size. The graph must
/// live, and not grow, while the module does, which uses them where they are.
mlir::OwningOpRef<mlir::ModuleOp> importGraph(const nn::Graph &graph, mlir::MLIRContext &context,
                                              const ImportOptions &options);

} // namespace lepton

#endif // LEPTON_FRONTEND_NATIVE_IMPORTGRAPH_H
