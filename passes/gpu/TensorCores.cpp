//===- TensorCores.cpp - products of warps ------------------------------------------------------------------------------------===//

#include "passes/gpu/TensorCores.h"
#include "passes/gpu/SharedReduction.h"
#include "passes/gpu/Steps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace lepton;

std::optional<Factors> lepton::factorsOf(linalg::LinalgOp op, unsigned rowLoop) {
  auto sum = dyn_cast_or_null<arith::AddFOp>(combinerOf(op));
  if (!sum || !sum.getType().isF32())
    return std::nullopt;
  const bool isFirst = isa<BlockArgument>(sum.getRhs());
  auto product = (isFirst ? sum.getLhs() : sum.getRhs()).getDefiningOp<arith::MulFOp>();
  if (!product)
    return std::nullopt;
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  auto isOfRow = [&](Value value) {
    llvm::SmallBitVector loops = loopsOf(value, op);
    return llvm::all_of(parallel, [&](unsigned loop) { return loops[loop] == (loop == rowLoop); });
  };
  Value l = product.getLhs(), r = product.getRhs();
  if (isOfRow(l) && !loopsOf(r, op)[rowLoop])
    return Factors{l, r};
  if (isOfRow(r) && !loopsOf(l, op)[rowLoop])
    return Factors{r, l};
  return std::nullopt;
}

Value lepton::toTf32(OpBuilder &b, Value number) {
  return NVVM::ConvertFloatToTF32Op::create(b, number.getLoc(), b.getI32Type(), number, NVVM::FPRoundingMode::RNA,
                                            NVVM::SaturationMode::NONE, false);
}

SmallVector<Value> lepton::multiplyAdd(OpBuilder &b, ValueRange rows, ValueRange columns, ValueRange sums) {
  Location loc = rows.front().getLoc();
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(sums.size(), b.getF32Type()));
  Value result = NVVM::MmaOp::create(b, loc, type, rows, columns, sums, {mmaRows, mmaColumns, mmaDepth}, std::nullopt,
                                     std::nullopt, std::array{NVVM::MMATypes::tf32, NVVM::MMATypes::tf32},
                                     std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  SmallVector<Value> next;
  for (int64_t i = 0; i < int64_t(sums.size()); ++i)
    next.push_back(LLVM::ExtractValueOp::create(b, loc, result, i));
  return next;
}
