//===- ConvertReduction.cpp - reductions, normalisations, matrix products ---------------------------------------------------===//

#include "frontend/onnx/ComputedAxes.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

Value reduce(Node &n, ReduceKind kind, Value input, ArrayRef<int64_t> axes, bool keepdims) {
  SmallVector<NamedAttribute> attributes = {n.g.kind(kind), n.g.attr("axes", axes)};
  if (keepdims)
    attributes.push_back(n.g.flag("keepdims"));
  return n.make<ReduceOp>(input, attributes);
}

/// Axes and keepdims of a Reduce operator; no axes where it is an identity (noop_with_empty_axes).
struct Reduction {
  SmallVector<int64_t> axes;
  Value computed; // axes that only the run knows, instead
  bool keepdims = true, noop = false;

  Value apply(Node &n, ReduceKind kind, Value input, bool keep) const {
    if (!computed)
      return reduce(n, kind, input, axes, keep);
    Value result = reduceComputed(n, kind, input, computed);
    return result && !keep ? squeezeComputed(n, result, computed) : result;
  }
};

FailureOr<Reduction> reduction(Node &n) {
  Reduction result;
  result.keepdims = n.integer("keepdims", 1);
  if (hasComputedAxes(n, 1)) {
    auto computed = computedAxes(n, 1, n.rank(0));
    if (failed(computed))
      return failure();
    result.computed = *computed;
    return result;
  }
  auto axes = n.axes(1, n.rank(0));
  if (failed(axes))
    return failure();
  if (*axes && !(*axes)->empty())
    result.axes = **axes;
  else if (n.integer("noop_with_empty_axes", 0))
    result.noop = true;
  else
    result.axes = llvm::to_vector(llvm::seq<int64_t>(0, n.rank(0)));
  return result;
}

template <ReduceKind Kind> LogicalResult simple(Node &n) {
  auto r = reduction(n);
  if (failed(r))
    return failure();
  return n.result(r->noop ? n.input(0) : r->apply(n, Kind, n.input(0), r->keepdims));
}

template <typename Before, typename After> LogicalResult around(Node &n, Before before, After after) {
  auto r = reduction(n);
  if (failed(r))
    return failure();
  Value x = before(n.input(0));
  return n.result(after(r->noop ? x : r->apply(n, ReduceKind::sum, x, r->keepdims)));
}

LogicalResult l1(Node &n) {
  return around(n, [&](Value x) { return n.make<lepton::AbsOp>(x); }, [](Value x) { return x; });
}
LogicalResult l2(Node &n) {
  return around(n, [&](Value x) { return n.make<MulOp>({x, x}); }, [&](Value x) { return n.make<SqrtOp>(x); });
}
LogicalResult sumSquare(Node &n) {
  return around(n, [&](Value x) { return n.make<MulOp>({x, x}); }, [](Value x) { return x; });
}
LogicalResult logSum(Node &n) {
  return around(n, [](Value x) { return x; }, [&](Value x) { return n.make<LogOp>(x); });
}

LogicalResult logSumExp(Node &n) {
  auto r = reduction(n);
  if (failed(r))
    return failure();
  if (r->noop)
    return n.result(n.input(0));
  // max + log(sum(exp(x - max))); an infinite maximum must not turn into a NaN
  Value x = n.input(0), max = r->apply(n, ReduceKind::max, x, true), zero = n.scalarLike(x, 0);
  Value finite = n.make<WhereOp>({n.make<IsInfOp>(max), zero, max});
  Value sum = r->apply(n, ReduceKind::sum, n.make<ExpOp>(n.make<SubOp>({x, finite})), true);
  Value result = n.make<AddOp>({n.make<LogOp>(sum), finite});
  if (!r->keepdims && result)
    result = r->computed ? squeezeComputed(n, result, r->computed)
                         : n.make<SqueezeOp>(result, n.g.attr("axes", ArrayRef<int64_t>(r->axes)));
  return n.result(result);
}

template <ReduceKind Kind> LogicalResult argReduce(Node &n) {
  auto axis = n.axis(n.integer("axis", 0), n.rank(0));
  if (failed(axis))
    return failure();
  SmallVector<NamedAttribute> attributes = {n.g.kind(Kind), n.g.attr("axis", *axis)};
  if (n.integer("keepdims", 1))
    attributes.push_back(n.g.flag("keepdims"));
  if (n.integer("select_last_index", 0))
    attributes.push_back(n.g.flag("select_last"));
  return n.result(n.make<ArgReduceOp>(n.input(0), attributes));
}

