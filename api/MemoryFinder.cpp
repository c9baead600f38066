//===- MemoryFinder.cpp - where buffers lie, and when they live ----------------------------------------------------------===//

#include "api/FactFinder.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace lepton;

/// What a step of the entry function does: the kernel that it calls, or its op, which may hold several calls; nothing where it only views or reads memory.
static std::string stepName(Operation &op) {
  if (auto call = dyn_cast<func::CallOp>(op))
    return call.getCallee().str();
  const bool isStep =
      op.getNumRegions() > 0 || isa<memref::CopyOp>(op) ||
      (isa<lrt::RuntimeDialect>(op.getDialect()) && op.getNumResults() == 0 && !isa<lrt::DeallocOp>(op));
  return isStep ? op.getName().stripDialect().str() : "";
}

void lepton::findMemoryPlan(ModuleOp module, MemoryPlan &plan) {
  auto entry = module.lookupSymbol<func::FuncOp>("lepton_entry");
  llvm::DenseMap<Operation *, size_t> stepOf; // of each op of the entry: its step, or the one before it
  for (Operation &op : entry.front()) {
    if (std::string name = stepName(op); !name.empty())
      plan.steps.push_back(name);
    stepOf[&op] = std::max<size_t>(plan.steps.size(), 1) - 1;
  }
  auto stepAround = [&](Operation *op) { return stepOf[entry.front().findAncestorOpInBlock(*op)]; };
  BufferViewFlowAnalysis views(entry);
  entry.walk([&](lrt::ArenaOp op) {
    const auto type = cast<MemRefType>(op.getType());
    const int64_t bytes = type.getNumElements() * elementBytes(type.getElementType());
    size_t first = plan.steps.size(), last = 0;
    for (Value alias : views.resolve(op.getResult()))
      for (Operation *user : alias.getUsers())
        if (!isa<ViewLikeOpInterface>(user)) {
          first = std::min(first, stepAround(user));
          last = std::max(last, stepAround(user));
        }
    if (first <= last)
      plan.buffers.push_back({uint64_t(op.getOffset()), uint64_t(bytes), first, last});
  });
  entry.walk([&](lrt::AllocOp) { ++plan.pooled; });
}
