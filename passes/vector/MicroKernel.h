//===- MicroKernel.h - One register block of a contraction ----------------===//
//
// Emits, at the builder's insertion point, the code for one block of C:
//
//   acc[r][v] = load C              (rows x vectors values)
//   acc = scf.for ... iter_args(acc) over every reduction dimension:
//     b[v] = load B                 (vectors loads)
//     for each row: a = broadcast(load A); acc[r][v] = fma(a, b[v], acc[r][v])
//   store acc to C, or apply the epilogue to acc and store what it gives
//
// A long reduction of floats is one of shorter ones, each from zero: what is added to a large sum loses more of its bits.
//
// Where the target multiplies 16-bit integers in pairs (AVX2, AVX-512), two steps of the innermost reduction are one: the vectors of B interleave, the elements of A are
// broadcast together, and neighbouring products are added (LLVM knows the form).
//
// Addresses are formed on flat views of the operands, one addition per load: what does not change in a loop is added
// outside of it, and distances between rows end up as displacements in the load instructions.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_PASSES_VECTOR_MICROKERNEL_H
#define LEPTON_PASSES_VECTOR_MICROKERNEL_H

#include "passes/vector/Epilogue.h"
#include "passes/vector/VectorizeContraction.h"

namespace lepton {

/// The block of C to compute.
struct KernelTile {
  /// First iteration of each parallel dimension.
  llvm::SmallVector<mlir::Value> origin;
  /// Iterations per dimension; along the vector dimension, vectors.
  llvm::SmallVector<int64_t> sizes;
  /// Elements per vector, the schedule's or fewer.
  int64_t lanes;
  /// Valid lanes of the last vector along the vector dimension; null if all.
  mlir::Value mask;
};

class MicroKernel {
public:
  /// Emits the flat views of the operands; `extents` are the trip counts of the loops. With `fromZero` C holds nothing yet; with an `epilogue` (null: none) it never does.
  MicroKernel(mlir::OpBuilder &builder, mlir::Location loc, const Contraction &contraction, ScheduleAttr schedule,
              TargetAttr target, llvm::ArrayRef<mlir::OpFoldResult> extents, bool fromZero, const Epilogue *epilogue);

  void emit(const KernelTile &tile);

private:
  struct View {
    mlir::Value buffer;
    mlir::OpFoldResult constant;
    llvm::SmallVector<mlir::OpFoldResult> steps;
    mlir::Type elementType;
  };
  /// Where a reduction loop stands in both inputs.
  struct Position {
    mlir::OpFoldResult a, b;
  };
  using Values = llvm::SmallVector<mlir::Value>;
  using Offsets = llvm::SmallVector<mlir::OpFoldResult>;

  mlir::Value value(mlir::OpFoldResult x);
  mlir::OpFoldResult add(mlir::OpFoldResult x, mlir::OpFoldResult y);
  mlir::OpFoldResult scale(mlir::OpFoldResult x, mlir::OpFoldResult y);

  View makeView(const OperandAccess &access);
  mlir::OpFoldResult base(const View &view, const KernelTile &tile);
  Offsets offsets(const View &view, llvm::ArrayRef<unsigned> dims, const KernelTile &tile);
  mlir::Value load(const View &view, mlir::OpFoldResult index, int64_t lanes, mlir::Value mask = {});
  mlir::Value loadScalar(const View &view, mlir::OpFoldResult index);
  void store(const View &view, mlir::Value vector, mlir::OpFoldResult index, mlir::Value mask);
  mlir::Value broadcast(mlir::Value x, int64_t lanes);
  mlir::Value apply(llvm::ArrayRef<mlir::Operation *> chain, mlir::Value x);
  mlir::Value broadcastA(mlir::Value scalar, int64_t lanes);
  mlir::Value multiplyAdd(mlir::Value a, mlir::Value b, mlir::Value accumulator);
  mlir::Value maskOf(unsigned column);

  Values reduce(unsigned depth, Position at, Values accumulators);
  bool takesPairs() const;
  Values steps(unsigned depth, int64_t count, Position at, Values accumulators);
  Values loop(unsigned depth, mlir::OpFoldResult from, mlir::OpFoldResult to, int64_t step, Position at,
              Values accumulators);
  int64_t longest() const;
  Values loopByParts(unsigned depth, int64_t count, int64_t step, Position at, Values totals);
  Values dotLoops(Position at, Values accumulators);
  Values columnsStep(Position at, Values accumulators);
  Values pairStep(Position at, Position next, Values accumulators);
  Values dotStep(Position at, Values accumulators, int64_t lanes, mlir::Value mask);
  llvm::SmallVector<Offsets> points(llvm::ArrayRef<unsigned> dims);
  void writeThroughEpilogue(llvm::ArrayRef<mlir::Value> accumulators);
  void emitColumns();
  void emitDot();

  mlir::OpBuilder &builder;
  mlir::Location loc;
  const Contraction &contraction;
  ScheduleAttr schedule;
  TargetAttr target;
  llvm::ArrayRef<mlir::OpFoldResult> extents;
  bool fromZero;
  const Epilogue *epilogue;
  View a, b, c;
  /// Depth of the first reduction loop that disappears, see `full_unroll` of the schedule.
  unsigned unrolledFrom;

  // The state of one emit().
  const KernelTile *tile = nullptr;
  llvm::SmallVector<unsigned> columns; // dimensions
  Offsets aRows, cRows, bColumns, cColumns;
};

} // namespace lepton

#endif
