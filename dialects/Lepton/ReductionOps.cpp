//===- ReductionOps.cpp - reductions and normalisations ----------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/FloatMath.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/ReductionEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

Type lepton::accumulatorType(OpBuilder &b, Type elementType) {
  auto floatType = dyn_cast<FloatType>(elementType);
  return floatType && floatType.getWidth() < 32 ? b.getF32Type() : KernelEmitter::storageType(elementType);
}

Value lepton::widen(KernelEmitter &e, Value scalar, Type elementType, Type accumulator) {
  return isa<FloatType>(accumulator) ? emitCast(e, scalar, elementType, accumulator) : e.toStorage(scalar, elementType);
}

Value lepton::narrow(KernelEmitter &e, Value value, Type accumulator, Type elementType) {
  return isa<FloatType>(accumulator) ? emitCast(e, value, accumulator, elementType) : e.fromStorage(value, elementType);
}

Value lepton::neutral(KernelEmitter &e, ReduceKind kind, Type type, bool isUnsigned) {
  if (kind == ReduceKind::sum || kind == ReduceKind::mean)
    return e.scalar(type, 0);
  if (kind == ReduceKind::prod)
    return e.scalar(type, 1);
  bool isMax = kind == ReduceKind::max;
  if (isa<FloatType>(type)) {
    double infinity = std::numeric_limits<double>::infinity();
    return e.scalar(type, isMax ? -infinity : infinity);
  }
  unsigned width = type.getIntOrFloatBitWidth();
  llvm::APInt lowest = isUnsigned ? llvm::APInt::getZero(width) : llvm::APInt::getSignedMinValue(width);
  llvm::APInt highest = isUnsigned ? llvm::APInt::getMaxValue(width) : llvm::APInt::getSignedMaxValue(width);
  return arith::ConstantOp::create(e.b, e.loc, e.b.getIntegerAttr(type, isMax ? lowest : highest));
}

Value lepton::combine(KernelEmitter &e, ReduceKind kind, Value l, Value r, bool isUnsigned) {
  bool isFloat = isa<FloatType>(l.getType());
  switch (kind) {
  case ReduceKind::sum:
  case ReduceKind::mean:
    return e.accumulate(l, r);
  case ReduceKind::prod:
    return e.product(l, r);
  case ReduceKind::max:
    if (isFloat)
      return arith::MaximumFOp::create(e.b, e.loc, l, r);
    return isUnsigned ? Value(arith::MaxUIOp::create(e.b, e.loc, l, r))
                      : Value(arith::MaxSIOp::create(e.b, e.loc, l, r));
  case ReduceKind::min:
    if (isFloat)
      return arith::MinimumFOp::create(e.b, e.loc, l, r);
    return isUnsigned ? Value(arith::MinUIOp::create(e.b, e.loc, l, r))
                      : Value(arith::MinSIOp::create(e.b, e.loc, l, r));
  }
  return {};
}

SmallVector<Value> lepton::inputIndices(int64_t rank, ArrayRef<int64_t> axes, ValueRange kept, ValueRange reduced) {
  SmallVector<Value> indices;
  size_t k = 0, r = 0;
  for (int64_t d = 0; d < rank; ++d)
    indices.push_back(llvm::is_contained(axes, d) ? reduced[r++] : kept[k++]);
  return indices;
}

/// Reduces `axes` of an operand into new memory of the kept dimensions. `element` maps what is read.
static Value reduceAxes(KernelEmitter &e, ReduceKind kind, Value input, ArrayRef<int64_t> axes,
                        llvm::function_ref<Value(Value)> element = nullptr) {
  Type elementType = elementTypeOf(input), type = accumulatorType(e.b, elementType);
  bool isUnsigned = isUnsignedOrBool(elementType);
  SmallVector<AffineExpr> kept, reduced;
  for (auto [d, size] : llvm::enumerate(llvm::to_vector(e.shapes.shape(input))))
    (llvm::is_contained(axes, int64_t(d)) ? reduced : kept).push_back(size);
  Value init = e.fill(e.temporary(kept, type), neutral(e, kind, type, isUnsigned));
  return e.reduce(init, reduced, [&](ValueRange indices, ValueRange positions, Value accumulator) {
    Value x = widen(e, e.load(input, inputIndices(rankOf(input), axes, indices, positions)), elementType, type);
    return combine(e, kind, accumulator, element ? element(x) : x, isUnsigned);
  });
}

