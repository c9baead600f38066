//===- MemoryFinder.cpp - where buffers lie, and when they live ----------------------------------------------------------===//

#include "api/FactFinder.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace lepton;

/// What a step of the entry function does: the kernel that it calls, or its op, which may hold several calls; nothing where it only views memory.
static std::string stepName(Operation &op) {
  if (auto call = dyn_cast<func::CallOp>(op))
    return call.getCallee().str();
  const bool isStep = op.getNumRegions() > 0 || isa<memref::CopyOp>(op) ||
                      (isa<lrt::RuntimeDialect>(op.getDialect()) && op.getNumResults() == 0);
  return isStep ? op.getName().stripDialect().str() : "";
}

void lepton::findMemoryPlan(ModuleOp module, MemoryPlan &plan) {
  auto entry = module.lookupSymbol<func::FuncOp>("lepton_entry");
  llvm::DenseMap<Operation *, size_t> stepOf; // of each op of the entry: the steps in front of it
  for (Operation &op : entry.front()) {
    stepOf[&op] = plan.steps.size();
    if (std::string name = stepName(op); !name.empty())
      plan.steps.push_back(name);
  }
  auto stepAround = [&](Operation *op) {
    return std::min(stepOf[entry.front().findAncestorOpInBlock(*op)], plan.steps.size() - 1);
  };
  BufferViewFlowAnalysis views(entry);
  entry.walk([&](lrt::ArenaOp op) {
    const auto type = cast<MemRefType>(op.getType());
    const int64_t bytes = type.getNumElements() * elementBytes(type.getElementType());
    BufferFacts &buffer = plan.buffers.emplace_back();
    buffer = {uint64_t(op.getOffset()), uint64_t(bytes), stepAround(op), stepAround(op)};
    for (Value alias : views.resolve(op.getResult()))
      for (Operation *user : alias.getUsers())
        buffer.last = std::max(buffer.last, stepAround(user));
  });
  entry.walk([&](lrt::AllocOp) { ++plan.pooled; });
}