Value softmaxOn(Node &n, Value x, int64_t axis, bool log) {
  SmallVector<NamedAttribute> attributes = {n.g.attr("axis", axis)};
  if (log)
    attributes.push_back(n.g.flag("log"));
  return n.make<SoftmaxOp>(x, attributes);
}

template <bool Log> LogicalResult softmax(Node &n) {
  auto axis = n.axis(n.integer("axis", -1), n.rank(0));
  return failed(axis) ? failure() : n.result(softmaxOn(n, n.input(0), *axis, Log));
}

/// Before opset 13: over all dimensions from the axis on, as one.
template <bool Log> LogicalResult softmaxFlattened(Node &n) {
  auto axis = n.axis(n.integer("axis", 1), n.rank(0));
  if (failed(axis))
    return failure();
  Value flat = n.make<FlattenOp>(n.input(0), n.g.attr("axis", *axis));
  Value result = softmaxOn(n, flat, 1, Log);
  return n.result(n.make<ReshapeOp>({result, n.g.shapeOf(n.loc, n.input(0))}, n.g.flag("allowzero")));
}

/// begin, begin + 1, .. end - 1; none where there are no such numbers.
SmallVector<int64_t> dimensions(int64_t begin, int64_t end) {
  return llvm::to_vector(llvm::seq(begin, std::max(begin, end)));
}

LogicalResult hardmax(Node &n, int64_t axis, Value x) {
  Value best = n.make<ArgReduceOp>(x, {n.g.kind(ReduceKind::max), n.g.attr("axis", axis), n.g.flag("keepdims")});
  Type i64 = n.g.b.getI64Type();
  Value size = n.make<ShapeOp>(x, {n.g.attr("start", axis), n.g.attr("end", axis + 1)});
  Value positions = n.make<RangeOp>({n.g.scalar(n.loc, i64, 0), n.g.scalar(n.loc, i64, 1), size});
  SmallVector<int64_t> others = dimensions(0, rankOf(x));
  others.erase(others.begin() + axis);
  if (!others.empty())
    positions = n.make<UnsqueezeOp>(positions, n.g.attr("axes", ArrayRef<int64_t>(others)));
  return n.result(n.g.cast(n.loc, n.make<EqualOp>({positions, best}), elementTypeOf(x)));
}

LogicalResult hardmaxOnAxis(Node &n) {
  auto axis = n.axis(n.integer("axis", -1), n.rank(0));
  return failed(axis) ? failure() : hardmax(n, *axis, n.input(0));
}

/// x normalised over `axes`, as f32 at least.
Value normalized(Node &n, Value x, ArrayRef<int64_t> axes, double epsilon, bool rms) {
  SmallVector<NamedAttribute> attributes = {n.g.attr("axes", axes), n.g.attr("epsilon", epsilon)};
  if (rms)
    attributes.push_back(n.g.flag("rms"));
  return n.make<NormalizeOp>(x, attributes);
}

template <bool Rms> LogicalResult layerNormalization(Node &n) {
  if (!n.input(0) || !n.input(1)) // the standard has no schema of the simplified form that would say so
    return n.error("needs an input and a scale");
  auto axis = n.axis(n.integer("axis", -1), n.rank(0));
  if (failed(axis))
    return failure();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(*axis, n.rank(0)));
  double epsilon = n.number("epsilon", 1e-5);
  Type wide =
      n.isFloat(0) && n.elementType(0).getIntOrFloatBitWidth() < 32 ? Type(n.g.b.getF32Type()) : n.elementType(0);
  Value x = n.g.cast(n.loc, n.input(0), wide);
  Value y = n.g.cast(n.loc, normalized(n, x, axes, epsilon, Rms), n.elementType(1));
  y = n.make<MulOp>({y, n.input(1)});
  if (n.input(2))
    y = n.make<AddOp>({y, n.input(2)});
  if (n.wants(1) || n.wants(2)) {
    Value centred = x;
    if (!Rms) {
      Value mean = reduce(n, ReduceKind::mean, x, axes, true);
      centred = n.make<SubOp>({x, mean});
      n.set(1, mean);
    }
    Value variance = reduce(n, ReduceKind::mean, n.make<MulOp>({centred, centred}), axes, true);
    Value deviation = n.make<SqrtOp>(n.make<AddOp>({variance, n.scalarLike(variance, epsilon)}));
    n.set(Rms ? 1 : 2, n.make<ReciprocalOp>(deviation));
  }
  return n.result(y);
}

