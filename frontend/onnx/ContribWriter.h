//===- ContribWriter.h - what bodies of operators of com.microsoft are written with --------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_CONTRIBWRITER_H
#define LEPTON_FRONTEND_ONNX_CONTRIBWRITER_H

#include "onnx/onnx_pb.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"

#include <string>
#include <vector>

namespace lepton::importer {

/// What a body is made from: the node, the types of its inputs, and the statements so far. Inputs are called x0, x1, ..; outputs y0, ...
struct Body {
  const ::onnx::NodeProto &node;
  llvm::ArrayRef<::onnx::TypeProto> types; // none where it is only asked whether there is a body
  std::string statements;
  bool isCovered = true;
  int names = 0;

  // Inputs.
  bool has(int input) const { return input < node.input_size() && !node.input(input).empty(); }
  bool wants(int output) const { return output < node.output_size() && !node.output(output).empty(); }
  /// The name of an input, empty where it is omitted.
  std::string x(int input) const { return has(input) ? "x" + std::to_string(input) : "\"\""; }
  /// The rank of an input; `otherwise` where nothing is known.
  int64_t rank(int input, int64_t otherwise) const;
  /// The size of a dimension; -1 where nothing is known.
  int64_t size(int input, int dimension) const;

  // Attributes.
  const ::onnx::AttributeProto *find(llvm::StringRef name) const;
  int64_t integer(llvm::StringRef name, int64_t otherwise) const;
  std::string number(llvm::StringRef name, double otherwise) const;
  static std::string number(double value);

  // Statements.
  void add(const llvm::Twine &statement) { statements += "  " + statement.str() + "\n"; }
  void refuse() { isCovered = false; }
  /// The name of a new value, the result of `expression`.
  std::string let(const llvm::Twine &expression);
  std::string integers(llvm::ArrayRef<int64_t> values);
  std::string reshape(const std::string &value, llvm::ArrayRef<int64_t> shape);
  std::string transpose(const std::string &value, llvm::ArrayRef<int64_t> perm);
  /// Elements [begin, end) along an axis.
  std::string slice(const std::string &value, int64_t axis, int64_t begin, int64_t end);
  /// A number of the type of the value `like`.
  std::string constantLike(double value, const std::string &like);
  /// From the layout with channels last to the one with channels first, and back, for values of this rank.
  std::string channelsFirst(const std::string &value, int64_t rank);
  std::string channelsLast(const std::string &value, int64_t rank);

  /// `to = activation(from)` by the attribute `activation` of the fused operators.
  void activation(const std::string &from, const std::string &to, llvm::ArrayRef<double> parameters);
  std::string dequantized(int first);
  void quantize(const std::string &value, int scale);
  /// `to` = the integer product times the scales, plus a bias.
  void scaled(const std::string &scaleA, const std::string &scaleB, int bias);
};

struct Contrib {
  const char *op;
  void (*write)(Body &);
  /// The standard operator that takes over the node's attributes of the same names; none where it is null.
  const char *heir = nullptr;
  const char *limit = ""; // what of the operator is refused; empty: nothing
};

/// The operators of transformers, and the quantized ones.
llvm::ArrayRef<Contrib> attentionContribs();
llvm::ArrayRef<Contrib> quantizedContribs();

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_CONTRIBWRITER_H
