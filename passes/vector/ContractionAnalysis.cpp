//===- ContractionAnalysis.cpp --------------------------------------------===//
//
// See ContractionAnalysis.h. Precondition: a linalg.generic on memrefs.
//
//===----------------------------------------------------------------------===//
#include "passes/vector/ContractionAnalysis.h"

#include "mlir/Analysis/FlatLinearValueConstraints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lepton;

static int64_t addSteps(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) ? ShapedType::kDynamic : a + b;
}

static int64_t scaleStep(int64_t coefficient, int64_t stride) {
  if (coefficient == 0)
    return 0;
  return ShapedType::isDynamic(stride) ? ShapedType::kDynamic : coefficient * stride;
}

static FailureOr<OperandAccess> analyzeAccess(Value memref, AffineMap map) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  int64_t offset;
  OperandAccess access;
  if (!type || failed(type.getStridesAndOffset(access.strides, offset)))
    return failure();
  access.memref = memref;
  access.steps.assign(map.getNumDims(), 0);
  for (auto [result, stride] : llvm::zip_equal(map.getResults(), access.strides)) {
    SmallVector<int64_t> row;
    // Floor divisions and remainders would add local variables, that is, more columns.
    if (failed(getFlattenedAffineExpr(result, map.getNumDims(), /*numSymbols=*/0, &row)) ||
        row.size() != map.getNumDims() + 1)
      return failure();
    access.constants.push_back(row.pop_back_val());
    for (auto [step, coefficient] : llvm::zip_equal(access.steps, row))
      step = addSteps(step, scaleStep(coefficient, stride));
    access.coefficients.push_back(std::move(row));
  }
  return access;
}

/// Walks from `value` to a block argument through element-wise operations whose other operands come from outside the
/// body.
static BlockArgument traceChain(Value value, Block *body, SmallVectorImpl<Operation *> &chain) {
  while (Operation *op = value.getDefiningOp()) {
    if (op->getBlock() != body || op->getNumResults() != 1 || !op->hasOneUse() ||
        !OpTrait::hasElementwiseMappableTraits(op))
      return {};
    Value next;
    for (Value operand : op->getOperands()) {
      if (operand.getParentBlock() != body)
        continue;
      if (next)
        return {};
      next = operand;
    }
    if (!next)
      return {};
    chain.insert(chain.begin(), op);
    value = next;
  }
  auto argument = cast<BlockArgument>(value);
  return argument.getOwner() == body ? argument : BlockArgument();
}

static FailureOr<MulAddBody> matchBody(Block *body) {
  MulAddBody result;
  Operation *add = body->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(add))
    return failure();
  result.isFloat = isa<arith::AddFOp>(add);
  Value accumulator = body->getArgument(2);
  unsigned product = add->getOperand(0) == accumulator ? 1 : 0;
  if (add->getOperand(1 - product) != accumulator || !accumulator.hasOneUse())
    return failure();
  Operation *mul = add->getOperand(product).getDefiningOp();
  if (!isa_and_nonnull<arith::MulFOp, arith::MulIOp>(mul) || mul->getBlock() != body)
    return failure();
  BlockArgument lhs = traceChain(mul->getOperand(0), body, result.aChain);
  BlockArgument rhs = traceChain(mul->getOperand(1), body, result.bChain);
  if (!lhs || !rhs || lhs.getArgNumber() + rhs.getArgNumber() != 1)
    return failure();
  if (lhs.getArgNumber() == 1)
    std::swap(result.aChain, result.bChain);
  result.accumulatorType = accumulator.getType();
  return result;
}

/// True if extent `a` is worth more lanes or rows than `b`; unknown extents count as large.
static bool isLarger(int64_t a, int64_t b) {
  if (ShapedType::isDynamic(b))
    return false;
  return ShapedType::isDynamic(a) || a > b;
}

/// Lanes along an output dimension; tried with both assignments of the inputs to A and B.
static bool findColumns(Contraction &result, ArrayRef<utils::IteratorType> iterators) {
  std::optional<unsigned> best;
  bool bestVectorA = false;
  for (auto [dim, iterator] : llvm::enumerate(iterators)) {
    if (iterator != utils::IteratorType::parallel || !result.b.isUnit(dim) || !result.c.isUnit(dim))
      continue;
    if (result.a.uses(dim) && !result.a.isUnit(dim))
      continue;
    // A dimension absent from A reuses the broadcast; one present in A reuses nothing.
    bool vectorA = result.a.uses(dim);
    bool better = !best || (bestVectorA && !vectorA) ||
                  (bestVectorA == vectorA && isLarger(result.extents[dim], result.extents[*best]));
    if (better && !(best && !bestVectorA && vectorA)) {
      best = dim;
      bestVectorA = vectorA;
    }
  }
  if (!best)
    return false;
  result.form = ContractionForm::Columns;
  result.vectorDim = *best;
  result.vectorA = bestVectorA;
  return true;
}