/// A value per channel for an input of `rank` dimensions: [C] -> [C, 1, ..].
Value perChannel(Node &n, Value vector, int64_t rank) {
  SmallVector<int64_t> axes = dimensions(1, rank - 1);
  return axes.empty() ? vector : n.make<UnsqueezeOp>(vector, n.g.attr("axes", ArrayRef<int64_t>(axes)));
}

LogicalResult instanceNormalization(Node &n) {
  int64_t rank = n.rank(0);
  SmallVector<int64_t> axes = dimensions(2, rank);
  if (axes.empty())
    return n.error("needs an input of at least three dimensions");
  Value y = normalized(n, n.input(0), axes, n.number("epsilon", 1e-5), false);
  y = n.make<MulOp>({y, perChannel(n, n.input(1), rank)});
  return n.result(n.make<AddOp>({y, perChannel(n, n.input(2), rank)}));
}

LogicalResult batchNormalization(Node &n) {
  int64_t rank = n.rank(0);
  if (rank < 1 || !n.integer("spatial", 1))
    return n.error("needs statistics per channel (spatial = 1) and an input of at least one dimension");
  Value average = n.input(3), variance = n.input(4);
  if (n.integer("training_mode", 0)) { // the batch's own statistics, which also move the running ones
    SmallVector<int64_t> axes = dimensions(2, rank);
    axes.insert(axes.begin(), 0);
    Value x = n.g.cast(n.loc, n.input(0), elementTypeOf(variance)), own = reduce(n, ReduceKind::mean, x, axes, false);
    if (!own)
      return failure();
    Value centred = n.make<SubOp>({x, perChannel(n, own, rank)}),
          spread = reduce(n, ReduceKind::mean, n.make<MulOp>({centred, centred}), axes, false);
    double momentum = n.number("momentum", 0.9);
    auto moved = [&](Value running, Value batch) {
      return n.make<AddOp>({n.make<MulOp>({running, n.scalarLike(running, momentum)}),
                            n.make<MulOp>({batch, n.scalarLike(running, 1 - momentum)})});
    };
    n.set(1, moved(average, own));
    n.set(2, moved(variance, spread));
    average = own;
    variance = spread;
  }
  if (!variance)
    return failure();
  // y = x * s + (bias - mean * s) with s = scale / sqrt(variance + epsilon): s and the offset are constants in inference.
  Value deviation = n.make<SqrtOp>(n.make<AddOp>({variance, n.scalarLike(variance, n.number("epsilon", 1e-5))}));
  Value scale = n.make<DivOp>({n.g.cast(n.loc, n.input(1), elementTypeOf(variance)), deviation});
  Value offset = n.make<SubOp>({n.g.cast(n.loc, n.input(2), elementTypeOf(variance)), n.make<MulOp>({average, scale})});
  Type type = n.elementType(0);
  Value y = n.make<MulOp>({n.input(0), perChannel(n, n.g.cast(n.loc, scale, type), rank)});
  return n.result(n.make<AddOp>({y, perChannel(n, n.g.cast(n.loc, offset, type), rank)}));
}

LogicalResult lrn(Node &n) {
  // The sum of squares over a window of channels is a pool over the channel dimension.
  int64_t size = n.integer("size", 1), before = (size - 1) / 2, after = size - 1 - before;
  Value x = n.input(0), squares = n.make<MulOp>({x, x});
  Value sums = n.make<PoolOp>(
      squares, {n.g.kind(ReduceKind::sum), n.g.attr("kernel", ArrayRef<int64_t>{size}),
                n.g.attr("strides", ArrayRef<int64_t>{1}), n.g.attr("pads", ArrayRef<int64_t>{before, after}),
                n.g.attr("dilations", ArrayRef<int64_t>{1}), n.g.attr("first_spatial", int64_t(1))});
  double alpha = n.number("alpha", 1e-4) / size;
  Value base = n.make<AddOp>({n.make<MulOp>({sums, n.scalarLike(x, alpha)}), n.scalarLike(x, n.number("bias", 1))});
  return n.result(n.make<DivOp>({x, n.make<PowOp>({base, n.scalarLike(x, n.number("beta", 0.75))})}));
}

