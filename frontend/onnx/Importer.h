//===- Importer.h - ONNX models become modules of the dialect lepton ------------------------------------*- C++ -*-===//
//
// The module has one function `@main`; its arguments carry `lepton.name` and `lepton.dims` (the names of their dimensions), its results `lepton.name`.
// Every op's location is the ONNX node it comes from. Errors are MLIR diagnostics.
//
//===----------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_FRONTEND_ONNX_IMPORTER_H
#define LEPTON_FRONTEND_ONNX_IMPORTER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace onnx {
class ModelProto;
}

namespace lepton {

/// The sizes that the dimensions of one name may have; a size at compile time where both ends are equal. Any size where `versions` lists those that get code
/// of their own.
struct NamedDim {
  std::string name;
  int64_t minimum, maximum;
  std::vector<int64_t> versions;
};

/// What a model file holds, counted in the file itself, and what it says of itself.
struct OnnxContents {
  std::map<std::string, uint64_t> nodes;       // by operator, those of subgraphs and functions included
  uint64_t parameters = 0, parameterBytes = 0; // elements of its initializers and constants
  std::map<std::string, std::string> fields;   // by onnxruntime's names: producer_name, graph_name, description, ...
  std::map<std::string, std::string> custom;   // metadata_props
};

struct ImportOptions {
  /// Each must name a dimension of an input. Bounds become the module's attribute `lepton.dim_bounds`, versions `lepton.dim_versions`.
  std::vector<NamedDim> dims;
  /// Nodes that a model may have when its functions are expanded, and bytes of nodes that the expansion may copy; a model past it is refused.
  int64_t maxExpandedNodes = 300'000, maxExpandedBytes = int64_t(1) << 28;
  /// Asked at each node, where it is there: whether to give up.
  std::function<bool()> stopped;
  /// Where the files of external data lie; the model's own folder when it is a file.
  std::string folder;
  /// Whether the model stays as it is while the module lives, which then has its large constants where they are, and not copies.
  bool modelStays = false;
  /// Filled as soon as the file is read, where it is wanted.
  OnnxContents *contents = nullptr;
};

mlir::OwningOpRef<mlir::ModuleOp> importOnnxFile(llvm::StringRef path, mlir::MLIRContext &context,
                                                 const ImportOptions &options);
mlir::OwningOpRef<mlir::ModuleOp> importOnnxBytes(llvm::ArrayRef<char> bytes, mlir::MLIRContext &context,
                                                  const ImportOptions &options);
/// The same of a model that was read, or built.
mlir::OwningOpRef<mlir::ModuleOp> importOnnxModel(const ::onnx::ModelProto &model, mlir::MLIRContext &context,
                                                  const ImportOptions &options);

} // namespace lepton

#endif // LEPTON_FRONTEND_ONNX_IMPORTER_H