//===------------------------------------------------------------------------------------------------------------------===//
// Reduce, ArgReduce
//===------------------------------------------------------------------------------------------------------------------===//

static LogicalResult inferReduction(Operation *op, ShapeAnalysis &shapes, Value input, ArrayRef<int64_t> axes,
                                    bool keepdims, Type elementType, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims;
  for (int64_t axis : axes)
    if (axis < 0 || axis >= rankOf(input))
      return op->emitOpError() << "has the axis " << axis << " out of range for rank " << rankOf(input);
  for (auto [d, size] : llvm::enumerate(llvm::to_vector(shapes.shape(input)))) {
    if (!llvm::is_contained(axes, int64_t(d)))
      dims.push_back(size);
    else if (keepdims)
      dims.push_back(shapes.constant(1));
  }
  results.push_back({elementType, dims});
  return success();
}

LogicalResult ReduceOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  return inferReduction(*this, shapes, getInput(), getAxes(), getKeepdims(), elementTypeOf(getInput()), results);
}

/// The result's indices without the dimensions that keepdims left.
static SmallVector<Value> keptIndices(ValueRange indices, ArrayRef<int64_t> axes, bool keepdims) {
  SmallVector<Value> kept;
  for (auto [d, index] : llvm::enumerate(indices))
    if (!keepdims || !llvm::is_contained(axes, int64_t(d)))
      kept.push_back(index);
  return kept;
}

SmallVector<Value> ReduceOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Type elementType = elementTypeOf(getInput());
  Value sums = reduceAxes(e, getKind(), getInput(), getAxes());
  Type type = cast<RankedTensorType>(sums.getType()).getElementType();
  AffineExpr count = e.shapes.constant(1);
  for (int64_t axis : getAxes())
    count = count * e.shapes.dim(getInput(), axis);
  Value divisor;
  if (getKind() == ReduceKind::mean) {
    Value n = e.b.createOrFold<arith::IndexCastOp>(e.loc, e.b.getI64Type(), e.size(count));
    divisor = emitCast(e, n, n.getType(), type);
  }
  return {e.finish(inits[0], getResult(), {}, [&](ValueRange indices) {
    Value value = tensor::ExtractOp::create(e.b, e.loc, sums, keptIndices(indices, getAxes(), getKeepdims()));
    if (divisor && isa<FloatType>(type))
      value = arith::DivFOp::create(e.b, e.loc, value, divisor);
    else if (divisor)
      value = arith::DivSIOp::create(e.b, e.loc, value, divisor);
    return narrow(e, value, type, elementType);
  })};
}

LogicalResult ArgReduceOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  return inferReduction(*this, shapes, getInput(), {int64_t(getAxis())}, getKeepdims(),
                        IntegerType::get(getContext(), 64), results);
}

SmallVector<Value> ArgReduceOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  int64_t axis = getAxis();
  Type elementType = elementTypeOf(getInput()), i64 = e.b.getI64Type();
  Value best = reduceAxes(e, getKind(), getInput(), {axis});
  Type type = cast<RankedTensorType>(best.getType()).getElementType();
  SmallVector<AffineExpr> kept = e.shapes.shape(getInput());
  AffineExpr size = kept[axis];
  kept.erase(kept.begin() + axis);
  // Then the first (or last) position that holds the best value.
  bool last = getSelectLast();
  Value none = arith::ConstantIntOp::create(e.b, e.loc, last ? -1 : std::numeric_limits<int64_t>::max(), 64);
  Value positions = e.reduce(
      e.fill(e.temporary(kept, i64), none), {size}, [&](ValueRange indices, ValueRange reduced, Value accumulator) {
        Value x =
            widen(e, e.load(getInput(), inputIndices(rankOf(getInput()), {axis}, indices, reduced)), elementType, type);
        Value b = tensor::ExtractOp::create(e.b, e.loc, best, indices);
        Value hit = isa<FloatType>(type) ? Value(arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::UEQ, x, b))
                                         : e.compare(arith::CmpIPredicate::eq, x, b);
        Value position = e.select(hit, e.b.createOrFold<arith::IndexCastOp>(e.loc, i64, reduced[0]), none);
        return last ? Value(arith::MaxSIOp::create(e.b, e.loc, accumulator, position))
                    : Value(arith::MinSIOp::create(e.b, e.loc, accumulator, position));
      });
  return {e.finish(inits[0], getResult(), {}, [&](ValueRange indices) -> Value {
    return tensor::ExtractOp::create(e.b, e.loc, positions, keptIndices(indices, {axis}, getKeepdims()));
  })};
}

