//===- FactFinder.cpp - reads facts from the IR -------------------------------------------------------------------------------===//

#include "api/FactFinder.h"
#include "dialects/Lepton/Flops.h"
#include "dialects/Lepton/SourceNode.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lepton;

void lepton::findGraphFacts(ModuleOp module, CompileFacts &facts) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  ShapeAnalysis shapes(module.getContext());
  FlopCount flops = countFlops(main.front(), shapes);
  facts.flops = flops.known;
  for (const auto &[op, nodes] : flops.symbolic)
    facts.symbolicFlops[op] = nodes.size();
}

void lepton::findContents(ModuleOp module, CompileFacts &facts) {
  module.lookupSymbol<func::FuncOp>("main").walk([&](Operation *op) {
    if (auto constant = dyn_cast<ConstantOp>(op)) {
      facts.parameters += constant.getType().getNumElements();
      facts.parameterBytes += constant.getType().getNumElements() * elementBytes(constant.getType().getElementType());
    } else if (isa<LeptonDialect>(op->getDialect()) && !isa<YieldOp>(op)) {
      ++facts.ops[op->getName().stripDialect().str()];
    }
  });
}

uint64_t lepton::iterationsAround(Operation *op) {
  uint64_t times = 1;
  for (auto loop = op->getParentOfType<scf::ForOp>(); loop; loop = loop->getParentOfType<scf::ForOp>())
    if (std::optional<APInt> count = loop.getStaticTripCount())
      times = llvm::SaturatingMultiply(times, count->getLimitedValue());
  return times;
}

/// A list or a map has as many elements as the run gives it.
static bool isDynamic(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return !tensor || !tensor.hasStaticShape();
}
static uint64_t bytesOf(Type type) {
  if (isDynamic(type))
    return 0;
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() * elementBytes(tensor.getElementType());
}

void lepton::findKernelFacts(ModuleOp module, CompileFacts &facts) {
  std::map<StringRef, size_t> places; // of kernels
  module.lookupSymbol<func::FuncOp>("main").walk([&](CallOp call) {
    auto [place, isNew] = places.try_emplace(call.getCallee(), facts.kernels.size());
    if (isNew) {
      auto kernel = module.lookupSymbol<func::FuncOp>(call.getCallee());
      ShapeAnalysis shapes(module.getContext());
      FlopCount flops = countFlops(kernel.front(), shapes);
      KernelFacts &found = facts.kernels.emplace_back();
      found.name = call.getCallee().str();
      found.flops = flops.known;
      SmallVector<Type> types(call->getOperandTypes());
      llvm::append_range(types, call->getResultTypes());
      found.isSymbolic = !flops.symbolic.empty() || llvm::any_of(types, isDynamic);
      for (Type type : types)
        found.bytes += bytesOf(type);
      kernel.walk([&](Operation *op) {
        if (!isa<ShapeOpInterface>(op) || isa<ConstantOp>(op))
          return;
        found.ops.push_back(op->getName().stripDialect().str());
        found.nodes.push_back(sourceNode(op->getLoc()).name.str());
      });
    }
    facts.kernels[place->second].calls += iterationsAround(call);
  });
}
