//===- PoolOps.cpp - pooling ---------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;
using F = SizeFunction;

/// Windows up to this many elements are unrolled, so that the loop over the result vectorizes.
static constexpr int64_t largestUnrolledWindow = 25;

/// Number of windows along one dimension. With ceil_mode, a last window that would start past the input (in the padding at its end) is dropped.
static AffineExpr poolCount(ShapeAnalysis &shapes, AffineExpr size, int64_t before, int64_t after, int64_t kernel,
                            int64_t stride, int64_t dilation, bool ceilMode) {
  AffineExpr span = size + (before + after - (kernel - 1) * dilation - 1);
  if (!ceilMode)
    return span.floorDiv(stride) + 1;
  AffineExpr count = (span + (stride - 1)).floorDiv(stride) + 1;
  AffineExpr startsPast = shapes.apply(F::Le, {size + before, (count - 1) * stride});
  return shapes.apply(F::Select, {startsPast, count - 1, count});
}

/// Sizes of the result of a pool over the dimensions from `first` on.
template <typename OpT>
static LogicalResult inferPool(OpT op, int64_t first, ShapeAnalysis &shapes, SmallVector<AffineExpr> &dims) {
  dims = shapes.shape(op.getInput());
  int64_t spatial = op.getKernel().size();
  if (spatial < 1 || first < 1 || first + spatial > int64_t(dims.size()))
    return op.emitOpError() << "kernel has " << spatial << " dimensions, which do not fit an input of rank "
                            << dims.size();
  if (int64_t(op.getStrides().size()) != spatial || int64_t(op.getDilations().size()) != spatial ||
      int64_t(op.getPads().size()) != 2 * spatial)
    return op.emitOpError() << "needs one stride and one dilation and two pads for each of the " << spatial
                            << " kernel dimensions";
  for (int64_t i = 0; i < spatial; ++i) {
    if (op.getStrides()[i] < 1 || op.getDilations()[i] < 1 || op.getKernel()[i] < 1)
      return op.emitOpError() << "has a kernel size, stride or dilation below 1";
    AffineExpr &size = dims[first + i];
    size = poolCount(shapes, size, op.getPads()[i], op.getPads()[spatial + i], op.getKernel()[i], op.getStrides()[i],
                     op.getDilations()[i], op.getCeilMode());
    if (auto value = ShapeAnalysis::constantValue(size); value && *value < 1)
      return op.emitOpError() << "kernel of size " << op.getKernel()[i]
                              << " is larger than the padded input along spatial dimension " << i;
  }
  return success();
}

LogicalResult PoolOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims;
  if (failed(inferPool(*this, getFirstSpatial(), shapes, dims)))
    return failure();
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

namespace {

/// The windows of one pool op.
struct Windows {
  PoolOp op;
  KernelEmitter &e;
  int64_t spatial, first;
  Type element, type;

  Windows(PoolOp op, KernelEmitter &e)
      : op(op), e(e), spatial(op.getKernel().size()), first(op.getFirstSpatial()),
        element(elementTypeOf(op.getInput())) {
    auto floatType = dyn_cast<FloatType>(element);
    type = floatType && floatType.getWidth() < 32 ? Type(e.b.getF32Type()) : KernelEmitter::scalarType(element);
  }

  Value start(ValueRange out, int64_t i) {
    return e.sub(e.mul(out[first + i], e.index(op.getStrides()[i])), e.index(op.getPads()[i]));
  }

  Value neutral() {
    if (op.getKind() != ReduceKind::max)
      return e.scalar(type, 0);
    if (isa<FloatType>(type))
      return e.scalar(type, -std::numeric_limits<double>::infinity());
    unsigned width = type.getIntOrFloatBitWidth();
    auto lowest = element.isUnsignedInteger() ? llvm::APInt::getZero(width) : llvm::APInt::getSignedMinValue(width);
    return arith::ConstantOp::create(e.b, e.loc, e.b.getIntegerAttr(type, lowest));
  }

  Value combine(Value l, Value r) {
    if (op.getKind() != ReduceKind::max)
      return e.accumulate(l, r);
    if (isa<FloatType>(type))
      return arith::MaximumFOp::create(e.b, e.loc, l, r);
    return element.isUnsignedInteger() ? Value(arith::MaxUIOp::create(e.b, e.loc, l, r))
                                       : Value(arith::MaxSIOp::create(e.b, e.loc, l, r));
  }

  /// The element under a tap, or the neutral one outside the input.
  Value tapValue(ValueRange out, ValueRange tap) {
    SmallVector<Value> source(out);
    Value inside;
    for (int64_t i = 0; i < spatial; ++i) {
      Value p = e.add(start(out, i), e.mul(tap[i], e.index(op.getDilations()[i])));
      bool padded = op.getPads()[i] || op.getPads()[spatial + i] || op.getCeilMode();
      if (padded) {
        Value size = e.dim(op.getInput(), first + i), here = e.isInside(p, size);
        inside = inside ? e.b.createOrFold<arith::AndIOp>(e.loc, inside, here) : here;
        p = e.b.createOrFold<arith::MaxSIOp>(e.loc, e.b.createOrFold<arith::MinSIOp>(e.loc, p, e.sub(size, e.index(1))),
                                             e.index(0));
      }
      source[first + i] = p;
    }
    Value value = emitCast(e, e.load(op.getInput(), source), element, type);
    return inside ? e.select(inside, value, neutral()) : value;
  }

