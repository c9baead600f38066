//===- Importer.cpp - reads model files ---------------------------------------------------------------------------------===//

#include "frontend/onnx/Importer.h"
#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/TensorData.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

using namespace mlir;
using namespace lepton;

/// The newest operator set of ai.onnx that the converters know.
static constexpr int64_t newestOpset = 28;

static LogicalResult checkHeader(const ::onnx::ModelProto &model, Location loc) {
  if (!model.has_graph() || (model.graph().node_size() == 0 && model.graph().output_size() == 0))
    return emitError(loc) << "the file holds no ONNX graph; is it an ONNX model?";
  for (const auto &import : model.opset_import())
    if ((import.domain().empty() || import.domain() == "ai.onnx") &&
        (import.version() > newestOpset || import.version() < 1))
      return emitError(loc) << "the model uses operator set " << import.version() << "; 1 to " << newestOpset
                            << " are supported: export it for an older one";
  return success();
}

static void describe(const ::onnx::ModelProto &model, OnnxContents &contents) {
  contents.fields = {{"producer_name", model.producer_name()}, {"domain", model.domain()},
                     {"description", model.doc_string()},      {"version", std::to_string(model.model_version())},
                     {"graph_name", model.graph().name()},     {"graph_description", model.graph().doc_string()}};
  for (const auto &property : model.metadata_props())
    contents.custom[property.key()] = property.value();
}

namespace {
/// Counts what a graph and its subgraphs hold.
struct Counter {
  MLIRContext &context;
  OnnxContents &contents;

  /// What a sparse tensor stores are its values.
  void count(const ::onnx::SparseTensorProto &tensor) { count(tensor.values()); }

  void count(const ::onnx::TensorProto &tensor) {
    // Impossible sizes are refused when the tensor is read.
    const uint64_t elements = importer::elementCount(tensor).value_or(0);
    Type type = elementTypeOfNumber(&context, tensor.data_type());
    contents.parameters = llvm::SaturatingAdd(contents.parameters, elements);
    contents.parameterBytes =
        llvm::SaturatingMultiplyAdd<uint64_t>(elements, type ? elementBytes(type) : 0, contents.parameterBytes);
  }

  void count(const ::onnx::NodeProto &node) {
    bool isStandard = node.domain().empty() || node.domain() == "ai.onnx";
    ++contents.nodes[isStandard ? node.op_type() : node.domain() + "::" + node.op_type()];
    for (const auto &attribute : node.attribute()) {
      if (attribute.has_t() && node.op_type() == "Constant")
        count(attribute.t());
      if (attribute.has_sparse_tensor() && node.op_type() == "Constant")
        count(attribute.sparse_tensor());
      if (attribute.has_g())
        count(attribute.g());
      for (const auto &graph : attribute.graphs())
        count(graph);
    }
  }

  void count(const ::onnx::GraphProto &graph) {
    for (const auto &node : graph.node())
      count(node);
    for (const auto &tensor : graph.initializer())
      count(tensor);
    for (const auto &tensor : graph.sparse_initializer())
      count(tensor);
  }
};
} // namespace

OwningOpRef<ModuleOp> lepton::importOnnxBytes(ArrayRef<char> bytes, MLIRContext &context,
                                              const ImportOptions &options) {
  google::protobuf::LogSilencer silent; // its messages are ours to give
  ::onnx::ModelProto model;
  google::protobuf::io::ArrayInputStream stream(bytes.data(), bytes.size());
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(std::numeric_limits<int>::max());
  coded.SetRecursionLimit(200);
  if (bytes.empty() || bytes.size() > size_t(std::numeric_limits<int>::max()) || !model.ParseFromCodedStream(&coded) ||
      !coded.ConsumedEntireMessage()) {
    emitError(UnknownLoc::get(&context))
        << (bytes.empty() ? "the file is empty"
                          : "the file is no ONNX model, or it is truncated, damaged or nested too deeply");
    return {};
  }
  return importOnnxModel(model, context, options);
}

OwningOpRef<ModuleOp> lepton::importOnnxModel(const ::onnx::ModelProto &model, MLIRContext &context,
                                              const ImportOptions &options) {
  context.loadDialect<LeptonDialect, func::FuncDialect>();
  if (failed(checkHeader(model, UnknownLoc::get(&context))))
    return {};
  if (options.contents) {
    describe(model, *options.contents);
    Counter counter{context, *options.contents};
    counter.count(model.graph());
    for (const auto &function : model.functions())
      for (const auto &node : function.node())
        counter.count(node);
  }
  importer::GraphImporter importer(model, context, options);
  OwningOpRef<ModuleOp> module = importer.run();
  if (module && failed(verify(*module)))
    return {};
  return module;
}

OwningOpRef<ModuleOp> lepton::importOnnxFile(StringRef path, MLIRContext &context, const ImportOptions &options) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer) {
    emitError(UnknownLoc::get(&context)) << "cannot be read: " << buffer.getError().message();
    return {};
  }
  ImportOptions withFolder = options;
  if (withFolder.folder.empty())
    withFolder.folder = llvm::sys::path::parent_path(path).str();
  if (withFolder.folder.empty())
    withFolder.folder = ".";
  return importOnnxBytes({(*buffer)->getBufferStart(), (*buffer)->getBufferSize()}, context, withFolder);
}