LogicalResult lpNormalization(Node &n) {
  auto axis = n.axis(n.integer("axis", -1), n.rank(0));
  if (failed(axis))
    return failure();
  Value x = n.input(0);
  bool l1 = n.integer("p", 2) == 1;
  Value norm = reduce(n, ReduceKind::sum, l1 ? n.make<lepton::AbsOp>(x) : n.make<MulOp>({x, x}), *axis, true);
  if (!l1)
    norm = n.make<SqrtOp>(norm);
  Value zero = n.scalarLike(x, 0), isZero = n.make<EqualOp>({norm, zero}); // 0 / 0 is 0 here
  Value safe = n.make<WhereOp>({isZero, n.scalarLike(x, 1), norm});
  return n.result(n.make<DivOp>({x, safe}));
}

LogicalResult matMul(Node &n) { return n.result(n.make<MatMulOp>({n.input(0), n.input(1)})); }

LogicalResult inverse(Node &n) { return n.result(n.make<InverseOp>(n.input(0))); }
LogicalResult det(Node &n) { return n.result(n.make<DeterminantOp>(n.input(0))); }

LogicalResult gemm(Node &n) {
  if (n.rank(0) != 2 || n.rank(1) != 2)
    return n.error("needs two matrices, got ranks " + Twine(n.rank(0)) + " and " + Twine(n.rank(1)));
  Value a = n.input(0), b = n.input(1);
  if (n.integer("transA", 0))
    a = n.g.transpose(n.loc, a, {1, 0});
  if (n.integer("transB", 0))
    b = n.g.transpose(n.loc, b, {1, 0});
  if (!a || !b)
    return failure();
  Value y = n.make<MatMulOp>({a, b});
  if (double alpha = n.number("alpha", 1); alpha != 1 && y)
    y = n.make<MulOp>({y, n.scalarLike(a, alpha)});
  double beta = n.number("beta", 1);
  if (n.input(2) && beta != 0) {
    Value c = n.input(2);
    if (beta != 1)
      c = n.make<MulOp>({c, n.scalarLike(c, beta)});
    y = n.make<AddOp>({y, c});
  }
  return n.result(y);
}

const Entry entries[] = {
    {"ReduceSum", 1, simple<ReduceKind::sum>},
    {"ReduceMean", 1, simple<ReduceKind::mean>},
    {"ReduceMax", 1, simple<ReduceKind::max>},
    {"ReduceMin", 1, simple<ReduceKind::min>},
    {"ReduceProd", 1, simple<ReduceKind::prod>},
    {"ReduceL1", 1, l1},
    {"ReduceL2", 1, l2},
    {"ReduceSumSquare", 1, sumSquare},
    {"ReduceLogSum", 1, logSum},
    {"ReduceLogSumExp", 1, logSumExp},
    {"ArgMax", 1, argReduce<ReduceKind::max>},
    {"ArgMin", 1, argReduce<ReduceKind::min>},
    {"Softmax", 13, softmax<false>},
    {"LogSoftmax", 13, softmax<true>},
    {"Softmax", 1, softmaxFlattened<false>},
    {"LogSoftmax", 1, softmaxFlattened<true>},
    {"Hardmax", 13, hardmaxOnAxis},
    // The standard's from version 17 on; onnxruntime writes it, and the one without a mean, into older models of this domain.
    {"LayerNormalization", 1, layerNormalization<false>},
    {"SimplifiedLayerNormalization", 1, layerNormalization<true>},
    {"RMSNormalization", 23, layerNormalization<true>},
    {"InstanceNormalization", 6, instanceNormalization},
    {"BatchNormalization", 1, batchNormalization},
    {"LRN", 1, lrn},
    {"LpNormalization", 1, lpNormalization},
    {"MatMul", 1, matMul},
    {"Gemm", 1, gemm},
    {"Det", 11, det},
    {"Inverse", 1, inverse, "com.microsoft"},
};

} // namespace

ArrayRef<Entry> importer::reductionConverters() { return entries; }
