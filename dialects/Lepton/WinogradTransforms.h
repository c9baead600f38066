//===- WinogradTransforms.h - tiles into minimal filtering's domain and back -----------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_WINOGRADTRANSFORMS_H
#define LEPTON_DIALECTS_WINOGRADTRANSFORMS_H

#include "dialects/Lepton/KernelEmitter.h"
#include "dialects/Lepton/Winograd.h"

namespace lepton {

/// Reads the vector of channels of one pixel or product of a tile; both are numbered row-major.
using ReadOfTile = llvm::function_ref<mlir::Value(int64_t)>;
using WriteOfTile = llvm::function_ref<void(int64_t, mlir::Value)>;

/// B^T d, or B^T d B, of a tile's window. Vectors are read late and written early, so that few are live.
void transformInput(KernelEmitter &e, const WinogradTiling &tiling, ReadOfTile read, WriteOfTile write);

/// A^T m, or A^T m A: the outputs of a tile from its products.
void transformOutput(KernelEmitter &e, const WinogradTiling &tiling, ReadOfTile read, WriteOfTile write);

} // namespace lepton

#endif // LEPTON_DIALECTS_WINOGRADTRANSFORMS_H
