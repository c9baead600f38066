//===- TileEmitter.h - tiles of contractions --------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_TILEEMITTER_H
#define LEPTON_DIALECTS_TILEEMITTER_H

#include "dialects/Lepton/KernelEmitter.h"

namespace lepton {

/// Rows of a tile of a matrix product, or pixels of one of a convolution, where the kernel's `lepton.tile_rows` says nothing else: enough to reuse a block of the
/// right operand or the filter from the first-level cache, few enough that the accumulators stay there too.
constexpr int64_t standardTileRows = 64;

/// Rows of an image shorter than this leave most of a register block empty: a tile takes several of them.
constexpr int64_t shortRow = 32;

/// What the kernel that is being emitted says.
int64_t tileRows(KernelEmitter &e);

/// The element type of a product of such operands, and the type in which it is summed.
mlir::Type contractionResultType(mlir::OpBuilder &b, mlir::Type elementType);
mlir::Type sumType(mlir::OpBuilder &b, mlir::Type elementType);

/// The largest divisor of `count` that is at most `most`, at least 1.
int64_t largestDivisor(int64_t count, int64_t most);

/// The size of a tile of at most `target`: a divisor of a static size where one is near.
int64_t pickTile(mlir::AffineExpr size, int64_t target);

/// The number of tiles of `tile` that cover `size`.
inline mlir::AffineExpr tileCount(mlir::AffineExpr size, int64_t tile) { return (size + (tile - 1)).floorDiv(tile); }

/// Offset and size of tile number `iv` along a dimension.
std::pair<mlir::Value, mlir::OpFoldResult> tileRange(KernelEmitter &e, mlir::Value iv, mlir::AffineExpr size,
                                                     int64_t tile);

/// acc += lhs * rhs as a linalg.generic; maps in the order lhs, rhs, acc.
mlir::Value contract(KernelEmitter &e, mlir::Value lhs, mlir::Value rhs, mlir::Value acc,
                     llvm::ArrayRef<mlir::AffineMap> maps, int64_t parallel, mlir::Type lhsElement,
                     mlir::Type rhsElement);

/// A part of a tensor, without the dimensions (of size 1) that are to be dropped. No strides: all 1.
mlir::Value slice(KernelEmitter &e, mlir::Value tensor, llvm::ArrayRef<mlir::OpFoldResult> offsets,
                  llvm::ArrayRef<mlir::OpFoldResult> sizes, llvm::ArrayRef<bool> drop,
                  llvm::ArrayRef<mlir::OpFoldResult> strides = {});

/// The last two dimensions (for a vector: one, with the other of size 1) of an operand of a product at a position of the product's batch.
mlir::Value batchMatrix(KernelEmitter &e, mlir::Value operand, llvm::ArrayRef<mlir::AffineExpr> batchSizes,
                        mlir::ValueRange position, std::pair<mlir::Value, mlir::OpFoldResult> rows,
                        std::pair<mlir::Value, mlir::OpFoldResult> columns, bool isVector);

/// A zeroed accumulator of a static capacity, cut to the tile's size.
mlir::Value accumulatorTile(KernelEmitter &e, mlir::Type type, llvm::ArrayRef<int64_t> capacity,
                            llvm::ArrayRef<mlir::OpFoldResult> sizes);

/// The element of a contraction's result from its accumulator.
mlir::Value fromAccumulator(KernelEmitter &e, mlir::Value acc, mlir::ValueRange indices, mlir::Value result);

/// The input that a row of `count` windows spans, of which one spans `reach`.
mlir::OpFoldResult reachOf(KernelEmitter &e, mlir::OpFoldResult count, int64_t stride, mlir::Value reach);

/// Writes the sums of a tile, pixels of the last dimensions by channels, to their place in a channels-last image: at
/// `start`, `sizes` elements that are `steps` apart (next to each other when there are none).
KernelEmitter::Part writeTile(KernelEmitter &e, mlir::Value result, mlir::Value destination, mlir::Value sums,
                              mlir::ValueRange start, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                              llvm::ArrayRef<int64_t> steps = {});

} // namespace lepton

#endif // LEPTON_DIALECTS_TILEEMITTER_H
