//===- ContribBody.cpp - operators of the domain com.microsoft as function bodies ------------------------------------------===//
//
// Exporters and quantizers leave these in files. Each is written here in ONNX's own text syntax, in terms of standard operators, from onnxruntime's
// documentation (ContribOperators.md); the importer expands it like any model-local function. A form of an operator that is not covered has no body, and
// is reported as unsupported.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "frontend/onnx/ContribBody.h"
#include "frontend/onnx/ContribWriter.h"

#include "onnx/defs/parser.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"

#include <algorithm>
#include <array>

using namespace lepton;
using namespace lepton::importer;
using ::onnx::NodeProto;

namespace {

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

void trilu(Body &b) {
  b.add("y0 = Trilu <upper: int = " + std::to_string(b.integer("upper", 1)) + "> (x0" + (b.has(1) ? ", x1" : "") + ")");
}

/// With transBatch, the first dimension of an operand comes after the batch dimensions that follow it.
void fusedMatMul(Body &b) {
  auto operand = [&](int input, const char *transpose, const char *transposeBatch) {
    int64_t rank = b.rank(input, 2);
    llvm::SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    if (rank < 2)
      return b.x(input);
    if (b.integer(transposeBatch, 0))
      std::rotate(perm.begin(), perm.begin() + 1, perm.end() - 1);
    if (b.integer(transpose, 0))
      std::swap(perm[rank - 1], perm[rank - 2]);
    return llvm::is_sorted(perm) ? b.x(input) : b.transpose(b.x(input), perm);
  };
  std::string left = operand(0, "transA", "transBatchA"), right = operand(1, "transB", "transBatchB");
  std::string product = b.let("MatMul (" + left + ", " + right + ")");
  double alpha = b.find("alpha") ? b.find("alpha")->f() : 1;
  b.add(alpha == 1 ? "y0 = Identity (" + product + ")"
                   : "y0 = Mul (" + product + ", " + b.constantLike(alpha, "x0") + ")");
}

/// A convolution with channels last; its filter is the standard's.
void nhwcConv(Body &b) {
  int64_t rank = b.rank(0, 4);
  std::string y = b.let("Conv (" + b.channelsFirst("x0", rank) + ", x1, " + b.x(2) + ")");
  b.add("y0 = Identity (" + b.channelsLast(y, rank) + ")");
}

constexpr Contrib contribs[] = {
    {"Gelu", gelu},
    {"FastGelu", fastGelu},
    {"BiasGelu", biasGelu},
    {"QuickGelu", quickGelu},
    {"FusedConv", fusedConv, "Conv"},
    {"FusedGemm", fusedGemm, "Gemm"},
    {"FusedMatMul", fusedMatMul},
    {"TransposeMatMul", fusedMatMul},
    {"NhwcConv", nhwcConv, "Conv"},
    {"Trilu", trilu},
};

} // namespace

static std::array<llvm::ArrayRef<Contrib>, 3> allContribs() {
  return {llvm::ArrayRef<Contrib>(contribs), attentionContribs(), quantizedContribs()};
}

static const Contrib *find(llvm::StringRef op) {
  for (llvm::ArrayRef<Contrib> family : allContribs())
    for (const Contrib &contrib : family)
      if (op == contrib.op)
        return &contrib;
  return nullptr;
}

std::unique_ptr<::onnx::FunctionProto> importer::contribBody(const NodeProto &node,
                                                             llvm::ArrayRef<::onnx::TypeProto> types) {
  const Contrib *contrib = node.domain() == "com.microsoft" ? find(node.op_type()) : nullptr;
  if (!contrib)
    return nullptr;
  Body body{node, types, {}};
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

std::vector<ContribOperator> importer::contribOperators() {
  std::vector<ContribOperator> operators;
  for (llvm::ArrayRef<Contrib> family : allContribs())
    for (const Contrib &contrib : family)
      operators.push_back({contrib.op, contrib.limit});
  return operators;
}
