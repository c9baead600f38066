//===- FormKernels.cpp - groups ops into kernels and outlines them -----------------------------------------------------===//
//
// Before: lepton ops in the entry function (and in the regions of its branches and loops).
// After:  lepton.call of private functions marked `lepton.kernel` that hold the ops; equal groups share one function.
//
// Groups grow from consumers to producers. A group computes one value, its root's; every other op in it is used by the group alone.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/Flops.h"
#include "passes/Passes.h"
#include "passes/kernel/CheckSizes.h"
#include "passes/kernel/KernelGroups.h"
#include "passes/kernel/LowerViews.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

namespace lepton {
#define GEN_PASS_DEF_FORMKERNELS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// Integer constants up to this many elements are part of the kernel: axes, bounds, pads and the like.
static constexpr int64_t largestKernelConstant = 64;

static bool belongsIntoKernel(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  if (!constant)
    return false;
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  return dense && (dense.isSplat() ||
                   (isa<IntegerType>(dense.getElementType()) && dense.getNumElements() <= largestKernelConstant));
}

namespace {

struct FormKernels : lepton::impl::FormKernelsBase<FormKernels> {
  using FormKernelsBase::FormKernelsBase;

  void runOnOperation() override {
    auto entry = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!entry)
      return;
    ShapeAnalysis analysis(&getContext());
    shapes = &analysis;
    analysis.resolve = [&](Value value) {
      while (Value next = replaced.lookup(value))
        value = next;
      return value;
    };
    SmallVector<Block *> blocks;
    entry.walk([&](Operation *op) {
      for (Value result : op->getResults())
        if (isa<RankedTensorType>(result.getType()))
          analysis.shape(result);
      for (Region &region : op->getRegions())
        for (Block &block : region)
          blocks.push_back(&block);
    });
    // Before anything changes every shape is known. Then views go first: the shape arithmetic that only they read must not become kernels.
    checkSizes(entry, analysis, readOps(entry));
    sizeLoops(entry);
    lowerViews(entry, analysis, replaced);
    symbols.emplace(getOperation());
    const ReadOps reads = readOps(entry);
    for (Block *block : blocks)
      for (KernelGroup &group : groupOps(*block, analysis, fuse, reads))
        outline(entry, group);
    // Only now: the analysis and `replaced` know values by their address, which a new op could take over from an erased one.
    IRRewriter rewriter(&getContext());
    (void)runRegionDCE(rewriter, entry->getRegions());
    bodies.clear();
    replaced.clear();
    symbols.reset();
  }

private:
  ShapeAnalysis *shapes = nullptr;
  std::optional<SymbolTable> symbols;
  llvm::StringMap<func::FuncOp> bodies; // text of a kernel -> the kernel
  llvm::DenseMap<Value, Value> replaced;

  /// An op is read by ops that are read themselves, or by the sizes of their results, which are computed from values.
  ReadOps readOps(func::FuncOp entry) {
    ReadOps reads;
    SmallVector<Operation *> pending;
    entry.walk([&](Operation *op) {
      if (op->getNumRegions() || !wouldOpBeTriviallyDead(op))
        pending.push_back(op);
      else
        reads.unread.insert(op);
    });
    auto read = [&](Value value) {
      if (Operation *source = value.getDefiningOp(); source && reads.unread.erase(source))
        pending.push_back(source);
    };
    while (!pending.empty()) {
      Operation *op = pending.pop_back_val();
      llvm::for_each(op->getOperands(), read);
      if (auto element = dyn_cast<tensor::ExtractOp>(op)) // of a condition on sizes
        if (Operation *source = element.getTensor().getDefiningOp())
          reads.readBySizes.insert(source);
      SmallVector<Value> sources;
      for (Value result : op->getResults())
        if (isa<RankedTensorType>(result.getType()))
          for (AffineExpr size : llvm::to_vector(shapes->shape(result)))
            shapes->collectSources(size, sources);
      for (Value source : sources)
        if (source.getDefiningOp()) {
          reads.readBySizes.insert(source.getDefiningOp());
          read(source);
        }
    }
    return reads;
  }

  /// What loops collect has memory before they run, so the sizes of its slices are computed there.
  void sizeLoops(func::FuncOp entry) {
    entry.walk([&](LoopOp loop) {
      OpBuilder b(loop);
      SmallVector<Value> sizes;
      for (Value slice : loop.getBody().front().getTerminator()->getOperands().drop_front(1 + loop.getInits().size()))
        for (auto [size, extent] : llvm::zip_equal(cast<RankedTensorType>(slice.getType()).getShape(),
                                                   llvm::to_vector(shapes->shape(slice)))) {
          if (!ShapedType::isDynamic(size))
            continue;
          if (!shapes->isDefinedOutside(extent, loop))
            return; // reported where the loop is lowered
          sizes.push_back(shapes->materialize(b, loop.getLoc(), extent));
        }
      loop.getSizesMutable().assign(sizes);
    });
  }

  /// Of the op that most of a group's arithmetic is from: so that what is said of a kernel names the convolution, and not the addition that is fused with it.
  Location mainLocation(const KernelGroup &group) {
    Location loc = group.root()->getLoc();
    int64_t most = 0;
    for (Operation *op : group.ops)
      if (auto flops = ShapeAnalysis::constantValue(flopsOf(op, *shapes)); flops && *flops > most) {
        most = *flops;
        loc = op->getLoc();
      }
    return loc;
  }

