//===- Node.h - one ONNX node being converted, and the table of converters -------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_NODE_H
#define LEPTON_FRONTEND_ONNX_NODE_H

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/GraphBuilder.h"
#include "onnx/onnx_pb.h"

namespace lepton::importer {

class GraphImporter;

/// A node with its operands looked up. Converters read it, add ops through `g`, and set its outputs.
class Node {
public:
  Node(GraphImporter &importer, const ::onnx::NodeProto &proto, mlir::Location loc, int64_t version);

  GraphImporter &importer;
  const ::onnx::NodeProto &proto;
  GraphBuilder &g;
  mlir::Location loc;
  int64_t version; // of the node's operator set

  /// Operand `i`; null where it is omitted.
  mlir::Value input(int i) const { return i < int(inputs.size()) ? inputs[i] : mlir::Value(); }
  void replaceInput(int i, mlir::Value value) { inputs[i] = value; }
  int inputCount() const { return inputs.size(); }
  int64_t rank(int i) const { return rankOf(input(i)); }
  mlir::Type elementType(int i) const { return elementTypeOf(input(i)); }
  bool isFloat(int i) const { return llvm::isa<mlir::FloatType>(elementType(i)); }
  /// Whether output `i` is wanted.
  bool wants(int i) const { return i < proto.output_size() && !proto.output(i).empty(); }
  /// The rank that the model declares of output `i`.
  std::optional<int64_t> declaredRank(int i) const;
  void set(int i, mlir::Value value);
  /// Sets the first output; fails where the value was not made (the error is reported already).
  mlir::LogicalResult result(mlir::Value value);
  mlir::LogicalResult error(const llvm::Twine &message) const;

  // Attributes; the default where one is absent.
  const ::onnx::AttributeProto *attribute(llvm::StringRef name) const;
  bool has(llvm::StringRef name) const { return attribute(name); }
  int64_t integer(llvm::StringRef name, int64_t otherwise) const;
  double number(llvm::StringRef name, double otherwise) const;
  std::string text(llvm::StringRef name, llvm::StringRef otherwise) const;
  llvm::SmallVector<int64_t> integers(llvm::StringRef name, llvm::ArrayRef<int64_t> otherwise = {}) const;
  llvm::SmallVector<double> numbers(llvm::StringRef name) const;
  llvm::SmallVector<std::string> texts(llvm::StringRef name) const;

  /// The contents of an integer operand that is known at compile time.
  std::optional<llvm::SmallVector<int64_t>> constantIntegers(int i) const;
  /// The contents of a floating-point operand that is a constant.
  std::optional<llvm::SmallVector<double>> constantNumbers(int i) const;
  /// Axes from the attribute `axes` or operand `i`, non-negative and sorted; fails with an error where they are not known or out of range.
  mlir::FailureOr<std::optional<llvm::SmallVector<int64_t>>> axes(int i, int64_t rank);
  /// An axis counted from the front; fails with an error where it is out of range.
  mlir::FailureOr<int64_t> axis(int64_t value, int64_t rank) const;

  // Short forms for compositions.
  template <typename OpT>
  mlir::Value make(mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> attributes = {}) {
    return g.create<OpT>(loc, operands, attributes);
  }
  mlir::Value scalarLike(mlir::Value value, double number) {
    return value ? g.scalar(loc, elementTypeOf(value), number) : mlir::Value();
  }

private:
  llvm::SmallVector<mlir::Value> inputs;
};

using Converter = mlir::LogicalResult (*)(Node &);

/// A converter holds from operator set `since` on, until the next entry of the same op.
struct Entry {
  const char *op;
  int since;
  Converter convert;
  const char *domain = "";
  const char *limit = ""; // what of the operator it does not take; empty: all of it
};

/// All converters, one function per family.
llvm::ArrayRef<Entry> mathConverters();
llvm::ArrayRef<Entry> movementConverters();
llvm::ArrayRef<Entry> indexingConverters();
llvm::ArrayRef<Entry> reductionConverters();
llvm::ArrayRef<Entry> samplingConverters();
llvm::ArrayRef<Entry> selectionConverters();
llvm::ArrayRef<Entry> signalConverters();
llvm::ArrayRef<Entry> randomConverters();
llvm::ArrayRef<Entry> trainingConverters();
llvm::ArrayRef<Entry> classicMlConverters();
llvm::ArrayRef<Entry> classifierConverters();
llvm::ArrayRef<Entry> treeConverters();
llvm::ArrayRef<Entry> gradientConverters();
llvm::ArrayRef<Entry> ngramConverters();
llvm::ArrayRef<Entry> convolutionConverters();
llvm::ArrayRef<Entry> controlConverters();
llvm::ArrayRef<Entry> recurrentConverters();
llvm::ArrayRef<Entry> resizeConverters();
llvm::ArrayRef<Entry> quantizeConverters();
llvm::ArrayRef<Entry> einsumConverters();
llvm::ArrayRef<Entry> textConverters();
llvm::ArrayRef<Entry> sequenceConverters();
llvm::ArrayRef<Entry> imageConverters();
llvm::ArrayRef<Entry> attentionConverters();
llvm::ArrayRef<Entry> mapConverters();

/// All of the tables above.
std::vector<llvm::ArrayRef<Entry>> converterFamilies();
/// The converter for an op at a version; null where there is none.
Converter findConverter(llvm::StringRef domain, llvm::StringRef op, int64_t version);
/// Operators that the standard allows strings, but that compute with what they get.
bool takesNoStrings(llvm::StringRef op);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_NODE_H
