//===- ContribBody.cpp - operators of the domain com.microsoft as function bodies ------------------------------------------===//
//
// Exporters and quantizers leave these in files. Each is written here in ONNX's own text syntax, in terms of standard operators, from onnxruntime's
// documentation (ContribOperators.md); the importer expands it like any model-local function. A form of an operator that is not covered has no body, and
// is reported as unsupported.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "frontend/onnx/ContribBody.h"

#include "onnx/defs/parser.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lepton;
using namespace lepton::importer;
using ::onnx::NodeProto;

namespace {

/// What a body is made from: the node, and the statements so far. Inputs are called x0, x1, ..; outputs y0, ...
struct Body {
  const NodeProto &node;
  std::string statements;
  bool isCovered = true;

  bool has(int input) const { return input < node.input_size() && !node.input(input).empty(); }
  /// The name of an input, empty where it is omitted.
  std::string x(int input) const { return has(input) ? "x" + std::to_string(input) : "\"\""; }
  void add(const llvm::Twine &statement) { statements += "  " + statement.str() + "\n"; }
  void refuse() { isCovered = false; }

  const ::onnx::AttributeProto *find(llvm::StringRef name) const {
    for (const auto &attribute : node.attribute())
      if (attribute.name() == name)
        return &attribute;
    return nullptr;
  }
  int64_t integer(llvm::StringRef name, int64_t otherwise) const {
    const auto *attribute = find(name);
    return attribute ? attribute->i() : otherwise;
  }
  std::string number(llvm::StringRef name, double otherwise) const {
    const auto *attribute = find(name);
    return llvm::formatv("{0:e9}", attribute ? double(attribute->f()) : otherwise).str();
  }

  /// `to = activation(from)` by the attribute `activation` of the fused operators.
  void activation(const std::string &from, const std::string &to, llvm::ArrayRef<double> parameters) {
    const auto *attribute = find("activation");
    std::string name = attribute ? attribute->s() : "";
    auto parameter = [&](size_t i, double otherwise) {
      return llvm::formatv("{0:e9}", i < parameters.size() ? parameters[i] : otherwise).str();
    };
    if (name.empty())
      add(to + " = Identity (" + from + ")");
    else if (llvm::is_contained({"Relu", "Tanh", "Sigmoid"}, name))
      add(to + " = " + name + " (" + from + ")");
    else if (name == "LeakyRelu")
      add(to + " = LeakyRelu <alpha: float = " + parameter(0, 0.01) + "> (" + from + ")");
    else if (name == "HardSigmoid")
      add(to + " = HardSigmoid <alpha: float = " + parameter(0, 0.2) + ", beta: float = " + parameter(1, 0.5) + "> (" +
          from + ")");
    else if (name == "Clip" && parameters.size() == 2) {
      add("low = Constant <value_float: float = " + parameter(0, 0) + "> ()");
      add("high = Constant <value_float: float = " + parameter(1, 0) + "> ()");
      add(to + " = Clip (" + from + ", low, high)");
    } else {
      refuse();
    }
  }

