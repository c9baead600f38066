//===- DecomposeConvTranspose.cpp - transposed convolutions become dense ones ---------------------------------------------===//
//
// Before: lepton.conv_transpose, result[o] = sum over i, k with stride * i + k = o + pad of input[i] * filter[k].
// After:  with o + pad = stride * q + p and k = p + stride * j: a convolution over q with taps j that has one group of output channels per phase p, then
//         depth_to_space, then a slice of what the padding cuts off.
//
//===----------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/GraphBuilder.h"
#include "passes/Passes.h"

namespace lepton {
#define GEN_PASS_DEF_DECOMPOSECONVTRANSPOSE
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

namespace {

/// One spatial dimension.
struct Phases {
  int64_t stride, kernel, taps;  // taps of each phase: ceil(kernel / stride)
  int64_t padBefore, padAfter;   // of the input of the dense convolution
  int64_t cropBefore, cropAfter; // of its interleaved result

  Phases(int64_t stride, int64_t kernel, int64_t padBegin, int64_t padEnd, int64_t outputPadding)
      : stride(stride), kernel(kernel), taps(llvm::divideCeil(kernel, stride)) {
    int64_t first = padBegin / stride; // the smallest q; the largest is the input's size - 1 + padAfter
    padBefore = taps - 1 - first;
    padAfter = llvm::divideFloorSigned(outputPadding + kernel - 1 - padEnd, stride);
    cropBefore = padBegin - stride * first;
    cropAfter = stride * (padAfter - first + 1) - cropBefore - outputPadding - kernel + padBegin + padEnd;
  }
};

struct Decomposition {
  GraphBuilder &g;
  ConvTransposeOp op;
  Location loc;
  SmallVector<Phases> dims;

  Decomposition(GraphBuilder &g, ConvTransposeOp op) : g(g), op(op), loc(op.getLoc()) {}

  /// Whether the op is of the form that this covers.
  bool analyze() {
    auto filter = op.getFilter().getType();
    const int64_t spatial = int64_t(op.getStrides().size()), phases = llvm::product_of(op.getStrides());
    // The kernel of packed_conv_transpose takes a few phases one after the other.
    if ((phases > 1 && phases <= TransposedDim::mostPhases) || op.getGroup() != 1 || !filter.hasStaticShape() ||
        filter.getNumElements() == 0 || !isa<FloatType>(filter.getElementType()) ||
        llvm::any_of(op.getDilations(), [](int64_t dilation) { return dilation != 1; }) ||
        llvm::any_of(op.getPads(), [](int64_t pad) { return pad < 0; }))
      return false;
    for (int64_t d = 0; d < spatial; ++d)
      dims.emplace_back(op.getStrides()[d], filter.getDimSize(2 + d), op.getPads()[d], op.getPads()[spatial + d],
                        op.getOutputPadding()[d]);
    // A padding that cuts off more than the filter adds would have to cut the input.
    return llvm::all_of(dims, [](const Phases &dim) { return dim.padBefore >= 0 && dim.padAfter >= 0; });
  }

  /// Whether the input is one pixel, and all its products are results.
  bool isPoint() {
    auto isOne = [](int64_t x) { return x == 1; };
    auto isZero = [](int64_t x) { return x == 0; };
    return op.getGroup() == 1 && op.getFilter().getType().hasStaticShape() &&
           isa<FloatType>(elementTypeOf(op.getInput())) &&
           llvm::all_of(op.getInput().getType().getShape().drop_front(2), isOne) &&
           llvm::all_of(op.getDilations(), isOne) && llvm::all_of(op.getPads(), isZero) &&
           llvm::all_of(op.getOutputPadding(), isZero);
  }

  /// [N, C, 1..] * [C, k.. * M] -> [N, k.., M], with the channels last as convolutions like it.
  Value emitPoint() {
    auto type = op.getFilter().getType();
    const int64_t rank = type.getRank();
    SmallVector<int64_t> last = {0}, first = {0, rank - 1}, shape = {-1};
    for (int64_t d = 2; d < rank; ++d) {
      last.push_back(d);
      first.push_back(d - 1);
      shape.push_back(type.getDimSize(d));
    }
    last.push_back(1);
    shape.push_back(type.getDimSize(1));
    Value filter = g.reshape(loc, g.transpose(loc, op.getFilter(), last), {type.getDimSize(0), -1});
    Value pixels = g.reshape(loc, op.getInput(), {-1, type.getDimSize(0)});
    return g.transpose(loc, g.reshape(loc, g.create<MatMulOp>(loc, {pixels, filter}), shape), first);
  }

