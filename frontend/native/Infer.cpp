//===- Infer.cpp - what a node gives, and whether it is sound -----------------------------------------------------------===//
//
// Each node is looked at when it is made, as a model of its own: its operands are the inputs, those that are small constants are constants there, too. It is
// imported, with all checks of the compiler, and the standard's inference gives the types of its results, with the names of dimensions.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "frontend/native/State.h"
#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/TensorData.h"

#include "dialects/Lepton/SourceNode.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

#include "onnx/shape_inference/implementation.h"

using namespace lepton;
using namespace lepton::nn;

/// Axes, shapes, bounds and the like decide what a node gives; weights do not, and would be copied for nothing.
static constexpr int64_t largestLookedAt = 4096;

void State::addOperand(const std::string &name, ::onnx::GraphProto &alone,
                       std::unordered_set<std::string> &added) const {
  if (name.empty() || !isVisible(name) || !added.insert(name).second)
    return;
  auto constant = constants.find(name);
  if (constant != constants.end() && importer::elementCount(*constant->second) <= largestLookedAt) {
    *alone.add_initializer() = *constant->second;
    return;
  }
  auto *input = alone.add_input();
  input->set_name(name);
  *input->mutable_type() = types.at(name);
}

void State::addOperands(const ::onnx::NodeProto &node, ::onnx::GraphProto &alone,
                        std::unordered_set<std::string> &added) const {
  for (const std::string &name : node.input())
    addOperand(name, alone, added);
  for (const auto &attribute : node.attribute())
    if (attribute.has_g()) {
      for (const auto &inner : attribute.g().node())
        addOperands(inner, alone, added);
      for (const auto &output : attribute.g().output())
        addOperand(output.name(), alone, added);
    }
}

/// What ONNX's library says, less what a caller knows: `Inference error(s): (op_type:Add, node name: sum): [ShapeInferenceError] `.
static std::string reasonOf(llvm::StringRef message) {
  if (size_t end = message.find("): "); message.contains("(op_type:") && end != llvm::StringRef::npos)
    message = message.drop_front(end + 3);
  message.consume_front("[TypeInferenceError] ");
  message.consume_front("[ShapeInferenceError] ");
  std::string text = message.rtrim().str();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// Forgets the names that the inference made up: in a model of one node they are the same as in that of another.
static void keepNames(::onnx::TypeProto &type, const std::unordered_set<std::string> &known) {
  if (type.has_tensor_type() && type.tensor_type().has_shape())
    for (auto &dim : *type.mutable_tensor_type()->mutable_shape()->mutable_dim())
      if (dim.has_dim_param() && !known.count(dim.dim_param()))
        dim.clear_dim_param();
}

/// The sizes and the rank that the importer found and the standard's inference did not.
static void complete(::onnx::TypeProto &type, mlir::Type found) {
  auto tensor = llvm::cast<mlir::TensorType>(found);
  if (isHandle(tensor.getElementType()) || !tensor.hasRank())
    return;
  auto &proto = *type.mutable_tensor_type();
  proto.set_elem_type(int32_t(numberOfElementType(tensor.getElementType())));
  bool isRanked = proto.has_shape();
  for (int64_t d = 0; d < tensor.getRank(); ++d) {
    auto *dim = isRanked ? proto.mutable_shape()->mutable_dim(int(d)) : proto.mutable_shape()->add_dim();
    if (!dim->has_dim_value() && !dim->has_dim_param() && !tensor.isDynamicDim(d))
      dim->set_dim_value(tensor.getDimSize(d));
  }
  (void)proto.mutable_shape(); // of rank 0
}

bool State::infer(const ::onnx::NodeProto &node, std::vector<::onnx::TypeProto> &results, std::string &problem) {
  ::onnx::ModelProto alone;
  alone.set_ir_version(model.ir_version());
  *alone.mutable_opset_import() = model.opset_import();
  auto &graph = *alone.mutable_graph();
  graph.set_name(node.name());
  *graph.add_node() = node;
  std::unordered_set<std::string> added, dims;
  addOperands(node, graph, added);
  for (const auto &input : graph.input())
    for (const auto &dim : input.type().tensor_type().shape().dim())
      dims.insert(dim.dim_param());
  for (const std::string &output : node.output())
    graph.add_output()->set_name(output);
  int64_t version = 1;
  for (const auto &import : model.opset_import())
    if (import.domain() == node.domain())
      version = import.version();
  const auto *schema = ::onnx::OpSchemaRegistry::Schema(node.op_type(), int(version), node.domain());
  if (!schema && node.domain().empty()) {
    const auto *newest = ::onnx::OpSchemaRegistry::Schema(node.op_type(), node.domain());
    problem = "operator set " + std::to_string(version) + " of ONNX has no such operator";
    if (newest)
      problem +=
          "; it is there from " + std::to_string(newest->since_version()) + " on: make the graph with that opset";
    return false;
  }
  std::vector<mlir::Type> found;
  if (!import(alone, found, problem))
    return false;
  try {
    if (schema)
      schema->Verify(node);
    ::onnx::shape_inference::InferShapes(alone, ::onnx::OpSchemaRegistry::Instance(),
                                         ::onnx::ShapeInferenceOptions(true, 1, true));
  } catch (const std::exception &exception) {
    problem = reasonOf(exception.what());
    return false;
  }
  for (auto [output, type] : llvm::zip_equal(graph.output(), found)) {
    results.push_back(output.type());
    keepNames(results.back(), dims);
    complete(results.back(), type);
  }
  return true;
}

bool State::import(const ::onnx::ModelProto &alone, std::vector<mlir::Type> &found, std::string &problem) {
  context.loadDialect<LeptonDialect, mlir::func::FuncDialect>();
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error && problem.empty())
      problem = userMessage(diagnostic);
    return mlir::success();
  });
  const ImportOptions options;
  importer::GraphImporter importer(alone, context, options);
  mlir::OwningOpRef<mlir::ModuleOp> module = importer.run();
  if (!module || mlir::failed(mlir::verify(*module)))
    return false;
  llvm::append_range(found, module->lookupSymbol<mlir::func::FuncOp>("main").getResultTypes());
  return true;
}