static bool findDot(Contraction &result, ArrayRef<utils::IteratorType> iterators) {
  for (auto [dim, iterator] : llvm::enumerate(iterators)) {
    if (iterator == utils::IteratorType::parallel || !result.a.isUnit(dim) || !result.b.isUnit(dim))
      continue;
    result.form = ContractionForm::Dot;
    result.vectorDim = dim;
    result.vectorA = false;
    return true;
  }
  return false;
}

static void swapInputs(Contraction &result) {
  std::swap(result.a, result.b);
  std::swap(result.body.aChain, result.body.bChain);
}

/// Picks the form and the vector dimension.
static bool chooseForm(Contraction &result, ArrayRef<utils::IteratorType> iterators, int64_t lanes) {
  bool columns = findColumns(result, iterators);
  if (!columns || result.vectorA) {
    swapInputs(result);
    bool swapped = findColumns(result, iterators);
    if (!swapped || result.vectorA) {
      swapInputs(result);
      columns = findColumns(result, iterators);
    } else {
      columns = true;
    }
  }
  if (columns) {
    int64_t extent = result.extents[result.vectorDim];
    // Half-empty vectors along the output lose against full ones along the reduction.
    if (ShapedType::isDynamic(extent) || 2 * extent >= lanes)
      return true;
    Contraction dot = result;
    if (!findDot(dot, iterators) || isLarger(lanes, dot.extents[dot.vectorDim]))
      return true;
    result = std::move(dot);
    return true;
  }
  return findDot(result, iterators);
}

static void assignRoles(Contraction &result, ArrayRef<utils::IteratorType> iterators) {
  for (auto [dim, iterator] : llvm::enumerate(iterators)) {
    if (iterator != utils::IteratorType::parallel)
      result.reductionDims.push_back(dim);
    else if (dim == result.vectorDim)
      continue;
    else if (result.a.uses(dim) && !result.b.uses(dim))
      result.rowDims.push_back(dim);
    else if (result.b.uses(dim) && !result.a.uses(dim))
      result.columnDims.push_back(dim);
    else
      result.batchDims.push_back(dim);
  }
  // The innermost row dimension lies closest in A; a larger one replaces it only where it would leave the block mostly
  // empty.
  constexpr int64_t enoughRows = 6;
  for (unsigned dim : llvm::reverse(result.rowDims))
    if (!result.rowDim || (!result.lineDim() && isLarger(enoughRows, result.extents[*result.rowDim]) &&
                           isLarger(result.extents[dim], result.extents[*result.rowDim])))
      result.rowDim = dim;
  // The innermost reduction reads A (and in the dot form B) without gaps.
  auto innermost = llvm::find_if(result.reductionDims, [&](unsigned dim) {
    return result.form == ContractionForm::Dot ? dim == result.vectorDim : result.a.isUnit(dim);
  });
  if (innermost != result.reductionDims.end())
    std::rotate(innermost, innermost + 1, result.reductionDims.end());
}

std::optional<unsigned> Contraction::lineDim() const {
  const auto *at = rowDim ? llvm::find(rowDims, *rowDim) : rowDims.begin();
  if (at == rowDims.begin() || ShapedType::isDynamic(extents[*at]) || ShapedType::isDynamic(extents[*(at - 1)]))
    return std::nullopt;
  return *(at - 1);
}

FailureOr<Contraction> lepton::analyzeContraction(linalg::GenericOp op, int64_t lanes) {
  if (!op.hasPureBufferSemantics() || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() == 0)
    return failure();
  Contraction result;
  FailureOr<MulAddBody> body = matchBody(op.getBody());
  if (failed(body))
    return failure();
  result.body = std::move(*body);
  OperandAccess *accesses[] = {&result.a, &result.b, &result.c};
  for (auto [access, operand, map] : llvm::zip_equal(accesses, op->getOperands(), op.getIndexingMapsArray())) {
    FailureOr<OperandAccess> found = analyzeAccess(operand, map);
    if (failed(found))
      return failure();
    *access = std::move(*found);
  }
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  result.extents = op.getStaticLoopRanges();
  for (auto [dim, iterator] : llvm::enumerate(iterators))
    // A reduction that moved C would need its partial sums in memory; a parallel dimension that does not move C would
    // be a race.
    if ((iterator == utils::IteratorType::parallel) != result.c.uses(dim))
      return failure();
  if (!chooseForm(result, iterators, lanes))
    return failure();
  assignRoles(result, iterators);
  return result;
}