  /// [C, M, k..] -> [phases.. * M, C, taps..]: phase p of a dimension has the taps p, p + stride, .., in reverse.
  Value phaseFilter() {
    auto type = op.getFilter().getType();
    const int64_t channels = type.getDimSize(0), outputs = type.getDimSize(1), spatial = dims.size();
    SmallVector<int64_t> pads(2 * spatial, 0), axes, split = {channels, outputs}, perm, joined = {outputs, channels};
    for (auto [d, dim] : llvm::enumerate(dims)) {
      pads[spatial + d] = dim.taps * dim.stride - dim.kernel;
      axes.push_back(2 + d);
      split.append({dim.taps, dim.stride});
      perm.push_back(3 + 2 * d);
      joined[0] *= dim.stride;
      joined.push_back(dim.taps);
    }
    perm.append({1, 0});
    Value filter = g.reshape(loc, g.pad(loc, op.getFilter(), g.integers(loc, pads), axes), split);
    for (int64_t d = 0; d < spatial; ++d) {
      filter = g.slice(loc, filter, 2 + 2 * d, -1, std::numeric_limits<int64_t>::min(), -1);
      perm.push_back(2 + 2 * d);
    }
    return g.reshape(loc, g.transpose(loc, filter, perm), joined);
  }

  Value emit() {
    const int64_t spatial = dims.size();
    SmallVector<int64_t> ones(spatial, 1), pads(2 * spatial), block, axes, starts, ends;
    for (auto [d, dim] : llvm::enumerate(dims)) {
      pads[d] = dim.padBefore;
      pads[spatial + d] = dim.padAfter;
      block.push_back(dim.stride);
      axes.push_back(2 + d);
      starts.push_back(dim.cropBefore);
      ends.push_back(dim.cropAfter ? -dim.cropAfter : std::numeric_limits<int64_t>::max());
    }
    Value result =
        g.create<ConvOp>(loc, {op.getInput(), phaseFilter()},
                         {g.attr("strides", ArrayRef<int64_t>(ones)), g.attr("pads", ArrayRef<int64_t>(pads)),
                          g.attr("dilations", ArrayRef<int64_t>(ones)), g.attr("group", int64_t(1))});
    if (llvm::any_of(block, [](int64_t size) { return size != 1; }))
      result = g.create<DepthToSpaceOp>(
          loc, result, {g.attr("block", ArrayRef<int64_t>(block)), g.attr("first_spatial", int64_t(2))});
    if (llvm::any_of(dims, [](const Phases &dim) { return dim.cropBefore || dim.cropAfter; }))
      result = g.create<SliceOp>(loc, {result, g.integers(loc, starts), g.integers(loc, ends), g.integers(loc, ones)},
                                 g.attr("axes", ArrayRef<int64_t>(axes)));
    return result;
  }
};

struct DecomposeConvTranspose : lepton::impl::DecomposeConvTransposeBase<DecomposeConvTranspose> {
  void runOnOperation() override {
    OpBuilder b(&getContext());
    ShapeAnalysis shapes(&getContext());
    GraphBuilder g(b, shapes);
    SmallVector<ConvTransposeOp> ops;
    getOperation()->walk([&](ConvTransposeOp op) { ops.push_back(op); });
    for (ConvTransposeOp op : ops) {
      Decomposition decomposition(g, op);
      const bool isPoint = decomposition.isPoint();
      if (!isPoint && !decomposition.analyze())
        continue;
      b.setInsertionPoint(op);
      // The op stays, unused: the analysis knows values by their address.
      if (Value result = isPoint ? decomposition.emitPoint() : decomposition.emit();
          result && result.getType() == op.getType())
        op.getResult().replaceAllUsesWith(result);
    }
    for (ConvTransposeOp op : ops)
      if (op->use_empty())
        op.erase();
  }
};

} // namespace