//===------------------------------------------------------------------------------------------------------------------===//
// Determinant: matrices in parallel
//===------------------------------------------------------------------------------------------------------------------===//

static LogicalResult checkSquare(Operation *op, Value input, ShapeAnalysis &shapes) {
  ArrayRef<AffineExpr> dims = shapes.shape(input);
  if (dims.size() < 2 || !isa<FloatType>(elementTypeOf(input)))
    return op->emitOpError() << "needs floating-point matrices, got " << input.getType();
  if (!shapes.requireEqual(dims.drop_back().back(), dims.back()))
    return op->emitOpError() << "needs square matrices, got " << input.getType();
  return success();
}

LogicalResult DeterminantOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (failed(checkSquare(*this, getInput(), shapes)))
    return failure();
  results.push_back(
      {elementTypeOf(getInput()), SmallVector<AffineExpr>(ArrayRef(shapes.shape(getInput())).drop_back(2))});
  return success();
}

LogicalResult InverseOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (failed(checkSquare(*this, getInput(), shapes)))
    return failure();
  results.push_back({elementTypeOf(getInput()), shapes.shape(getInput())});
  return success();
}

namespace {

/// Elimination in a copy of one matrix.
struct Elimination {
  KernelEmitter &e;
  FloatMath m;
  Value size;

  Value read(Value matrix, Value row, Value column) {
    return tensor::ExtractOp::create(e.b, e.loc, matrix, ValueRange{row, column});
  }
  Value write(Value value, Value matrix, Value row, Value column) {
    return tensor::InsertOp::create(e.b, e.loc, value, matrix, ValueRange{row, column});
  }

  /// The row from `column` on with the largest element in that column.
  Value pivotRow(Value matrix, Value column) {
    return e.inOrder(column, size, {column, m.number(-1)}, [&](ValueRange row, ValueRange best) -> SmallVector<Value> {
      Value magnitude = m.abs(read(matrix, row[0], column)), isBetter = m.less(best[1], magnitude);
      return {e.select(isBetter, row[0], best[0]), e.select(isBetter, magnitude, best[1])};
    })[0];
  }

  Value swapRows(Value matrix, Value row, Value other) {
    return e.inOrder(e.index(0), size, matrix, [&](ValueRange column, ValueRange carried) -> SmallVector<Value> {
      Value first = read(carried[0], row, column[0]), second = read(carried[0], other, column[0]);
      return {write(first, write(second, carried[0], row, column[0]), other, column[0])};
    })[0];
  }

  /// Subtracts multiples of the row `column` from those below, so that they have zeros in that column.
  Value eliminate(Value matrix, Value column, Value pivot) {
    Value next = e.add(column, e.index(1)), zero = m.number(0);
    return e.inOrder(next, size, matrix, [&](ValueRange row, ValueRange outer) {
      Value factor = e.select(m.equal(pivot, zero), zero, m.div(read(outer[0], row[0], column), pivot));
      return e.inOrder(next, size, outer, [&](ValueRange at, ValueRange inner) -> SmallVector<Value> {
        Value above = read(inner[0], column, at[0]), here = read(inner[0], row[0], at[0]);
        return {write(m.sub(here, m.mul(factor, above)), inner[0], row[0], at[0])};
      });
    })[0];
  }

  Value determinant(Value matrix) {
    return e.inOrder(
        e.index(0), size, {matrix, m.number(1)}, [&](ValueRange column, ValueRange carried) -> SmallVector<Value> {
          Value row = pivotRow(carried[0], column[0]), swapped = swapRows(carried[0], column[0], row);
          Value pivot = read(swapped, column[0], column[0]), product = m.mul(carried[1], pivot);
          Value stays = e.compare(arith::CmpIPredicate::eq, row, column[0]);
          return {eliminate(swapped, column[0], pivot), e.select(stays, product, m.sub(m.number(0), product))};
        })[1];
  }

