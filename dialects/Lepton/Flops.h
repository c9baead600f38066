//===- Flops.h - how much arithmetic a graph takes ------------------------------------------------------*- C++ -*-===//
//
// Counted are floating-point operations as papers on networks count them: a multiply-add is two, any other function of an element is one, moving
// data is none. A convolution counts as the direct one, whatever the algorithm. The products of quantized contractions count like those of floats.
//
//===--------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_DIALECTS_FLOPS_H
#define LEPTON_DIALECTS_FLOPS_H

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/SourceNode.h"

#include <map>
#include <set>
#include <string>

namespace lepton {

/// Operations of a run.
struct FlopCount {
  uint64_t known = 0;                                    ///< of the ops whose sizes are known
  std::map<std::string, std::set<std::string>> symbolic; ///< the other ops: operator of the model -> names of its nodes
};

/// Of one op, without those of its regions, as an expression of sizes.
mlir::AffineExpr flopsOf(mlir::Operation *op, ShapeAnalysis &shapes);

/// Of a block with all that it holds. A loop counts all its iterations, a branch as the larger of the two.
FlopCount countFlops(mlir::Block &block, ShapeAnalysis &shapes);

} // namespace lepton

#endif // LEPTON_DIALECTS_FLOPS_H