  std::string dequantized(int first) {
    std::string name = "d" + std::to_string(first);
    add(name + " = DequantizeLinear (" + x(first) + ", " + x(first + 1) + (has(first + 2) ? ", " + x(first + 2) : "") +
        ")");
    return name;
  }
  void quantize(const std::string &value, int scale) {
    add("y0 = QuantizeLinear (" + value + ", " + x(scale) + (has(scale + 1) ? ", " + x(scale + 1) : "") + ")");
  }
  /// `to` = the integer product times the scales, plus a bias.
  void scaled(const std::string &scaleA, const std::string &scaleB, int bias) {
    add("product = Cast <to: int = 1> (integers)");
    add("scale = Mul (" + scaleA + ", " + scaleB + ")");
    add(llvm::Twine(has(bias) ? "real" : "y0") + " = Mul (product, scale)");
    if (has(bias))
      add("y0 = Add (real, " + x(bias) + ")");
  }
};

void gelu(Body &b) { b.add("y0 = Gelu (x0)"); }

void fastGelu(Body &b) {
  if (b.has(1))
    b.add("sum = Add (x0, x1)");
  b.add(llvm::Twine("y0 = Gelu <approximate: string = \"tanh\"> (") + (b.has(1) ? "sum" : "x0") + ")");
}

void biasGelu(Body &b) {
  b.add("sum = Add (x0, x1)");
  b.add("y0 = Gelu (sum)");
}

void quickGelu(Body &b) {
  b.add("number = Constant <value_float: float = " + b.number("alpha", 1.702) + "> ()");
  b.add("alpha = CastLike (number, x0)");
  b.add("scaled = Mul (x0, alpha)");
  b.add("gate = Sigmoid (scaled)");
  b.add("y0 = Mul (x0, gate)");
}

void fusedConv(Body &b) {
  b.add("conv = Conv (x0, x1, " + b.x(2) + ")");
  if (b.has(3))
    b.add("sum = Add (conv, x3)");
  llvm::SmallVector<double> parameters;
  if (const auto *attribute = b.find("activation_params"))
    parameters.assign(attribute->floats().begin(), attribute->floats().end());
  b.activation(b.has(3) ? "sum" : "conv", "y0", parameters);
}

void fusedGemm(Body &b) {
  b.add("gemm = Gemm (x0, x1, " + b.x(2) + ")");
  llvm::SmallVector<double> parameters;
  for (const char *name : {"activation_alpha", "activation_beta"})
    if (const auto *attribute = b.find(name))
      parameters.push_back(attribute->f());
  b.activation("gemm", "y0", parameters);
}

void skipLayerNormalization(Body &b) {
  b.add("skipped = Add (x0, x1)");
  b.add(b.has(4) ? "y3 = Add (skipped, x4)" : "y3 = Identity (skipped)");
  b.add("y0, y1, y2 = LayerNormalization <axis: int = -1, epsilon: float = " + b.number("epsilon", 1e-12) +
        "> (y3, x2, " + b.x(3) + ")");
}

void skipSimplifiedLayerNormalization(Body &b) {
  if (b.node.output_size() > 1 && !b.node.output(1).empty())
    b.refuse();
  b.add("skipped = Add (x0, x1)");
  b.add(b.has(3) ? "y3 = Add (skipped, x3)" : "y3 = Identity (skipped)");
  b.add("y0 = RMSNormalization <axis: int = -1, epsilon: float = " + b.number("epsilon", 1e-12) + "> (y3, x2)");
}

void matMulIntegerToFloat(Body &b) {
  b.add("integers = MatMulInteger (x0, x1, " + b.x(4) + ", " + b.x(5) + ")");
  b.scaled("x2", "x3", 6);
}

void dynamicQuantizeMatMul(Body &b) {
  b.add("small, scale_a, zero_a = DynamicQuantizeLinear (x0)");
  b.add("integers = MatMulInteger (small, x1, zero_a, " + b.x(3) + ")");
  b.scaled("scale_a", "x2", 4);
}

void qLinearBinary(Body &b) {
  std::string left = b.dequantized(0), right = b.dequantized(3);
  b.add("real = " + b.node.op_type().substr(strlen("QLinear")) + " (" + left + ", " + right + ")");
  b.quantize("real", 6);
}

/// An operator of one quantized tensor; its attributes are the node's own.
void qLinearUnary(Body &b) {
  if (b.integer("channels_last", 0))
    b.refuse();
  std::string value = b.dequantized(0);
  b.add("real = " + b.node.op_type().substr(strlen("QLinear")) + " (" + value + ")");
  b.quantize("real", 3);
}

void qLinearConcat(Body &b) {
  std::string values;
  for (int i = 2; i + 2 < b.node.input_size(); i += 3)
    values += (values.empty() ? "" : ", ") + b.dequantized(i);
  b.add("real = Concat <axis: int = " + std::to_string(b.integer("axis", 0)) + "> (" + values + ")");
  b.quantize("real", 0);
}

void trilu(Body &b) {
  b.add("y0 = Trilu <upper: int = " + std::to_string(b.integer("upper", 1)) + "> (x0" + (b.has(1) ? ", x1" : "") + ")");
}

/// Without masks and past keys: the projection of all three, then the standard's attention.
void attention(Body &b) {
  int64_t heads = b.integer("num_heads", 0);
  if (b.has(3) || b.has(4) || b.has(5) || b.find("qkv_hidden_sizes") || b.integer("do_rotary", 0) || heads < 1)
    b.refuse();
  b.add("product = MatMul (x0, x1)");
  b.add(b.has(2) ? "all = Add (product, x2)" : "all = Identity (product)");
  b.add("q, k, v = Split <axis: int = -1, num_outputs: int = 3> (all)");
  std::string mode = llvm::formatv("q_num_heads: int = {0}, kv_num_heads: int = {0}, is_causal: int = {1}", heads,
                                   b.integer("unidirectional", 0));
  if (b.find("scale"))
    mode += ", scale: float = " + b.number("scale", 0);
  b.add("y0 = Attention <" + mode + "> (q, k, v)");
}

struct Contrib {
  const char *op;
  void (*write)(Body &);
  /// The standard operator that takes over the node's attributes of the same names; none where it is null.
  const char *heir = nullptr;
};

constexpr Contrib contribs[] = {
    {"Gelu", gelu},
    {"FastGelu", fastGelu},
    {"BiasGelu", biasGelu},
    {"QuickGelu", quickGelu},
    {"FusedConv", fusedConv, "Conv"},
    {"FusedGemm", fusedGemm, "Gemm"},
    {"SkipLayerNormalization", skipLayerNormalization},
    {"SkipSimplifiedLayerNormalization", skipSimplifiedLayerNormalization},
    {"MatMulIntegerToFloat", matMulIntegerToFloat},
    {"DynamicQuantizeMatMul", dynamicQuantizeMatMul},
    {"QLinearAdd", qLinearBinary},
    {"QLinearMul", qLinearBinary},
    {"QLinearSigmoid", qLinearUnary},
    {"QLinearLeakyRelu", qLinearUnary, "LeakyRelu"},
    {"QLinearAveragePool", qLinearUnary, "AveragePool"},
    {"QLinearGlobalAveragePool", qLinearUnary},
    {"QLinearSoftmax", qLinearUnary, "Softmax"},
    {"QLinearConcat", qLinearConcat},
    {"Trilu", trilu},
    {"Attention", attention},
};

} // namespace