  Value scaleRow(Value matrix, Value row, Value divisor) {
    return e.inOrder(e.index(0), size, matrix, [&](ValueRange column, ValueRange carried) -> SmallVector<Value> {
      return {write(m.div(read(carried[0], row, column[0]), divisor), carried[0], row, column[0])};
    })[0];
  }

  /// Row `row` less `factor` times row `other`.
  Value subtractRow(Value matrix, Value row, Value other, Value factor) {
    return e.inOrder(e.index(0), size, matrix, [&](ValueRange column, ValueRange carried) -> SmallVector<Value> {
      Value here = read(carried[0], row, column[0]), there = read(carried[0], other, column[0]);
      return {write(m.sub(here, m.mul(factor, there)), carried[0], row, column[0])};
    })[0];
  }

  /// What the identity becomes by the steps that make the matrix one.
  Value inverse(Value matrix, Value identity) {
    return e.inOrder(
        e.index(0), size, {matrix, identity}, [&](ValueRange at, ValueRange carried) -> SmallVector<Value> {
          Value column = at[0], row = pivotRow(carried[0], column);
          Value left = swapRows(carried[0], column, row), right = swapRows(carried[1], column, row);
          Value pivot = read(left, column, column);
          left = scaleRow(left, column, pivot);
          right = scaleRow(right, column, pivot);
          return e.inOrder(e.index(0), size, {left, right}, [&](ValueRange r, ValueRange both) -> SmallVector<Value> {
            Value isPivot = e.compare(arith::CmpIPredicate::eq, r[0], column);
            Value factor = e.select(isPivot, m.number(0), read(both[0], r[0], column));
            return {subtractRow(both[0], r[0], column, factor), subtractRow(both[1], r[0], column, factor)};
          });
        })[1];
  }
};

} // namespace

SmallVector<Value> DeterminantOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Type element = elementTypeOf(getInput()), type = e.computeType(element);
  int64_t batch = rankOf(getResult());
  return {e.forEachSlice(inits[0], llvm::to_vector(llvm::seq<int64_t>(0, batch)),
                         [&](ValueRange position, Value slice) -> Value {
                           SmallVector<AffineExpr> sizes(llvm::drop_begin(e.shapes.shape(getInput()), batch));
                           Value copy = e.map(e.temporary(sizes, type), type, [&](ValueRange at) {
                             SmallVector<Value> source(position);
                             source.append(at.begin(), at.end());
                             return e.widen(e.load(getInput(), source), element);
                           });
                           Elimination elimination{e, {e, type}, e.size(sizes[0])};
                           Value value = e.narrow(elimination.determinant(copy), element);
                           return tensor::InsertOp::create(e.b, e.loc, value, slice, ValueRange{});
                         })};
}

SmallVector<Value> InverseOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Type element = elementTypeOf(getInput()), type = e.computeType(element);
  int64_t batch = rankOf(getResult()) - 2;
  return {e.forEachSlice(inits[0], llvm::to_vector(llvm::seq<int64_t>(0, batch)),
                         [&](ValueRange position, Value slice) -> Value {
                           SmallVector<AffineExpr> sizes(llvm::drop_begin(e.shapes.shape(getInput()), batch));
                           Elimination elimination{e, {e, type}, e.size(sizes[0])};
                           Value copy = e.map(e.temporary(sizes, type), type, [&](ValueRange at) {
                             SmallVector<Value> source(position);
                             source.append(at.begin(), at.end());
                             return e.widen(e.load(getInput(), source), element);
                           });
                           Value identity = e.map(e.temporary(sizes, type), type, [&](ValueRange at) {
                             Value isDiagonal = e.compare(arith::CmpIPredicate::eq, at[0], at[1]);
                             return e.select(isDiagonal, e.scalar(type, 1), e.scalar(type, 0));
                           });
                           Value inverse = elimination.inverse(copy, identity);
                           return e.map(slice, element, [&](ValueRange at) {
                             return e.narrow(tensor::ExtractOp::create(e.b, e.loc, inverse, at), element);
                           });
                         })};
}
