//===- ConvAlgorithm.h - the ways to compute a convolution ------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_GRAPH_CONVALGORITHM_H
#define LEPTON_PASSES_GRAPH_CONVALGORITHM_H

#include "passes/graph/WinogradConvolution.h"

namespace lepton {

struct ConvAlgorithm {
  enum Kind {
    rows,    ///< of a filter of size 1: a matrix product, whose rows are the pixels
    direct,  ///< a product for each tap, on blocks of the image
    winograd ///< minimal filtering
  } kind;
  WinogradForm form = {}; ///< of minimal filtering

  /// `rows`, `direct`, `winograd_4`, `winograd_4_inside`: what a tuning database holds.
  std::string text() const;
};

/// A convolution to be computed, and what decides how.
class ConvLayer {
public:
  /// `before` and `after`: the ops that share a kernel with the convolution if it keeps the rows of an image, which a matrix product does not; or null.
  ConvLayer(ConvOp op, mlir::Operation *before, mlir::Operation *after, TargetAttr target);

  /// At least one, the default first. Of convolutions in groups there is no more.
  llvm::ArrayRef<ConvAlgorithm> algorithms() const { return all; }
  /// What `lepton.tuned` of the module says, else the default.
  ConvAlgorithm chosen();
  /// For the search, a dictionary: hash, name, nodes (those that the choice is to be judged by), chosen, candidates.
  mlir::DictionaryAttr description();

private:
  std::string hash();

  ConvOp op;
  llvm::SmallVector<mlir::Operation *> neighbours; // before and after
  llvm::SmallVector<ConvAlgorithm> all;
};

} // namespace lepton

#endif // LEPTON_PASSES_GRAPH_CONVALGORITHM_H
