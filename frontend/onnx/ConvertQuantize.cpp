//===- ConvertQuantize.cpp - operators on quantized tensors ------------------------------------------------------------------===//

#include "frontend/onnx/Quantize.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

Value importer::quantized(Node &n, Value x, Value scale, Value zero, Type to, bool saturate) {
  Type f32 = n.g.b.getF32Type();
  Value y = scale ? n.make<DivOp>({x, scale}) : x;
  if (isa<IntegerType>(to))
    y = n.make<RoundOp>(y);
  if (zero)
    y = n.make<AddOp>({y, n.g.cast(n.loc, zero, f32)});
  if (isa<FloatType>(to))
    return n.make<CastOp>(y, {n.g.attr("to", TypeAttr::get(to)), n.g.attr("saturate", n.g.b.getBoolAttr(saturate))});
  unsigned width = to.getIntOrFloatBitWidth();
  double low = to.isUnsignedInteger() ? 0 : -std::ldexp(1.0, width - 1),
         high = std::ldexp(1.0, to.isUnsignedInteger() ? width : width - 1) - 1;
  y = n.make<lepton::MinOp>({n.make<lepton::MaxOp>({y, n.g.scalar(n.loc, f32, low)}), n.g.scalar(n.loc, f32, high)});
  return n.g.cast(n.loc, y, to); // integers narrower than a byte keep their low bits of it
}

DynamicallyQuantized importer::dynamicallyQuantized(Node &n, Value x) {
  Value none = n.scalarLike(x, 0), top = n.scalarLike(x, 255);
  Type u8 = n.g.b.getIntegerType(8, false);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  auto extreme = [&](ReduceKind kind) {
    return axes.empty() ? x : n.make<ReduceOp>(x, {n.g.kind(kind), n.g.attr("axes", ArrayRef<int64_t>(axes))});
  };
  Value low = n.make<lepton::MinOp>({extreme(ReduceKind::min), none}),
        high = n.make<lepton::MaxOp>({extreme(ReduceKind::max), none});
  Value range = n.make<SubOp>({high, low});
  Value scale = n.make<WhereOp>({n.make<EqualOp>({range, none}), n.scalarLike(x, 1), n.make<DivOp>({range, top})});
  Value zero = quantized(n, n.make<NegOp>(low), scale, {}, u8);
  return {quantized(n, x, scale, zero, u8), scale, zero};
}

Value importer::alongAxis(Node &n, Value value, int64_t axis, int64_t rank) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getRank() != 1)
    return value;
  if (type.getDimSize(0) == 1)
    return n.g.reshape(n.loc, value, {});
  SmallVector<int64_t> axes;
  for (int64_t d = 0; d < rank - 1; ++d)
    axes.push_back(d < axis ? d : d + 1);
  return axes.empty() ? value : n.make<UnsqueezeOp>(value, n.g.attr("axes", ArrayRef<int64_t>(axes)));
}

namespace {

/// A type that quantized() makes exactly, by way of f32.
bool isQuantized(Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  return isa<FloatType>(type) ? isNarrow(type) : width >= 2 && width <= 16;
}

constexpr const char *unsupported =
    "quantizes to a type that is not supported; floats of up to 8 bits and integers of 2 to 16 bits are";

/// A scale or zero point as an operand for the n's first input: a scalar, one per position along an axis, or one per block along it.
FailureOr<Value> aligned(Node &n, Value value) {
  int64_t rank = n.rank(0), block = n.integer("block_size", 0);
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getRank() == 0 || (type.getRank() == 1 && type.getDimSize(0) == 1))
    return alongAxis(n, value, 0, rank);
  auto axis = n.axis(n.integer("axis", 1), rank);
  if (failed(axis))
    return failure();
  if (type.getRank() == 1 && !block)
    return alongAxis(n, value, *axis, rank);
  if (block < 1 || type.getRank() != rank)
    return n.error("has a scale or zero point of rank " + Twine(type.getRank()) +
                   " that does not fit its input of rank " + Twine(rank));
  // [.., S, ..] -> [.., S, block, ..] -> [.., S * block, ..]
  SmallVector<int64_t> repeat(rank + 1, 1), factor(rank, 1);
  repeat[*axis + 1] = factor[*axis] = block;
  Value spread = n.make<UnsqueezeOp>(value, n.g.attr("axes", ArrayRef<int64_t>(*axis + 1)));
  Value repeated = n.make<ExpandOp>({spread, n.g.integers(n.loc, repeat)});
  Value sizes = n.make<MulOp>({n.g.shapeOf(n.loc, value), n.g.integers(n.loc, factor)});
  Value result = n.make<ReshapeOp>({repeated, sizes}, n.g.flag("allowzero"));
  int64_t size = cast<RankedTensorType>(n.input(0).getType()).getDimSize(*axis);
  if (result && size != ShapedType::kDynamic && size != cast<RankedTensorType>(result.getType()).getDimSize(*axis))
    result = n.g.slice(n.loc, result, *axis, 0, size); // the last block is smaller
  if (!result)
    return failure();
  return result;
}

