//===- KernelEmitter.h - writes kernels in linalg on tensors --------------------------------------------*- C++ -*-===//
//
// A kernel is a small graph of lepton ops. Each op knows how one element of its result is computed (`emitElement`) or writes loop nests
// itself (`emitKernel`). Both read operands through the emitter, which either reads memory or, for a producer inside the kernel,
// inlines the producer's element: that is all there is to fusion.
//
// In kernels tensors have storage types: unsigned integers are signless, a bool is an `i8` that holds 0 or 1, and narrow types (ElementTypes.h)
// are `i8` that hold their bits, and handles are `i64`. Scalars are signless, a bool is `i1`, and narrow types are as in memory.
//
//===--------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_DIALECTS_KERNELEMITTER_H
#define LEPTON_DIALECTS_KERNELEMITTER_H

#include "dialects/Lepton/ShapeAnalysis.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace lepton {

class KernelEmitter {
public:
  using ElementFn = llvm::function_ref<mlir::Value(mlir::ValueRange indices)>;
  using ReduceFn =
      llvm::function_ref<mlir::Value(mlir::ValueRange indices, mlir::ValueRange reduced, mlir::Value accumulator)>;
  struct Part {
    mlir::Value value;
    llvm::SmallVector<mlir::OpFoldResult> offsets, sizes; // in the destination
    llvm::SmallVector<mlir::OpFoldResult> strides = {};   // none: all 1
  };
  using PartFn = llvm::function_ref<Part(mlir::ValueRange position, mlir::Value destination)>;
  using OrderFn =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ValueRange indices, mlir::ValueRange carried)>;
  using PartsFn = llvm::function_ref<mlir::Value(mlir::ValueRange numbers)>;
  using SliceFn = llvm::function_ref<mlir::Value(mlir::ValueRange position, mlir::Value slice)>;

  KernelEmitter(mlir::OpBuilder &builder, mlir::Location loc, ShapeAnalysis &shapes)
      : b(builder), loc(loc), shapes(shapes) {}

  mlir::OpBuilder &b;
  mlir::Location loc;
  ShapeAnalysis &shapes;

  // ---- values -----------------------------------------------------------------------------------------------------------------
  /// `value` lies in memory as `tensor` (of storage type).
  void bind(mlir::Value value, mlir::Value tensor) { tensors[value] = tensor; }
  /// The tensor of a value that lies in memory; null for one that is computed on the fly.
  mlir::Value tensor(mlir::Value value) const { return tensors.lookup(value); }
  /// The same, after computing a value that is not in memory into a temporary; a slice of something in memory is where it is. Call it outside of loop nests.
  mlir::Value materialize(mlir::Value value);
  /// The scalar of `value` at `indices`.
  mlir::Value load(mlir::Value value, mlir::ValueRange indices);
  /// The same where `value` broadcasts to the shape `sizes`, to which `indices` belong.
  mlir::Value loadBroadcast(mlir::Value value, llvm::ArrayRef<mlir::AffineExpr> sizes, mlir::ValueRange indices);
  /// The only element of a scalar or one-element tensor.
  mlir::Value loadScalar(mlir::Value value);

  // ---- sizes and scalars ------------------------------------------------------------------------------------------------------
  mlir::Value size(mlir::AffineExpr expr) { return shapes.materialize(b, loc, expr); }
  mlir::Value dim(mlir::Value value, unsigned i) { return size(shapes.dim(value, i)); }
  mlir::Value index(int64_t value) { return mlir::arith::ConstantIndexOp::create(b, loc, value); }
  /// A scalar constant of a (signless) integer, float or complex type.
  mlir::Value scalar(mlir::Type type, double value);
  /// Adds and multiplies scalars of one type, integer, float or complex; a sum may be reassociated.
  mlir::Value accumulate(mlir::Value accumulator, mlir::Value term);
  mlir::Value product(mlir::Value l, mlir::Value r);
  /// The real or the imaginary part of a complex number.
  mlir::Value part(mlir::Value number, bool isImaginary);
  /// A function of floats; complex numbers, all of one type, are made from what it gives for their real and their imaginary parts.
  mlir::Value forEachPart(mlir::ValueRange numbers, PartsFn function);
  mlir::Value add(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::AddIOp>(loc, l, r); }
  mlir::Value sub(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::SubIOp>(loc, l, r); }
  mlir::Value mul(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::MulIOp>(loc, l, r); }
  mlir::Value select(mlir::Value c, mlir::Value l, mlir::Value r) {
    return b.createOrFold<mlir::arith::SelectOp>(loc, c, l, r);
  }
  mlir::Value compare(mlir::arith::CmpIPredicate p, mlir::Value l, mlir::Value r) {
    return b.createOrFold<mlir::arith::CmpIOp>(loc, p, l, r);
  }
  mlir::Value both(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::AndIOp>(loc, l, r); }
  mlir::Value either(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::OrIOp>(loc, l, r); }
  mlir::Value smaller(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::MinSIOp>(loc, l, r); }
  mlir::Value toI64(mlir::Value index) { return b.createOrFold<mlir::arith::IndexCastOp>(loc, b.getI64Type(), index); }
  mlir::Value toIndex(mlir::Value integer) {
    return b.createOrFold<mlir::arith::IndexCastOp>(loc, b.getIndexType(), integer);
  }
  /// The scalar type in which elements are computed. `widen` and `narrow` lead there and back.
  mlir::Type computeType(mlir::Type elementType);
  mlir::Value widen(mlir::Value scalar, mlir::Type elementType);
  mlir::Value narrow(mlir::Value scalar, mlir::Type elementType);
  mlir::Value isInside(mlir::Value index, mlir::Value size); // 0 <= index < size
  /// An index read from a tensor of integers, negative ones counted from the end; one out of range ends the run with an error, and reads element 0.
  mlir::Value checkedIndex(mlir::Value raw, mlir::Value size, llvm::StringRef what);

  /// Emits `code`, which does not depend on the indices of the nest that is being written, in front of that nest: it runs once, and what it checks does
  /// not keep the loops from becoming vectors.
  mlir::Value beforeNest(llvm::function_ref<mlir::Value()> code);

  // ---- loop nests ---------------------------------------------------------------------------------------------------------------
  /// Uninitialised temporary memory of a tensor element type.
  mlir::Value temporary(llvm::ArrayRef<mlir::AffineExpr> sizes, mlir::Type elementType);
  /// Fills `init` (of storage type) with an element function; returns the result.
  mlir::Value map(mlir::Value init, mlir::Type elementType, ElementFn element);
  /// Reduces over `sizes`, starting from what `init` holds. The accumulator has `init`'s type.
  mlir::Value reduce(mlir::Value init, llvm::ArrayRef<mlir::AffineExpr> sizes, ReduceFn combine);
  mlir::Value fill(mlir::Value init, mlir::Value scalar);
  /// A loop nest, one iteration after the other, that carries values: `body` gets the indices and the values, and returns the next ones.
  llvm::SmallVector<mlir::Value> inOrder(llvm::ArrayRef<mlir::AffineExpr> sizes, mlir::ValueRange inits, OrderFn body);
  llvm::SmallVector<mlir::Value> inOrder(mlir::Value begin, mlir::Value end, mlir::ValueRange inits, OrderFn body);
  /// A loop that goes on while a condition holds: `condition` gets the carried values, `body` returns the next ones.
  llvm::SmallVector<mlir::Value> repeatWhile(mlir::ValueRange inits, PartsFn condition,
                                             llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ValueRange)> body);
  /// Computes parts of `init` in parallel: `part` gets one induction variable per bound and the destination, and says what goes where.
  mlir::Value forEach(llvm::ArrayRef<mlir::OpFoldResult> bounds, mlir::Value init, PartFn part);
  /// The same for parts of size 1 along `dims`: `slice` gets the positions and the part without those dimensions, and returns the new part.
  mlir::Value forEachSlice(mlir::Value init, llvm::ArrayRef<int64_t> dims, SliceFn slice);
  /// The same for the lines along `axis`.
  mlir::Value forEachLine(mlir::Value init, int64_t axis, SliceFn line);
  /// Writes the kernel's final value to `init`, a part of it that starts at `offsets` (none: all), with `strides` (none: 1). `own` is the element of the
  /// op `result`, at indices local to the part; ops after it in the kernel are applied to it.
  mlir::Value finish(mlir::Value init, mlir::Value result, mlir::ValueRange offsets, ElementFn own,
                     llvm::ArrayRef<int64_t> strides = {});
  /// The value that the kernel yields in place of `result`: the last of the ops fused after it.
  void setFinal(mlir::Value result, mlir::Value last) { finals[result] = last; }

  // ---- types --------------------------------------------------------------------------------------------------------------------
  static mlir::Type storageType(mlir::Type elementType);
  static mlir::Type scalarType(mlir::Type elementType);
  static mlir::RankedTensorType storageType(mlir::RankedTensorType type);
  mlir::Value toStorage(mlir::Value scalar, mlir::Type elementType);
  mlir::Value fromStorage(mlir::Value scalar, mlir::Type elementType);

private:
  llvm::DenseMap<mlir::Value, mlir::Value> tensors, finals;
  llvm::DenseMap<mlir::Value, std::function<mlir::Value(mlir::ValueRange)>>
      elements; // results of kernel ops, while being finished
  std::map<std::pair<const void *, std::vector<const void *>>, std::pair<mlir::Block *, mlir::Value>> loaded;
};

/// The indices of element `along` of the line along `axis` that has the other indices `position`.
llvm::SmallVector<mlir::Value> inLine(mlir::ValueRange position, int64_t axis, mlir::Value along);

/// Calls `tap` for every position of a window.
void forEachTap(llvm::ArrayRef<int64_t> kernel, llvm::function_ref<void(llvm::ArrayRef<int64_t>)> tap);

/// Element type of a ranked tensor value.
inline mlir::Type elementTypeOf(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType()).getElementType();
}
inline int64_t rankOf(mlir::Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()).getRank(); }

} // namespace lepton

#endif // LEPTON_DIALECTS_KERNELEMITTER_H
