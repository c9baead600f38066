//===- Flops.cpp - how much arithmetic a graph takes --------------------------------------------------------------------===//

#include "dialects/Lepton/Flops.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lepton;

// Operations per element: softmax takes the maximum, subtracts it, and takes exponentials, sum and quotient; a normalisation sums twice, subtracts,
// squares, and scales.
static constexpr int64_t perSoftmaxElement = 5, perNormalizedElement = 6;

AffineExpr lepton::flopsOf(Operation *op, ShapeAnalysis &shapes) {
  auto elements = [&](Value value) { return shapes.product(shapes.shape(value)); };
  // Multiply-adds: one for each element of `value` and of dimensions `first` to `last` of the filter.
  auto products = [&](Value value, Value filter, size_t first, size_t last) {
    return elements(value) * shapes.product(ArrayRef(shapes.shape(filter)).slice(first, last - first)) * 2;
  };
  return llvm::TypeSwitch<Operation *, AffineExpr>(op)
      .Case([&](MatMulOp matmul) { return elements(matmul.getResult()) * shapes.shape(matmul.getLhs()).back() * 2; })
      .Case([&](PackedMatMulOp matmul) { return products(matmul.getResult(), matmul.getRhs(), 1, 2); })
      .Case([&](ConvOp conv) {
        return products(conv.getResult(), conv.getFilter(), 1, conv.getFilter().getType().getRank());
      })
      .Case([&](PackedConvOp conv) {
        auto channels = ArrayRef(shapes.shape(conv.getFilter())).drop_front(conv.getFilter().getType().getRank() - 2);
        return products(conv.getResult(), conv.getFilter(), 2, conv.getFilter().getType().getRank() - 2) *
               channels[conv.getChannelsInner() ? 1 : 0];
      })
      .Case([&](PackedConvTransposeOp conv) { // of the taps, each result meets one in `stride`
        return products(conv.getResult(), conv.getFilter(), 2, conv.getFilter().getType().getRank() - 1)
            .floorDiv(llvm::product_of(conv.getStrides()));
      })
      .Case([&](DepthwiseConvOp conv) {
        return products(conv.getResult(), conv.getFilter(), 0, conv.getFilter().getType().getRank() - 1);
      })
      .Case([&](WinogradConvOp conv) { // as the direct convolution that it stands for
        const int64_t taps =
            conv.getKernel().size() == 2 ? conv.getKernel()[0] * conv.getKernel()[1] : conv.getKernel()[0];
        return elements(conv.getResult()) * shapes.dim(conv.getFilter(), 3) * (2 * taps);
      })
      .Case([&](ConvTransposeOp conv) {
        return products(conv.getInput(), conv.getFilter(), 1, conv.getFilter().getType().getRank());
      })
      .Case([&](PoolOp pool) {
        int64_t window = 1;
        for (int64_t size : pool.getKernel())
          window *= size;
        return elements(pool.getResult()) * window;
      })
      .Case([&](ReduceOp reduce) { return elements(reduce.getInput()); })
      .Case([&](ArgReduceOp reduce) { return elements(reduce.getInput()); })
      .Case([&](CumulateOp sum) { return elements(sum.getResult()); })
      .Case([&](SoftmaxOp softmax) { return elements(softmax.getResult()) * perSoftmaxElement; })
      .Case([&](NormalizeOp normalize) { return elements(normalize.getResult()) * perNormalizedElement; })
      .Case<CastOp, WhereOp>([&](Operation *) { return shapes.constant(0); })
      .Default([&](Operation *op) {
        bool computes = isa<ElementwiseOpInterface>(op) && isa<FloatType>(elementTypeOf(op->getResult(0)));
        return computes ? elements(op->getResult(0)) : shapes.constant(0);
      });
}

/// Adds the operations of a region that runs `times` times; where that is unknown they are all symbolic.
static void add(FlopCount &count, const FlopCount &inner, std::optional<int64_t> times, StringRef type,
                StringRef name) {
  if (times)
    count.known = llvm::SaturatingAdd(count.known, llvm::SaturatingMultiply<uint64_t>(inner.known, *times));
  else if (inner.known)
    count.symbolic[type.str()].insert(name.str());
  for (const auto &[type, names] : inner.symbolic)
    count.symbolic[type].insert(names.begin(), names.end());
}

/// Whether it is computed at compile time.
static bool isConstant(Operation &op) {
  return llvm::all_of(op.getOperands(), [](Value value) { return bool(value.getDefiningOp<ConstantOp>()); });
}

FlopCount lepton::countFlops(Block &block, ShapeAnalysis &shapes) {
  FlopCount count;
  for (Operation &op : block) {
    SourceNode node = sourceNode(op.getLoc());
    StringRef type = node.type.empty() ? op.getName().stripDialect() : node.type;
    if (auto loop = dyn_cast<LoopOp>(op)) {
      auto times = loop.getTripCount() ? ShapeAnalysis::constantValue(shapes.element(loop.getTripCount(), 0))
                                       : std::optional<int64_t>();
      add(count, countFlops(loop.getBody().front(), shapes), times, type, node.name);
    } else if (auto branch = dyn_cast<IfOp>(op)) {
      FlopCount first = countFlops(branch.getThenRegion().front(), shapes),
                second = countFlops(branch.getElseRegion().front(), shapes);
      auto size = [](const FlopCount &count) { return std::make_pair(count.symbolic.size(), count.known); };
      add(count, size(first) < size(second) ? second : first, 1, type, node.name);
    } else if (isa<ShapeOpInterface>(op) && !isConstant(op)) {
      AffineExpr flops = flopsOf(&op, shapes);
      if (auto value = ShapeAnalysis::constantValue(flops))
        count.known = llvm::SaturatingAdd<uint64_t>(count.known, std::max<int64_t>(*value, 0));
      else
        count.symbolic[type.str()].insert(node.name.str());
    }
  }
  return count;
}
