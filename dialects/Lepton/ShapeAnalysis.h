//===- ShapeAnalysis.h - symbolic sizes -----------------------------------------------------------------*- C++ -*-===//
//
// Sizes of tensors as expressions. A dimension is an AffineExpr without dimensions over symbols; a symbol stands for what only the run
// knows: the size of an input's dimension, an element of an integer tensor, or a function that AffineExpr lacks (max, a division by a
// symbol). Expressions are uniqued by MLIR, so equal sizes are equal pointers, and that is how a broadcast is proven not to be one.
//
// The same analysis looks through shape arithmetic: `element(v, i)` follows Shape -> Gather -> Concat -> Reshape chains to the dimensions
// that they are made of, so such chains fold at import where the sizes are static, and cost a few scalar instructions where they are not.
//
//===--------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_DIALECTS_SHAPEANALYSIS_H
#define LEPTON_DIALECTS_SHAPEANALYSIS_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include <optional>

namespace lepton {

/// What an op infers of one of its results.
struct ResultShape {
  mlir::Type elementType;
  llvm::SmallVector<mlir::AffineExpr> dims;
};

/// Functions of sizes that are no affine expressions. Comparisons yield 0 or 1.
enum class SizeFunction { Min, Max, DivS, RemS, Eq, Lt, Le, And, Or, Select };

class ShapeAnalysis {
public:
  explicit ShapeAnalysis(mlir::MLIRContext *context) : context(context) {}

  mlir::AffineExpr constant(int64_t value) const { return mlir::getAffineConstantExpr(value, context); }
  static std::optional<int64_t> constantValue(mlir::AffineExpr expr);

  /// The size of dimension `i` of a ranked tensor.
  mlir::AffineExpr dim(mlir::Value value, unsigned i) { return shape(value)[i]; }
  const llvm::SmallVector<mlir::AffineExpr> &shape(mlir::Value value);

  /// Element `flatIndex` (row-major) of a tensor of integers or bools, as an expression.
  mlir::AffineExpr element(mlir::Value value, int64_t flatIndex);
  /// Whether a size is a number that the model's data give, which may also be a 0 or -1 with a meaning of its own.
  bool isData(mlir::AffineExpr expr) const {
    auto symbol = mlir::dyn_cast<mlir::AffineSymbolExpr>(expr);
    return symbol && leaves[symbol.getPosition()].isElement;
  }
  /// All elements, where there are few (at most `limit`) and their number is static.
  std::optional<llvm::SmallVector<mlir::AffineExpr>> elements(mlir::Value value, int64_t limit = 256);
  /// All elements where every one is a constant.
  std::optional<llvm::SmallVector<int64_t>> constantElements(mlir::Value value, int64_t limit = 4096);

  mlir::AffineExpr apply(SizeFunction function, llvm::ArrayRef<mlir::AffineExpr> operands);
  /// The sum of sizes, a constant where the rest cancels out.
  mlir::AffineExpr sum(llvm::ArrayRef<mlir::AffineExpr> terms);
  mlir::AffineExpr product(llvm::ArrayRef<mlir::AffineExpr> factors);
  /// numerator / denominator where the division is known to leave no rest: common factors cancel.
  mlir::AffineExpr exactDiv(mlir::AffineExpr numerator, mlir::AffineExpr denominator);
  /// The size that results from broadcasting two sizes (NumPy's rule), or null where both are static and clash.
  mlir::AffineExpr broadcast(mlir::AffineExpr lhs, mlir::AffineExpr rhs);

  /// Takes a condition (0 or 1) on sizes to hold. False where it is known not to; one that only the run can tell is noted in `requirements`.
  bool require(mlir::AffineExpr condition);
  bool requireEqual(mlir::AffineExpr lhs, mlir::AffineExpr rhs);
  /// The same for the number of elements of two shapes, where common factors cancel.
  bool requireEqualProducts(mlir::AffineExpr lhs, mlir::AffineExpr rhs);
  /// Where what ops require of sizes is collected; null but for the pass that has the run check it.
  llvm::SmallVectorImpl<mlir::AffineExpr> *requirements = nullptr;

  /// How many definitions are followed, each from inside the one before. What lies beyond is known by its type alone: the stack is bounded
  /// for a chain of any length, and for values that depend on themselves, which a verifier meets before dominance is checked.
  size_t reach = 1024;

  /// The tensor type of an inferred shape.
  mlir::RankedTensorType type(const ResultShape &result) const;

  /// Whether a size is known before `op`, an op with regions, runs: nothing inside it is read.
  bool isDefinedOutside(mlir::AffineExpr expr, mlir::Operation *op);

  /// The tensors that a size is read from.
  void collectSources(mlir::AffineExpr expr, llvm::SmallVectorImpl<mlir::Value> &sources);

  /// Emits the computation of an expression, of type index.
  mlir::Value materialize(mlir::OpBuilder &builder, mlir::Location loc, mlir::AffineExpr expr);

  /// Says that `value` has these sizes: for values whose definition does not (block arguments of a kernel).
  void setShape(mlir::Value value, llvm::ArrayRef<mlir::AffineExpr> sizes);
  /// A symbol known by name within one function (the named dimensions of its arguments).
  mlir::AffineExpr namedSymbol(mlir::Value value, unsigned i, mlir::StringAttr name);
  /// Redirects the tensors that symbols are read from to the values they became (a kernel argument, a bufferized copy).
  std::function<mlir::Value(mlir::Value)> resolve = [](mlir::Value value) { return value; };

private:
  struct Leaf {
    mlir::Value value; // null: a function of `operands`
    bool isElement = false;
    int64_t index = 0;
    SizeFunction function = SizeFunction::Min;
    llvm::SmallVector<mlir::AffineExpr> operands;
  };

  /// Whether an expression cannot be negative in a run that gets as far as to use it.
  bool isNonNegative(mlir::AffineExpr expr) const;
  mlir::AffineExpr leaf(Leaf leaf);
  mlir::AffineExpr dimLeaf(mlir::Value value, unsigned i);
  mlir::AffineExpr elementLeaf(mlir::Value value, int64_t i);
  mlir::AffineExpr elementOfDefinition(mlir::Value value, int64_t flatIndex);
  mlir::AffineExpr elementOfArithmetic(mlir::Operation *op, int64_t flatIndex);
  llvm::SmallVector<mlir::AffineExpr> computeShape(mlir::Value value);
  llvm::SmallVector<mlir::AffineExpr> computeCarried(class LoopOp loop, unsigned i);
  llvm::SmallVector<mlir::AffineExpr> leafShape(mlir::Value value);
  mlir::Value materializeLeaf(mlir::OpBuilder &builder, mlir::Location loc, const Leaf &leaf);

  mlir::MLIRContext *context;
  size_t underway = 0;      // definitions that are being followed
  std::vector<Leaf> leaves; // symbol number -> what it stands for
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::AffineExpr> dimLeaves, elementLeaves, elementCache;
  llvm::DenseMap<std::pair<mlir::Operation *, mlir::StringAttr>, mlir::AffineExpr> namedSymbols;
  std::map<std::pair<SizeFunction, std::vector<const void *>>, mlir::AffineExpr> functionLeaves;
  std::map<const void *, llvm::SmallVector<mlir::AffineExpr>> shapes;
  llvm::DenseSet<mlir::AffineExpr> knownSizes; // all that stand in `shapes`: there is no tensor where one is negative
};

} // namespace lepton

#endif // LEPTON_DIALECTS_SHAPEANALYSIS_H