  /// Number of taps of a window that count for the mean.
  Value count(ValueRange out) {
    Value total = e.index(1);
    for (int64_t i = 0; i < spatial; ++i) {
      // Taps t with low <= start + t * dilation < high.
      Value low = e.index(0), high = e.dim(op.getInput(), first + i);
      if (op.getCountIncludePad()) {
        low = e.index(-op.getPads()[i]);
        high = e.add(high, e.index(op.getPads()[spatial + i]));
      }
      auto firstTap = [&](Value bound) {
        Value taps = arith::CeilDivSIOp::create(e.b, e.loc, e.sub(bound, start(out, i)), e.index(op.getDilations()[i]));
        Value capped = e.b.createOrFold<arith::MinSIOp>(e.loc, taps, e.index(op.getKernel()[i]));
        return e.b.createOrFold<arith::MaxSIOp>(e.loc, capped, e.index(0));
      };
      total = e.mul(total, e.sub(firstTap(high), firstTap(low)));
    }
    return total;
  }

  Value finishElement(Value value, ValueRange out) {
    if (op.getKind() == ReduceKind::mean) {
      Value n = e.b.createOrFold<arith::IndexCastOp>(e.loc, e.b.getI64Type(), count(out));
      n = emitCast(e, n, n.getType(), type);
      value = isa<FloatType>(type) ? Value(arith::DivFOp::create(e.b, e.loc, value, n))
                                   : Value(arith::DivSIOp::create(e.b, e.loc, value, n));
    }
    return emitCast(e, value, type, element);
  }
};

} // namespace

SmallVector<Value> PoolOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Windows windows(*this, e);
  if (llvm::product_of(getKernel()) <= largestUnrolledWindow) {
    return {e.finish(inits[0], getResult(), {}, [&](ValueRange out) {
      Value value;
      forEachTap(getKernel(), [&](ArrayRef<int64_t> tap) {
        SmallVector<Value> position;
        for (int64_t t : tap)
          position.push_back(e.index(t));
        Value term = windows.tapValue(out, position);
        value = value ? windows.combine(value, term) : term;
      });
      return windows.finishElement(value, out);
    })};
  }
  SmallVector<AffineExpr> sizes;
  for (int64_t size : getKernel())
    sizes.push_back(e.shapes.constant(size));
  Value init =
      e.fill(e.temporary(e.shapes.shape(getResult()), windows.type), e.toStorage(windows.neutral(), windows.type));
  Value sums = e.reduce(init, sizes, [&](ValueRange out, ValueRange tap, Value accumulator) {
    return windows.combine(accumulator, windows.tapValue(out, tap));
  });
  return {e.finish(inits[0], getResult(), {}, [&](ValueRange out) {
    return windows.finishElement(tensor::ExtractOp::create(e.b, e.loc, sums, out), out);
  })};
}

//===------------------------------------------------------------------------------------------------------------------===//
// ArgPool
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult ArgPoolOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims;
  if (failed(inferPool(*this, 2, shapes, dims)))
    return failure();
  if (dims.size() != 2 + getKernel().size())
    return emitOpError() << "kernel has " << getKernel().size() << " dimensions, which do not fit an input of rank "
                         << dims.size();
  results.push_back({IntegerType::get(getContext(), 64), dims});
  return success();
}

/// Loops over the window; the best element so far and its position are carried. Taps in the padding count for nothing.
Value ArgPoolOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  int64_t spatial = getKernel().size();
  Type i64 = e.b.getI64Type(), element = elementTypeOf(getInput());
  SmallVector<AffineExpr> window;
  for (int64_t size : getKernel())
    window.push_back(e.shapes.constant(size));
  auto better = [&](ValueRange tap, ValueRange best) -> SmallVector<Value> {
    SmallVector<Value> source = {indices[0], indices[1]}, sizes;
    Value inside;
    for (int64_t i = 0; i < spatial; ++i) {
      Value start = e.sub(e.mul(indices[2 + i], e.index(getStrides()[i])), e.index(getPads()[i]));
      Value p = e.add(start, e.mul(tap[i], e.index(getDilations()[i]))), size = e.dim(getInput(), 2 + i),
            here = e.isInside(p, size);
      inside = inside ? e.b.createOrFold<arith::AndIOp>(e.loc, inside, here) : here;
      source.push_back(e.select(here, p, e.index(0)));
      sizes.push_back(size);
    }
    Value position = e.add(e.mul(indices[0], e.dim(getInput(), 1)), indices[1]);
    for (int64_t i = 0; i < spatial; ++i)
      position = e.mul(position, sizes[i]);
    Value stride = e.index(1);
    for (int64_t i = 0; i < spatial; ++i) {
      int64_t d = getColumnMajor() ? i : spatial - 1 - i;
      position = e.add(position, e.mul(source[2 + d], stride));
      stride = e.mul(stride, sizes[d]);
    }
    Value key = emitOrderedKey(e, e.load(getInput(), source), element);
    Value isFirst = e.compare(arith::CmpIPredicate::slt, best[1], e.scalar(i64, 0));
    Value takes = e.b.createOrFold<arith::OrIOp>(e.loc, isFirst, e.compare(arith::CmpIPredicate::slt, best[0], key));
    takes = e.b.createOrFold<arith::AndIOp>(e.loc, inside, takes);
    position = e.b.createOrFold<arith::IndexCastOp>(e.loc, i64, position);
    return {e.select(takes, key, best[0]), e.select(takes, position, best[1])};
  };
  return e.inOrder(window, {e.scalar(i64, 0), e.scalar(i64, -1)}, better)[1];
}
