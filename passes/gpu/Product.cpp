//===- Product.cpp - reductions that are matrix products --------------------------------------------------------------------===//

#include "passes/gpu/Product.h"
#include "passes/gpu/SharedReduction.h"
#include "passes/gpu/Steps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lepton;

std::optional<Product> lepton::productOf(linalg::LinalgOp op) {
  auto sum = dyn_cast_or_null<arith::AddFOp>(combinerOf(op));
  if (!sum || !sum.getType().isF32() || ShapedType::isDynamicShape(op.getStaticLoopRanges()))
    return std::nullopt;
  const bool isFirst = isa<BlockArgument>(sum.getRhs());
  auto product = (isFirst ? sum.getLhs() : sum.getRhs()).getDefiningOp<arith::MulFOp>();
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  if (!product || parallel.empty())
    return std::nullopt;
  Product found{{product.getLhs(), {}}, {product.getRhs(), {}}, {}};
  if (!loopsOf(found.columns.factor, op)[parallel.back()])
    std::swap(found.rows, found.columns);
  const llvm::SmallBitVector ofRows = loopsOf(found.rows.factor, op), ofColumns = loopsOf(found.columns.factor, op);
  for (unsigned loop : parallel) {
    const bool isOfBatch = ofRows[loop] == ofColumns[loop];
    (isOfBatch ? found.batch : ofRows[loop] ? found.rows.loops : found.columns.loops).push_back(loop);
  }
  if (found.rows.loops.empty() || found.columns.loops.empty() || ofRows[parallel.back()])
    return std::nullopt;
  return found;
}

int64_t lepton::iterationsOf(linalg::LinalgOp op, ArrayRef<int64_t> loops) {
  const SmallVector<int64_t> extents = op.getStaticLoopRanges();
  int64_t count = 1;
  for (int64_t loop : loops)
    count *= extents[loop];
  return count;
}

/// The factor before it was widened to float32.
static Value beforeWidening(Value factor) {
  auto wide = factor.getDefiningOp<arith::ExtFOp>();
  return wide ? wide.getIn() : factor;
}

/// The same where there is a factor, or zero.
static arith::SelectOp orZeroOf(Value factor) {
  auto select = factor.getDefiningOp<arith::SelectOp>();
  return select && matchPattern(select.getFalseValue(), m_PosZeroFloat()) ? select : arith::SelectOp();
}

static Type narrowType(Value factor) {
  auto select = orZeroOf(factor);
  return beforeWidening(select ? select.getTrueValue() : factor).getType();
}

FloatType lepton::multiplicandOf(linalg::LinalgOp op, const Product &product) {
  Type rows = narrowType(product.rows.factor), columns = narrowType(product.columns.factor);
  if (rows == columns && (rows.isF16() || rows.isBF16()))
    return cast<FloatType>(rows);
  auto precision = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>("lepton.precision");
  Builder b(op.getContext());
  return !precision            ? FloatType()
         : precision == "tf32" ? FloatType(b.getTF32Type())
         : precision == "fp16" ? FloatType(b.getF16Type())
                               : FloatType(b.getBF16Type());
}

std::optional<PlainRead> lepton::plainReadOf(Value factor) {
  factor = beforeWidening(factor);
  PlainRead read;
  if (auto select = orZeroOf(factor)) {
    read.condition = select.getCondition();
    factor = select.getTrueValue();
  }
  read.load = beforeWidening(factor).getDefiningOp<memref::LoadOp>();
  if (!read.load || !read.load.getMemRefType().getLayout().isIdentity() ||
      !read.load.getMemRefType().hasStaticShape() || read.load.getIndices().empty() ||
      baseOf(read.load.getMemRef()).getDefiningOp<memref::GetGlobalOp>())
    return std::nullopt;
  return read;
}
