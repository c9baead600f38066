//===- TensorCores.cpp - products of warps ------------------------------------------------------------------------------------===//

#include "passes/gpu/TensorCores.h"
#include "passes/gpu/IndexMath.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace lepton;

static constexpr int64_t depthBytes = 32, matrixSide = 8; // of an instruction; lines of what ldmatrix loads

int64_t lepton::mmaDepth(Type element) { return depthBytes / elementBytes(element); }

static SmallVector<Value> membersOf(OpBuilder &b, Value structure, int64_t count) {
  SmallVector<Value> members;
  for (int64_t i = 0; i < count; ++i)
    members.push_back(LLVM::ExtractValueOp::create(b, structure.getLoc(), structure, i));
  return members;
}

namespace {

/// Places of a fragment, for one thread.
struct FragmentLoader : IndexMath {
  SharedTile &tile;
  Value lane, stage, line;
  int64_t depth;

  /// Four matrices of 8 lines of 16 bytes, each thread naming one of the lines: 16 lines by 32 bytes of depth, where the lines lie along the depth or, of two bytes, across it.
  SmallVector<Value> loadMatrices() {
    const int64_t half = depthBytes / 2 / elementBytes(tile.elementType());
    Value within = rest(lane, matrixSide), lineHalf = rest(over(lane, matrixSide), 2), depthHalf = over(lane, 16);
    Value lines = times(lineHalf, matrixSide), depths = add(times(depthHalf, half), depth);
    Value address = tile.isAlongDepth() ? tile.addressOf(stage, add(line, add(lines, within)), depths)
                                        : tile.addressOf(stage, add(line, lines), add(depths, within));
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, b.getI32Type()));
    auto layout = tile.isAlongDepth() ? NVVM::MMALayout::row : NVVM::MMALayout::col;
    Value loaded = NVVM::LdMatrixOp::create(
        b, loc, type, address, b.getI32IntegerAttr(4), NVVM::MMALayoutAttr::get(b.getContext(), layout),
        NVVM::LdStMatrixShapeAttr::get(b.getContext(), matrixSide, matrixSide),
        NVVM::LdStMatrixEltTypeAttr::get(b.getContext(), NVVM::LdStMatrixEltType::B16));
    return membersOf(b, loaded, 4);
  }

  /// The same of four bytes across the depth, number by number.
  SmallVector<Value> loadNumbers() {
    SmallVector<Value> words;
    for (int64_t word = 0; word < 4; ++word) {
      Value lines = add(line, add(over(lane, 4), word % 2 * matrixSide)),
            depths = add(rest(lane, 4), depth + word / 2 * 4);
      words.push_back(LLVM::LoadOp::create(b, loc, b.getI32Type(), tile.addressOf(stage, lines, depths), 4));
    }
    return words;
  }
};

} // namespace

SmallVector<Value> lepton::loadFragment(SharedTile &tile, OpBuilder &b, Value lane, Value stage, Value line,
                                        int64_t depth) {
  const bool isTf32 = tile.elementType().isF32();
  FragmentLoader loader{{b, lane.getLoc()}, tile, lane, stage, line, depth};
  SmallVector<Value> words = isTf32 && !tile.isAlongDepth() ? loader.loadNumbers() : loader.loadMatrices();
  for (Value &word : words)
    if (isTf32) {
      Value number = LLVM::BitcastOp::create(b, lane.getLoc(), b.getF32Type(), word);
      word = NVVM::ConvertFloatToTF32Op::create(b, lane.getLoc(), b.getI32Type(), number, NVVM::FPRoundingMode::RNA,
                                                NVVM::SaturationMode::NONE, false);
    } else if (tile.elementType().isF16()) { // what the instruction takes; bfloat16 stays words
      word = LLVM::BitcastOp::create(b, lane.getLoc(), VectorType::get(2, b.getF16Type()), word);
    }
  return words;
}

SmallVector<Value> lepton::multiplyAdd(OpBuilder &b, FloatType multiplicand, ValueRange rows, ValueRange columns,
                                       ValueRange sums) {
  const auto kind = multiplicand.isF16()    ? NVVM::MMATypes::f16
                    : multiplicand.isBF16() ? NVVM::MMATypes::bf16
                                            : NVVM::MMATypes::tf32;
  const int64_t depth = kind == NVVM::MMATypes::tf32 ? 8 : 16;
  Location loc = rows.front().getLoc();
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(sums.size(), b.getF32Type()));
  Value result =
      NVVM::MmaOp::create(b, loc, type, rows, columns, sums, {mmaRows, mmaColumns, depth}, std::nullopt, std::nullopt,
                          std::array{kind, kind}, std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  return membersOf(b, result, sums.size());
}
