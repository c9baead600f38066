//===- ContribQuantized.cpp - quantized operators of com.microsoft as function bodies --------------------------------------===//

#include "frontend/onnx/ContribWriter.h"

#include "llvm/ADT/STLExtras.h"

using namespace lepton;
using namespace lepton::importer;

namespace {

void matMulIntegerToFloat(Body &b) {
  b.add("integers = MatMulInteger (x0, x1, " + b.x(4) + ", " + b.x(5) + ")");
  b.scaled("x2", "x3", 6);
}

void dynamicQuantizeMatMul(Body &b) {
  b.add("small, scale_a, zero_a = DynamicQuantizeLinear (x0)");
  b.add("integers = MatMulInteger (small, x1, zero_a, " + b.x(3) + ")");
  b.scaled("scale_a", "x2", 4);
}

/// alpha A B + C, where C has the scale of the product of the others; a float unless the result has a scale.
void qGemm(Body &b) {
  std::string a = b.dequantized(0), weights;
  if (b.size(4, 0) == 1 || b.rank(4, 0) == 0) {
    weights = b.dequantized(3);
  } else { // a scale for each column, which are rows of B with transB
    std::string axis = b.integer("transB", 0) ? "0" : "1";
    weights = b.let("DequantizeLinear <axis: int = " + axis + "> (x3, x4" + (b.has(5) ? ", x5" : "") + ")");
  }
  std::string mode = "<transA: int = " + std::to_string(b.integer("transA", 0)) +
                     ", transB: int = " + std::to_string(b.integer("transB", 0)) +
                     ", alpha: float = " + b.number("alpha", 1) + ">";
  std::string result = b.let("Gemm " + mode + " (" + a + ", " + weights + ")");
  if (b.has(6)) {
    std::string scales = b.let("Mul (x1, x4)"),
                alpha = b.constantLike(b.find("alpha") ? b.find("alpha")->f() : 1, "x1");
    std::string scale = b.let("Mul (" + scales + ", " + alpha + ")"), bias = b.let("Cast <to: int = 1> (x6)");
    std::string offset = b.let("Mul (" + bias + ", " + scale + ")");
    result = b.let("Add (" + result + ", " + offset + ")");
  }
  if (b.has(7))
    b.quantize(result, 7);
  else
    b.add("y0 = Identity (" + result + ")");
}

void qLinearBinary(Body &b) {
  std::string left = b.dequantized(0), right = b.dequantized(3);
  b.add("real = " + b.node.op_type().substr(strlen("QLinear")) + " (" + left + ", " + right + ")");
  b.quantize("real", 6);
}

void qLinearWhere(Body &b) {
  std::string left = b.dequantized(1), right = b.dequantized(4);
  b.add("real = Where (x0, " + left + ", " + right + ")");
  b.quantize("real", 7);
}

/// An operator of one quantized tensor; its attributes are the node's own.
void qLinearUnary(Body &b) {
  std::string value = b.dequantized(0), op = b.node.op_type().substr(strlen("QLinear"));
  int64_t rank = b.rank(0, 4);
  bool last = b.integer("channels_last", 0);
  value = b.let(op + " (" + (last ? b.channelsFirst(value, rank) : value) + ")");
  b.quantize(last ? b.channelsLast(value, rank) : value, 3);
}

void qLinearReduceMean(Body &b) {
  std::string value = b.dequantized(0), axes;
  if (const auto *attribute = b.find("axes"))
    axes = ", " + b.integers(llvm::SmallVector<int64_t>(attribute->ints().begin(), attribute->ints().end()));
  std::string keep = std::to_string(b.integer("keepdims", 1));
  b.quantize(b.let("ReduceMean <keepdims: int = " + keep + "> (" + value + axes + ")"), 3);
}

void qLinearConcat(Body &b) {
  std::string values;
  for (int i = 2; i + 2 < b.node.input_size(); i += 3)
    values += (values.empty() ? "" : ", ") + b.dequantized(i);
  b.add("real = Concat <axis: int = " + std::to_string(b.integer("axis", 0)) + "> (" + values + ")");
  b.quantize("real", 0);
}

/// The standard's, with channels last where the node says so; the filter is the standard's either way.
void qLinearConv(Body &b) {
  int64_t rank = b.rank(0, 4);
  bool last = b.integer("channels_last", 0);
  std::string x = last ? b.channelsFirst("x0", rank) : "x0", rest;
  for (int i = 1; i < b.node.input_size(); ++i)
    rest += ", " + b.x(i);
  std::string y = b.let("QLinearConv (" + x + rest + ")");
  b.add("y0 = Identity (" + (last ? b.channelsLast(y, rank) : y) + ")");
}

/// Bytes with numbers of 2, 4 or 8 bits, the lowest first, as a float for each: the last dimension grows.
std::string unpacked(Body &b, const std::string &bytes, int64_t bits) {
  std::string parts;
  std::string mask = b.let("Constant <value_int: int = " + std::to_string((1 << bits) - 1) + "> ()");
  mask = b.let("CastLike (" + mask + ", " + bytes + ")");
  for (int64_t shift = 0; shift < 8; shift += bits) {
    std::string by = b.let("Constant <value_int: int = " + std::to_string(shift) + "> ()");
    by = b.let("CastLike (" + by + ", " + bytes + ")");
    std::string moved = b.let("BitShift <direction: string = \"RIGHT\"> (" + bytes + ", " + by + ")");
    std::string part = b.let("BitwiseAnd (" + moved + ", " + mask + ")"), last = b.integers(-1);
    parts += (parts.empty() ? "" : ", ") + b.let("Unsqueeze (" + part + ", " + last + ")");
  }
  std::string all = b.let("Concat <axis: int = -1> (" + parts + ")");
  return b.let("Cast <to: int = 1> (" + all + ")");
}

/// A times the transpose of B [N, K], whose rows are cut into blocks that have a scale and a zero point each.
void matMulNBits(Body &b) {
  int64_t bits = b.integer("bits", 4), k = b.integer("K", 0), n = b.integer("N", 0), block = b.integer("block_size", 0);
  bool isShape = k >= 1 && n >= 1 && block >= 1 && k <= (int64_t(1) << 31) && block <= (int64_t(1) << 31);
  if (!isShape || (bits != 2 && bits != 4 && bits != 8))
    return b.refuse();
  int64_t blocks = (k + block - 1) / block;
  std::string codes = b.reshape(unpacked(b, "x1", bits), {n, blocks * block});
  if (blocks * block > k)
    codes = b.slice(codes, 1, 0, k);
  std::string scale = b.reshape(b.let("Cast <to: int = 1> (x2)"), {n, blocks}), zero;
  if (!b.has(3)) {
    zero = b.let("Constant <value_float: float = " + Body::number(1 << (bits - 1)) + "> ()");
  } else if (b.types.empty() || b.types[3].tensor_type().elem_type() == ::onnx::TensorProto::UINT8) {
    std::string bytes = b.reshape("x3", {n, -1});
    zero = b.reshape(unpacked(b, bytes, bits), {n, -1});
    zero = b.slice(zero, 1, 0, blocks);
  } else { // not packed
    zero = b.reshape(b.let("Cast <to: int = 1> (x3)"), {n, blocks});
  }
  std::string group;
  if (b.has(4)) { // the block of each row of the weights
    group = "x4";
  } else {
    std::string from = b.let("Constant <value_int: int = 0> ()"),
                to = b.let("Constant <value_int: int = " + std::to_string(k) + "> ()"),
                step = b.let("Constant <value_int: int = 1> ()"),
                size = b.let("Constant <value_int: int = " + std::to_string(block) + "> ()");
    group = b.let("Div (" + b.let("Range (" + from + ", " + to + ", " + step + ")") + ", " + size + ")");
  }
  auto each = [&](const std::string &ofBlocks) {
    return b.let("Gather <axis: int = 1> (" + ofBlocks + ", " + group + ")");
  };
  std::string offset = b.let("Sub (" + codes + ", " + (b.has(3) ? each(zero) : zero) + ")");
  std::string weights = b.let("Mul (" + offset + ", " + each(scale) + ")");
  std::string columns = b.let("CastLike (" + b.transpose(weights, {1, 0}) + ", x0)");
  std::string product = b.let("MatMul (x0, " + columns + ")");
  b.add(b.has(5) ? "y0 = Add (" + product + ", x5)" : "y0 = Identity (" + product + ")");
}

constexpr Contrib contribs[] = {
    {"DynamicQuantizeMatMul", dynamicQuantizeMatMul},
    {"MatMulIntegerToFloat", matMulIntegerToFloat},
    {"MatMulNBits", matMulNBits},
    {"QGemm", qGemm},
    {"QLinearAdd", qLinearBinary},
    {"QLinearAveragePool", qLinearUnary, "AveragePool"},
    {"QLinearConcat", qLinearConcat},
    {"QLinearConv", qLinearConv, "QLinearConv"},
    {"QLinearGlobalAveragePool", qLinearUnary},
    {"QLinearLeakyRelu", qLinearUnary, "LeakyRelu"},
    {"QLinearMul", qLinearBinary},
    {"QLinearReduceMean", qLinearReduceMean},
    {"QLinearSigmoid", qLinearUnary},
    {"QLinearSoftmax", qLinearUnary, "Softmax"},
    {"QLinearWhere", qLinearWhere},
};

} // namespace

llvm::ArrayRef<Contrib> importer::quantizedContribs() { return contribs; }