std::unique_ptr<::onnx::FunctionProto> importer::contribBody(const NodeProto &node) {
  if (node.domain() != "com.microsoft")
    return nullptr;
  const auto *contrib = llvm::find_if(contribs, [&](const Contrib &contrib) { return node.op_type() == contrib.op; });
  if (contrib == std::end(contribs))
    return nullptr;
  Body body{node, {}};
  contrib->write(body);
  if (!body.isCovered)
    return nullptr;
  std::string inputs, outputs;
  for (int i = 0; i < node.input_size(); ++i)
    inputs += (i ? ", x" : "x") + std::to_string(i);
  for (int i = 0; i < node.output_size(); ++i)
    outputs += (i ? ", y" : "y") + std::to_string(i);
  std::string text = "<domain: \"com.microsoft\", opset_import: [ \"\" : 23 ]>\n" + node.op_type() + " (" + inputs +
                     ") => (" + outputs + ")\n{\n" + body.statements + "}\n";
  auto function = std::make_unique<::onnx::FunctionProto>();
  if (!::onnx::OnnxParser::Parse(*function, text.c_str()).IsOK())
    return nullptr;
  static const llvm::StringSet<> own = {"activation",      "activation_params", "activation_alpha",
                                        "activation_beta", "channels_last",     "opset"};
  for (auto &statement : *function->mutable_node())
    if (contrib->heir && statement.op_type() == contrib->heir)
      for (const auto &attribute : node.attribute())
        if (!own.contains(attribute.name()))
          *statement.add_attribute() = attribute;
  return function;
}

std::vector<const char *> importer::contribNames() {
  std::vector<const char *> names;
  for (const Contrib &contrib : contribs)
    names.push_back(contrib.op);
  return names;
}
