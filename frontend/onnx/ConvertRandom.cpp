//===- ConvertRandom.cpp - operators that draw random numbers ---------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"

#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

/// The node's seed. One without gets its own from its name, so that a model does the same wherever it runs.
int64_t seedOf(Node &n) {
  const auto *given = n.attribute("seed");
  if (!given)
    return llvm::xxHash64(n.proto.output(0)) & 0xffffffff;
  return int64_t(given->type() == ::onnx::AttributeProto::INT ? given->i() : int64_t(given->f())) & 0xffffffff;
}

/// Random numbers (f64) of a shape, a vector of i64.
Value drawn(Node &n, Value shape, bool normal) {
  SmallVector<NamedAttribute> attributes = {n.g.attr("seed", seedOf(n))};
  if (normal)
    attributes.push_back(n.g.flag("normal"));
  return reshaped(n, n.make<RandomOp>(reduced(n, ReduceKind::prod, shape, 0), attributes), shape);
}

/// `drawn * scale + offset` as the node's data type: the attribute `dtype`, or `otherwise`.
LogicalResult scaled(Node &n, Value drawn, double scale, double offset, Type otherwise) {
  Type type = n.has("dtype") ? numericType(n.g.b.getContext(), n.integer("dtype", 0)) : otherwise;
  if (!type || !isa<FloatType>(type))
    return n.error("makes a data type that is not supported; floating-point ones are");
  Value y = n.make<MulOp>({drawn, n.scalarLike(drawn, scale)});
  y = n.make<AddOp>({y, n.scalarLike(drawn, offset)});
  return n.result(n.g.cast(n.loc, y, type));
}

LogicalResult uniform(Node &n, Value shape, Type otherwise) {
  double low = n.number("low", 0), high = n.number("high", 1);
  return scaled(n, drawn(n, shape, false), high - low, low, otherwise);
}

LogicalResult normal(Node &n, Value shape, Type otherwise) {
  return scaled(n, drawn(n, shape, true), n.number("scale", 1), n.number("mean", 0), otherwise);
}

template <LogicalResult (*draw)(Node &, Value, Type)> LogicalResult ofShape(Node &n) {
  SmallVector<int64_t> shape = n.integers("shape");
  if (llvm::any_of(shape, [](int64_t size) { return size < 0; }))
    return n.error("has a negative size in its shape");
  return draw(n, n.g.integers(n.loc, shape), n.g.b.getF32Type());
}

template <LogicalResult (*draw)(Node &, Value, Type)> LogicalResult like(Node &n) {
  return draw(n, n.g.shapeOf(n.loc, n.input(0)), n.elementType(0));
}

/// The number of classes whose cumulated probability a uniform number has passed is the class that it falls into.
LogicalResult multinomial(Node &n) {
  if (n.rank(0) != 2)
    return n.error("needs logarithms of probabilities [batch, classes]");
  Type type = numericType(n.g.b.getContext(), n.integer("dtype", 6));
  int64_t samples = n.integer("sample_size", 1);
  if (!type || !isa<IntegerType>(type) || samples < 0)
    return n.error("has a negative sample_size, or makes a data type that is no integer");
  Value x = n.g.cast(n.loc, n.input(0), n.g.b.getF64Type());
  Value parts = n.make<SoftmaxOp>(x, n.g.attr("axis", int64_t(1)));
  Value limits = n.make<CumulateOp>(parts, {n.g.kind(ReduceKind::sum), n.g.attr("axis", int64_t(1))});
  Value shape = joined(n, {sizesOf(n, x, 0, 1), n.g.integers(n.loc, samples)}, 0);
  Value passed = n.make<LessOrEqualOp>({unsqueezed(n, limits, 1), unsqueezed(n, drawn(n, shape, false), 2)});
  Value classes = reduced(n, ReduceKind::sum, toI64(n, passed), 2);
  Value last = n.make<SubOp>({sizeOf(n, x, 1), integer(n, 1)}); // the sum of all may round to less than 1
  return n.result(n.g.cast(n.loc, n.make<lepton::MinOp>({classes, last}), type));
}

/// 1 with the probability that an element gives. The function body that the standard has for it is of no use: it takes `random > p` for that.
LogicalResult bernoulli(Node &n) {
  Type type = n.has("dtype") ? numericType(n.g.b.getContext(), n.integer("dtype", 0)) : n.elementType(0);
  if (!type)
    return n.error("makes a data type that is not supported");
  Value numbers = drawn(n, n.g.shapeOf(n.loc, n.input(0)), false);
  Value isOne = n.make<LessOp>({numbers, n.g.cast(n.loc, n.input(0), n.g.b.getF64Type())});
  return n.result(n.g.cast(n.loc, isOne, type));
}

/// Whether the mode is known to be inference.
bool isInference(Node &n) {
  if (!n.input(2))
    return true;
  auto training = n.constantIntegers(2);
  return training && training->size() == 1 && !training->front();
}

LogicalResult dropout(Node &n) {
  Value x = n.input(0), shape = n.g.shapeOf(n.loc, x);
  if (isInference(n)) {
    if (n.wants(1))
      n.set(1, n.make<ExpandOp>({n.g.scalar(n.loc, n.g.b.getI1Type(), 1), shape}));
    return n.result(x);
  }
  Value training = single(n, n.input(2));
  if (!elementTypeOf(training).isInteger(1))
    return n.error("needs a bool as its training_mode");
  Value given = n.input(1) ? n.g.cast(n.loc, single(n, n.input(1)), n.elementType(0)) : n.scalarLike(x, 0.5);
  Value ratio = n.make<WhereOp>({training, given, n.scalarLike(x, 0)}), one = n.scalarLike(x, 1);
  Value numbers = drawn(n, shape, false);
  Value kept = n.make<GreaterOrEqualOp>({numbers, n.g.cast(n.loc, ratio, n.g.b.getF64Type())});
  Value scale = n.make<lepton::DivOp>({one, n.make<SubOp>({one, ratio})});
  n.set(1, kept);
  return n.result(n.make<WhereOp>({kept, n.make<MulOp>({x, scale}), n.scalarLike(x, 0)}));
}

const Entry entries[] = {
    {"RandomUniform", 1, ofShape<uniform>},
    {"RandomNormal", 1, ofShape<normal>},
    {"RandomUniformLike", 1, like<uniform>},
    {"RandomNormalLike", 1, like<normal>},
    {"Multinomial", 7, multinomial},
    {"Dropout", 1, dropout},
    {"Bernoulli", 15, bernoulli},
};

} // namespace

ArrayRef<Entry> importer::randomConverters() { return entries; }
