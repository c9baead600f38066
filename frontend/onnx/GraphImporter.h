//===- GraphImporter.h - walks graphs and functions ---------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_GRAPHIMPORTER_H
#define LEPTON_FRONTEND_ONNX_GRAPHIMPORTER_H

#include "frontend/onnx/Importer.h"
#include "frontend/onnx/Node.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <map>
#include <memory>

namespace lepton::importer {

/// Values by name; names not found are looked up in the scope around (a subgraph sees its outer graph, a function body does not).
struct Scope {
  const Scope *outer = nullptr;
  llvm::StringMap<mlir::Value> values;
  llvm::StringMap<int64_t> opsets;
  llvm::StringSet<> lost;         // names that nodes with errors should have computed
  llvm::StringMap<int64_t> ranks; // that the graph declares of what its nodes compute

  /// Reads what a graph or a function declares of its values.
  void declare(const google::protobuf::RepeatedPtrField<::onnx::ValueInfoProto> &values);
  bool isLost(llvm::StringRef name) const;
  mlir::Value find(llvm::StringRef name) const;
};

/// The sizes that a shape gives as numbers; the others are dynamic.
llvm::SmallVector<int64_t> declaredSizes(const ::onnx::TensorShapeProto &shape);

class GraphImporter {
public:
  GraphImporter(const ::onnx::ModelProto &model, mlir::MLIRContext &context, const ImportOptions &options);

  mlir::OwningOpRef<mlir::ModuleOp> run();

  /// Imports the nodes of a subgraph at the insertion point, with `arguments` for its inputs; returns its outputs.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> importSubgraph(const ::onnx::GraphProto &graph,
                                                                 mlir::ValueRange arguments);
  /// The type of a value that a model declares, a ranked tensor but for the contents of sequences, optionals and maps; null where it is not supported,
  /// after `refuse` got the reason, the predicate of a sentence.
  mlir::Type typeOf(const ::onnx::TypeProto &type, llvm::function_ref<mlir::InFlightDiagnostic()> refuse);
  /// A tensor as a value of the graph.
  mlir::FailureOr<mlir::Value> constant(const ::onnx::TensorProto &tensor, mlir::Location loc);
  /// A sparse tensor as a dense value of the graph.
  mlir::FailureOr<mlir::Value> sparseConstant(const ::onnx::SparseTensorProto &sparse, mlir::Location loc);
  /// A tensor of numbers as a constant.
  mlir::FailureOr<mlir::ElementsAttr> tensor(const ::onnx::TensorProto &tensor, mlir::Location loc);

  /// Takes the regions of an op that is not made after all. They live on until the end of the import, since the shape analysis knows values by their
  /// addresses, which must not be given to others.
  void retire(mlir::OperationState &state);

  mlir::OpBuilder b;
  ShapeAnalysis shapes;
  GraphBuilder g;
  Scope *scope = nullptr;

private:
  mlir::Location locationOf(const ::onnx::NodeProto &node);
  /// Reports all nodes at once whose operators have neither a converter nor a body.
  mlir::LogicalResult checkOps();
  /// Checks a node's operands, results and attributes against the standard's schema of its op, where it has one.
  mlir::LogicalResult checkNode(const ::onnx::NodeProto &node, int64_t version, mlir::Location loc);
  void collectUnsupported(const google::protobuf::RepeatedPtrField<::onnx::NodeProto> &nodes,
                          const llvm::StringMap<int64_t> &opsets, int depth);
  const ::onnx::FunctionProto *modelFunction(const ::onnx::NodeProto &node) const;
  mlir::LogicalResult indexFunctions();
  /// Refuses results that are larger than any memory, of whatever operator.
  mlir::LogicalResult checkResults(const ::onnx::NodeProto &node, mlir::Location loc);
  mlir::LogicalResult importNodes(const google::protobuf::RepeatedPtrField<::onnx::NodeProto> &nodes);
  mlir::LogicalResult importNode(const ::onnx::NodeProto &node);
  mlir::LogicalResult importInitializers(const ::onnx::GraphProto &graph);
  mlir::LogicalResult importFunction(const ::onnx::FunctionProto &function, const ::onnx::NodeProto &node,
                                     mlir::Location loc);
  /// The body that the standard gives an op; nothing where it has none.
  std::unique_ptr<::onnx::FunctionProto> standardBody(const ::onnx::NodeProto &node, int64_t version);
  mlir::FailureOr<mlir::RankedTensorType> inputType(const ::onnx::ValueInfoProto &input,
                                                    llvm::SmallVectorImpl<mlir::Attribute> &names);
  /// Holds the options' dimensions against those of the inputs.
  mlir::LogicalResult applyDims(mlir::ModuleOp module);

  const ::onnx::ModelProto &model;
  const ImportOptions &options;
  std::vector<std::unique_ptr<mlir::Region>> retired;
  llvm::SetVector<mlir::StringRef> dimNames;                   // of the inputs
  std::map<std::string, std::vector<std::string>> unsupported; // operator -> nodes
  int errors = 0;                                              // emitted so far
  int functionDepth = 0;
  int64_t expandedNodes = 0, expandedBytes = 0;
  std::map<std::array<std::string, 3>, const ::onnx::FunctionProto *> functions; // by domain, name and overload
};

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_GRAPHIMPORTER_H
