//===- Epilogue.h - What becomes of a contraction's sums ------------------===//
//
// Bias, activation, residual, scale: a linalg.generic that reads each sum of a contraction once and is its only reader.
// A micro-kernel applies it to the sums in its registers, so that they never go to memory.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_PASSES_VECTOR_EPILOGUE_H
#define LEPTON_PASSES_VECTOR_EPILOGUE_H

#include "dialects/Lepton/LeptonOps.h"
#include "passes/vector/ContractionAnalysis.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace lepton {

class Epilogue {
public:
  /// The epilogue of `op`, a contraction into C from zero; nothing where what follows is none, or no vector of C is one of what is written.
  static std::optional<Epilogue> find(mlir::linalg::GenericOp op, const Contraction &contraction, TargetAttr target);

  mlir::linalg::GenericOp getOp() const { return op; }

  /// Writes what becomes of `sums`, the elements of C from `position` on along the vector dimension; `mask` says which, null: all.
  void write(mlir::OpBuilder &builder, llvm::ArrayRef<mlir::OpFoldResult> position, mlir::Value sums,
             mlir::Value mask) const;

private:
  /// What a vector of iterations sees of a value of the body: one scalar, an index that grows by one, or a vector.
  enum class Kind { Uniform, Linear, Vector };

  bool readsSums(mlir::Value c);
  bool coversSums();
  bool classify();
  std::optional<Kind> kindOf(mlir::Operation &inner);
  std::optional<Kind> kindOfLoad(mlir::memref::LoadOp load);

  TargetAttr target;
  mlir::linalg::GenericOp op;
  mlir::Value sumsMemory;                                  // what the body loads the sums from
  llvm::SmallVector<llvm::SmallVector<int64_t, 2>> groups; // dimensions of C that each dimension of it is
  llvm::SmallVector<int64_t> shape;                        // of C
  llvm::SmallVector<std::optional<unsigned>> dimOfLoop;    // of `sumsMemory`; none: a loop of one iteration
  mlir::OpFoldResult end; // of the last loop, where it is not that of the sums; null else
  llvm::DenseMap<mlir::Value, Kind> kinds;
};

} // namespace lepton

#endif
