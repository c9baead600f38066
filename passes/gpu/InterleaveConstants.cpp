//===- InterleaveConstants.cpp - weights lie as a thread's rows read them ----------------------------------------------------===//
//
// Before: constants have the layouts of ONNX: of a filter, the channels that a thread computes together lie far apart.
// After:  where all kernels that read a constant read it by the rows of their tiles, these are its innermost dimension: several are one load.
//
//===--------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace lepton {
#define GEN_PASS_DEF_INTERLEAVECONSTANTS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// The dimension of a kernel's argument that all its loads index by the row loop of their step's tile; nothing where there is none, or another use.
static std::optional<int64_t> rowDimension(BlockArgument argument) {
  std::optional<int64_t> found;
  for (Operation *user : argument.getUsers()) {
    auto load = dyn_cast<memref::LoadOp>(user);
    auto nest = user->getParentOfType<linalg::LinalgOp>();
    auto launch = nest ? nest->getAttrOfType<LaunchAttr>("lepton.launch") : LaunchAttr();
    if (!load || !launch || launch.getRows() == 1)
      return std::nullopt;
    SmallVector<unsigned> parallel;
    nest.getParallelDims(parallel);
    for (auto [d, operand] : llvm::enumerate(load.getIndices())) {
      auto index = operand.getDefiningOp<linalg::IndexOp>();
      if (!index || index.getDim() != parallel[launch.getRowLoop()])
        continue;
      if (found && *found != int64_t(d))
        return std::nullopt;
      found = d;
    }
    if (!found)
      return std::nullopt;
  }
  return found;
}

template <typename T> static void moveToEnd(SmallVectorImpl<T> &list, int64_t place) {
  std::rotate(list.begin() + place, list.begin() + place + 1, list.end());
}

static MemRefType interleaved(MemRefType type, int64_t d) {
  SmallVector<int64_t> shape(type.getShape());
  moveToEnd(shape, d);
  return MemRefType::get(shape, type.getElementType());
}

/// The constant with dimension `d` innermost.
static ElementsAttr interleave(ElementsAttr attribute, int64_t d) {
  auto type = cast<RankedTensorType>(attribute.getType());
  SmallVector<int64_t> shape(type.getShape());
  ConstantBytes bytes = constantBytes(attribute);
  const int64_t size = elementBytes(type.getElementType());
  int64_t outer = 1, inner = 1;
  for (int64_t i = 0; i < type.getRank(); ++i)
    (i < d ? outer : inner) *= i == d ? 1 : shape[i];
  const int64_t rows = shape[d];
  moveToEnd(shape, d);
  auto wanted = RankedTensorType::get(shape, type.getElementType());
  if (bytes.isSplat)
    return DenseElementsAttr::getFromRawBuffer(wanted, bytes.data);
  std::vector<char> moved(bytes.data.size());
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0; i < inner; ++i)
        memcpy(&moved[((o * inner + i) * rows + row) * size], &bytes.data[((o * rows + row) * inner + i) * size], size);
  return makeConstant(wanted, moved);
}

namespace {

/// One of the module's constants, where it is read.
struct Weights {
  lrt::ConstantOp op;
  SmallVector<BlockArgument> arguments; // of kernels
  std::optional<int64_t> dimension;     // that becomes the innermost one
};

struct InterleaveConstants : lepton::impl::InterleaveConstantsBase<InterleaveConstants> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto entry = module.lookupSymbol<func::FuncOp>("lepton_entry");
    auto constants = module->getAttrOfType<ArrayAttr>("lepton.constants");
    auto offsets = module->getAttrOfType<DenseI64ArrayAttr>("lepton.constant_offsets");
    if (!entry || !constants || !offsets)
      return;
    std::vector<Weights> all;
    entry.walk([&](lrt::ConstantOp op) { all.push_back(find(op)); });
    agree(all);
    SmallVector<Attribute> values(constants.getValue());
    llvm::DenseSet<Value> done; // a kernel is called for several constants
    for (Weights &weights : all) {
      if (!weights.dimension)
        continue;
      const int64_t d = *weights.dimension;
      auto place = llvm::find(offsets.asArrayRef(), weights.op.getOffset()) - offsets.asArrayRef().begin();
      values[place] = interleave(cast<ElementsAttr>(values[place]), d);
      weights.op.getResult().setType(interleaved(cast<MemRefType>(weights.op.getType()), d));
      for (BlockArgument argument : weights.arguments)
        if (done.insert(argument).second)
          interleaveArgument(argument, d);
    }
    module->setAttr("lepton.constants", ArrayAttr::get(&getContext(), values));
  }

  Weights find(lrt::ConstantOp op) {
    Weights weights{op, {}, {}};
    auto type = dyn_cast<MemRefType>(op.getType());
    std::optional<int64_t> common;
    for (OpOperand &use : op->getUses()) {
      auto call = dyn_cast<func::CallOp>(use.getOwner());
      auto kernel = call ? getOperation().lookupSymbol<func::FuncOp>(call.getCallee()) : func::FuncOp();
      if (!kernel || !type || !type.hasStaticShape())
        return weights;
      weights.arguments.push_back(kernel.getArgument(use.getOperandNumber()));
      auto dimension = rowDimension(weights.arguments.back());
      if (!dimension || (common && common != dimension))
        return weights;
      common = dimension;
    }
    if (common && *common + 1 < type.getRank())
      weights.dimension = common;
    return weights;
  }

  /// An argument is moved for all its callers or for none, and a constant for all its readers; two views of one constant at its place stay as they are.
  void agree(std::vector<Weights> &all) {
    auto entry = getOperation().lookupSymbol<func::FuncOp>("lepton_entry");
    llvm::DenseSet<Value> fixed;
    llvm::DenseMap<int64_t, int> readers;
    for (Weights &weights : all)
      ++readers[weights.op.getOffset()];
    entry.walk([&](func::CallOp call) {
      auto kernel = getOperation().lookupSymbol<func::FuncOp>(call.getCallee());
      for (auto [operand, argument] : llvm::zip_equal(call.getOperands(), kernel.getArguments()))
        if (!operand.getDefiningOp<lrt::ConstantOp>())
          fixed.insert(argument);
    });
    for (bool isChanging = true; isChanging;) {
      isChanging = false;
      for (Weights &weights : all) {
        auto isFixed = [&](Value argument) { return fixed.contains(argument); };
        if (!weights.dimension || llvm::any_of(weights.arguments, isFixed) || readers[weights.op.getOffset()] > 1) {
          weights.dimension.reset();
          for (BlockArgument argument : weights.arguments)
            isChanging |= fixed.insert(argument).second;
        }
      }
    }
  }

  static void interleaveArgument(BlockArgument argument, int64_t d) {
    auto kernel = cast<func::FuncOp>(argument.getOwner()->getParentOp());
    for (Operation *user : argument.getUsers()) {
      auto load = cast<memref::LoadOp>(user);
      SmallVector<Value> indices(load.getIndices());
      moveToEnd(indices, d);
      load.getIndicesMutable().assign(indices);
    }
    argument.setType(interleaved(cast<MemRefType>(argument.getType()), d));
    kernel.setFunctionType(
        FunctionType::get(kernel.getContext(), kernel.front().getArgumentTypes(), kernel.getResultTypes()));
  }
};

} // namespace
