//===- WinogradTransforms.h - tiles into minimal filtering's domain and back -----------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_WINOGRADTRANSFORMS_H
#define LEPTON_DIALECTS_WINOGRADTRANSFORMS_H

#include "dialects/Lepton/KernelEmitter.h"
#include "dialects/Lepton/Winograd.h"

namespace lepton {

/// B^T d, or B^T d B, of a tile's window: a vector of channels per pixel, row-major.
llvm::SmallVector<mlir::Value> transformInput(KernelEmitter &e, const WinogradTiling &tiling,
                                              llvm::ArrayRef<mlir::Value> window);

/// A^T m, or A^T m A: the outputs of a tile from its products.
llvm::SmallVector<mlir::Value> transformOutput(KernelEmitter &e, const WinogradTiling &tiling,
                                               llvm::ArrayRef<mlir::Value> products);

} // namespace lepton

#endif // LEPTON_DIALECTS_WINOGRADTRANSFORMS_H
