//===- ContribWriter.cpp - what bodies of operators of com.microsoft are written with -----------------------------------===//

#include "frontend/onnx/ContribWriter.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lepton;
using namespace lepton::importer;

static std::string list(llvm::ArrayRef<int64_t> values) {
  return llvm::join(llvm::map_range(values, [](int64_t value) { return std::to_string(value); }), ", ");
}

int64_t Body::rank(int input, int64_t otherwise) const {
  return has(input) && input < int(types.size()) && types[input].has_tensor_type()
             ? types[input].tensor_type().shape().dim_size()
             : otherwise;
}

int64_t Body::size(int input, int dimension) const {
  if (dimension >= rank(input, 0))
    return -1;
  const auto &dim = types[input].tensor_type().shape().dim(dimension);
  return dim.has_dim_value() ? dim.dim_value() : -1;
}

const ::onnx::AttributeProto *Body::find(llvm::StringRef name) const {
  for (const auto &attribute : node.attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

int64_t Body::integer(llvm::StringRef name, int64_t otherwise) const {
  const auto *attribute = find(name);
  return attribute ? attribute->i() : otherwise;
}

std::string Body::number(double value) { return llvm::formatv("{0:e9}", value).str(); }

std::string Body::number(llvm::StringRef name, double otherwise) const {
  const auto *attribute = find(name);
  return number(attribute ? double(attribute->f()) : otherwise);
}

std::string Body::let(const llvm::Twine &expression) {
  std::string name = "v" + std::to_string(names++);
  add(name + " = " + expression);
  return name;
}

std::string Body::integers(llvm::ArrayRef<int64_t> values) {
  return let("Constant <value_ints: ints = [" + list(values) + "]> ()");
}

std::string Body::reshape(const std::string &value, llvm::ArrayRef<int64_t> shape) {
  std::string sizes = integers(shape);
  return let("Reshape (" + value + ", " + sizes + ")");
}

std::string Body::transpose(const std::string &value, llvm::ArrayRef<int64_t> perm) {
  return let("Transpose <perm: ints = [" + list(perm) + "]> (" + value + ")");
}

std::string Body::slice(const std::string &value, int64_t axis, int64_t begin, int64_t end) {
  std::string from = integers(begin), to = integers(end), along = integers(axis);
  return let("Slice (" + value + ", " + from + ", " + to + ", " + along + ")");
}

std::string Body::constantLike(double value, const std::string &like) {
  std::string plain = let("Constant <value_float: float = " + number(value) + "> ()");
  return let("CastLike (" + plain + ", " + like + ")");
}

std::string Body::channelsFirst(const std::string &value, int64_t rank) {
  llvm::SmallVector<int64_t> perm = {0, rank - 1};
  for (int64_t d = 1; d + 1 < rank; ++d)
    perm.push_back(d);
  return transpose(value, perm);
}

std::string Body::channelsLast(const std::string &value, int64_t rank) {
  llvm::SmallVector<int64_t> perm = {0};
  for (int64_t d = 2; d < rank; ++d)
    perm.push_back(d);
  perm.push_back(1);
  return transpose(value, perm);
}

void Body::activation(const std::string &from, const std::string &to, llvm::ArrayRef<double> parameters) {
  const auto *attribute = find("activation");
  std::string name = attribute ? attribute->s() : "";
  auto parameter = [&](size_t i, double otherwise) {
    return number(i < parameters.size() ? parameters[i] : otherwise);
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

std::string Body::dequantized(int first) {
  return let("DequantizeLinear (" + x(first) + ", " + x(first + 1) + (has(first + 2) ? ", " + x(first + 2) : "") + ")");
}

void Body::quantize(const std::string &value, int scale) {
  add("y0 = QuantizeLinear (" + value + ", " + x(scale) + (has(scale + 1) ? ", " + x(scale + 1) : "") + ")");
}

void Body::scaled(const std::string &scaleA, const std::string &scaleB, int bias) {
  add("product = Cast <to: int = 1> (integers)");
  add("scale = Mul (" + scaleA + ", " + scaleB + ")");
  add(llvm::Twine(has(bias) ? "real" : "y0") + " = Mul (product, scale)");
  if (has(bias))
    add("y0 = Add (real, " + x(bias) + ")");
}