/// The element type that an attribute names; `otherwise` where it is absent.
FailureOr<Type> typeAttribute(Node &n, StringRef name, Type otherwise) {
  int64_t number = n.integer(name, 0);
  if (!number)
    return otherwise;
  Type type = numericType(n.g.b.getContext(), number);
  if (!type)
    return n.error("has the " + name + " " + Twine(number) + ", a data type that is not supported");
  return type;
}

/// What the input is divided by has the precision of the division, where that is a type to compute in.
FailureOr<Type> divisionType(Node &n) {
  auto type = typeAttribute(n, "precision", n.elementType(1));
  if (failed(type))
    return failure();
  return isa<FloatType>(*type) && !isNarrow(*type) ? *type : Type(n.g.b.getF32Type());
}

LogicalResult quantizeLinear(Node &n) {
  Type f32 = n.g.b.getF32Type();
  auto to = typeAttribute(n, "output_dtype", n.g.b.getIntegerType(8, false));
  if (failed(to))
    return failure();
  if (n.input(2))
    to = n.elementType(2);
  if (!isQuantized(*to))
    return n.error(unsupported);
  auto scale = aligned(n, n.input(1));
  FailureOr<Value> zero = n.input(2) ? aligned(n, n.input(2)) : FailureOr<Value>(Value());
  auto division = divisionType(n);
  if (failed(scale) || failed(zero) || failed(division))
    return failure();
  Value quotient = n.make<DivOp>({n.g.cast(n.loc, n.input(0), *division), n.g.cast(n.loc, *scale, *division)});
  return n.result(quantized(n, n.g.cast(n.loc, quotient, f32), {}, *zero, *to, n.integer("saturate", 1)));
}

LogicalResult dequantizeLinear(Node &n) {
  Type f32 = n.g.b.getF32Type(), wide = n.isFloat(0) ? f32 : Type(n.g.b.getI32Type());
  auto to = typeAttribute(n, "output_dtype", n.elementType(1));
  if (failed(to))
    return failure();
  if (!isQuantized(n.elementType(0)) && !n.elementType(0).isInteger(32) && !n.elementType(0).isInteger(16))
    return n.error("takes what is not quantized");
  auto scale = aligned(n, n.input(1));
  FailureOr<Value> zero = n.input(2) ? aligned(n, n.input(2)) : FailureOr<Value>(Value());
  if (failed(scale) || failed(zero))
    return failure();
  Value x = n.g.cast(n.loc, n.input(0), wide);
  if (*zero)
    x = n.make<SubOp>({x, n.g.cast(n.loc, *zero, wide)});
  Value y = n.make<MulOp>({n.g.cast(n.loc, x, f32), n.g.cast(n.loc, *scale, f32)});
  return n.result(n.g.cast(n.loc, y, *to));
}

LogicalResult dynamicQuantizeLinear(Node &n) {
  DynamicallyQuantized result = dynamicallyQuantized(n, n.input(0));
  n.set(1, result.scale);
  n.set(2, result.zero);
  return n.result(result.values);
}

LogicalResult qLinearMatMul(Node &n) {
  // The difference of two numbers has one bit more than they.
  auto width = [&](int i) { return n.elementType(i).getIntOrFloatBitWidth(); };
  Type f32 = n.g.b.getF32Type(), integer = n.g.b.getIntegerType(std::max(width(0), width(3)) <= 8 ? 16 : 32),
       wide = n.isFloat(0) || n.isFloat(3) ? f32 : integer;
  if (!isQuantized(n.elementType(7)))
    return n.error(unsupported);
  // What the left operand and the result have per row stands in a column; the right operand's is per column as it is.
  auto perRow = [&](int i) { return alongAxis(n, n.input(i), 0, 2); };
  auto perColumn = [&](int i) { return alongAxis(n, n.input(i), 0, 1); };
  auto centred = [&](int i, Value zero) {
    return n.make<SubOp>({n.g.cast(n.loc, n.input(i), wide), n.g.cast(n.loc, zero, wide)});
  };
  auto number = [&](Value scale) { return n.g.cast(n.loc, scale, f32); };
  Value sum = n.make<MatMulOp>({centred(0, perRow(2)), centred(3, perColumn(5))});
  Value factor = n.make<DivOp>({n.make<MulOp>({number(perRow(1)), number(perColumn(4))}), number(perRow(6))});
  return n.result(quantized(n, n.make<MulOp>({n.g.cast(n.loc, sum, f32), factor}), {}, perRow(7), n.elementType(7)));
}

const Entry entries[] = {{"QuantizeLinear", 10, quantizeLinear},
                         {"DequantizeLinear", 10, dequantizeLinear},
                         {"DynamicQuantizeLinear", 11, dynamicQuantizeLinear},
                         {"QLinearMatMul", 10, qLinearMatMul}};

} // namespace

ArrayRef<Entry> importer::quantizeConverters() { return entries; }
