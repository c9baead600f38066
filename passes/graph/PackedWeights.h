//===- PackedWeights.h - weights as micro-kernels read them -----------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_GRAPH_PACKEDWEIGHTS_H
#define LEPTON_PASSES_GRAPH_PACKEDWEIGHTS_H

#include "dialects/Lepton/GraphBuilder.h"

namespace lepton {

/// Packs weights in blocks of output channels; of constants, constant folding does it at compile time.
struct PackedWeights {
  GraphBuilder &g;
  TargetAttr target;
  int64_t panel; // elements in a block; 0: by their number

  /// Columns of a block, of `size` in all: as many vectors, or odd halves of them, as leave the fewest lanes of the last block empty and still let a register block
  /// have enough rows; two where that is no matter. Less than a vector for fewer columns.
  int64_t blockFor(int64_t size) const;

  /// [K, N] -> [ceil(N / block), K, block]
  mlir::Value columns(mlir::Location loc, mlir::Value matrix);

  /// [M, C / group, k..] -> [group, ceil(M / group / block), k.., C / group, block]; `isTransposed`: from [C, M / group, k..]. Few outputs would leave most of a vector
  /// empty: then its lanes are input channels, [1, 1, k.., M, C], and `attributes` get the flag that says so.
  mlir::Value filter(mlir::Location loc, mlir::Value filter, int64_t group, bool isTransposed,
                     llvm::SmallVectorImpl<mlir::NamedAttribute> &attributes);

  /// [C, 1, k..] -> [k.., C]
  mlir::Value depthwise(mlir::Location loc, mlir::Value filter);
};

} // namespace lepton

#endif // LEPTON_PASSES_GRAPH_PACKEDWEIGHTS_H