  void outline(func::FuncOp entry, KernelGroup &group) {
    llvm::SetVector<Value> inputs, constants;
    Operation *root = group.root();
    auto insert = dyn_cast<InsertOp>(root);
    for (Operation *op : group.ops)
      for (Value operand : op->getOperands().take_front(op == insert ? 1 : op->getNumOperands()))
        if (!llvm::is_contained(group.ops, operand.getDefiningOp()))
          (belongsIntoKernel(operand) ? constants : inputs).insert(operand);
    SmallVector<Value> actual = inputs.takeVector();
    if (insert) // what is written comes last, and before that where the kernel reads other parts of it
      actual.push_back(insert.getWhole());
    func::FuncOp kernel = buildKernel(group, actual, constants.getArrayRef());
    std::string text = bodyText(kernel);
    if (auto it = bodies.find(text); it != bodies.end()) {
      kernel.erase();
      kernel = it->second;
    } else {
      kernel.setName(kernelName(group));
      symbols->insert(kernel, entry->getIterator());
      bodies[text] = kernel;
    }
    tell(group, kernel);
    OpBuilder b(root);
    SmallVector<Value> dims;
    for (Value result : root->getResults())
      for (auto [size, extent] :
           llvm::zip_equal(cast<RankedTensorType>(result.getType()).getShape(), llvm::to_vector(shapes->shape(result))))
        if (ShapedType::isDynamic(size))
          dims.push_back(shapes->materialize(b, root->getLoc(), extent));
    auto call = CallOp::create(b, mainLocation(group), root->getResultTypes(), kernel.getName(), actual, dims,
                               insert ? insert.getOffsetsAttr() : DenseI64ArrayAttr());
    for (auto [before, after] : llvm::zip_equal(root->getResults(), call.getResults())) {
      shapes->setShape(after, llvm::to_vector(shapes->shape(before)));
      replaced[before] = after;
      before.replaceAllUsesWith(after);
    }
  }

  void tell(const KernelGroup &group, func::FuncOp kernel) {
    if (group.ops.size() < 2)
      return;
    auto opts = remark::RemarkOpts::name("fused").category(getName()).function(kernel.getName());
    if (auto told = remark::passed(group.root()->getLoc(), opts)) {
      std::string ops;
      for (Operation *op : group.ops)
        ops += (ops.empty() ? "" : ", ") + op->getName().stripDialect().str();
      told << "one pass over memory computes " + ops;
    }
  }

  func::FuncOp buildKernel(KernelGroup &group, ArrayRef<Value> inputs, ArrayRef<Value> constants) {
    Operation *root = group.root();
    MLIRContext *context = &getContext();
    auto type = FunctionType::get(context, TypeRange(ValueRange(inputs)), root->getResultTypes());
    auto kernel = func::FuncOp::create(root->getLoc(), "kernel", type);
    kernel.setPrivate();
    kernel->setAttr("lepton.kernel", UnitAttr::get(context));
    Block *body = kernel.addEntryBlock();
    OpBuilder b = OpBuilder::atBlockEnd(body);
    IRMapping mapping;
    llvm::DenseMap<AffineExpr, unsigned> names;
    for (auto [i, input] : llvm::enumerate(inputs)) {
      if (!mapping.contains(input))
        mapping.map(input, body->getArgument(i));
      kernel.setArgAttr(i, "lepton.dims", dimNames(input, names));
    }
    for (Value constant : constants)
      mapping.map(constant, b.clone(*constant.getDefiningOp())->getResult(0));
    for (Operation *op : group.ops)
      if (auto insert = dyn_cast<InsertOp>(b.clone(*op, mapping))) { // where, the call says
        insert.getWholeMutable().assign(body->getArguments().back());
        insert.setOffsets(SmallVector<int64_t>(insert.getOffsets().size(), 0));
      }
    SmallVector<Value> results;
    for (Value result : root->getResults())
      results.push_back(mapping.lookup(result));
    func::ReturnOp::create(b, root->getLoc(), results);
    return kernel;
  }

  /// One name per dynamic dimension, equal where the sizes are: numbered by appearance, so that equal kernels look equal.
  ArrayAttr dimNames(Value value, llvm::DenseMap<AffineExpr, unsigned> &names) {
    Builder b(&getContext());
    SmallVector<Attribute> result;
    for (auto [size, extent] :
         llvm::zip_equal(cast<RankedTensorType>(value.getType()).getShape(), llvm::to_vector(shapes->shape(value)))) {
      std::string name = ShapedType::isDynamic(size)
                             ? "d" + std::to_string(names.try_emplace(extent, names.size()).first->second)
                             : "";
      result.push_back(b.getStringAttr(name));
    }
    return b.getArrayAttr(result);
  }

  static std::string bodyText(func::FuncOp kernel) {
    std::string text;
    llvm::raw_string_ostream os(text);
    OpPrintingFlags flags;
    flags.printGenericOpForm().elideLargeElementsAttrs(1 << 20);
    kernel.print(os, flags);
    return text;
  }
};

} // namespace
