//===- AssignLayouts.cpp - channels last for convolutions, packed weights --------------------------------------------------------===//
//
// Before: convolutions and matrix products as ONNX has them, channels first.
// After:  convolutions on channels-last tensors with blocked filters, matrix products with blocked right operands, between transposes; transposes
//         have been moved down through ops that do not care, so that those of neighbouring convolutions meet and cancel.
//
// A transpose "channels last to first" in front of an op is moved behind it by giving the op its channels-last operands. The ops are visited in
// program order, so one sweep carries a transpose as far down as it goes.
//
//===------------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/GraphBuilder.h"
#include "dialects/Lepton/SeparableEmitter.h"
#include "dialects/Lepton/TileEmitter.h"
#include "passes/Passes.h"
#include "passes/graph/ConvAlgorithm.h"
#include "passes/graph/PackedWeights.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/TypeSwitch.h"

namespace lepton {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// Position of each channels-last dimension in channels-first order: [0, 2, .., n-1, 1].
static SmallVector<int64_t> toChannelsLast(int64_t rank) {
  SmallVector<int64_t> perm = {0};
  for (int64_t d = 2; d < rank; ++d)
    perm.push_back(d);
  perm.push_back(1);
  return perm;
}

/// [0, n-1, 1, .., n-2].
static SmallVector<int64_t> toChannelsFirst(int64_t rank) { return invertPermutationVector(toChannelsLast(rank)); }

/// A channels-first dimension as a channels-last one.
static int64_t lastAxis(int64_t axis, int64_t rank) { return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1; }

namespace {

struct Layouts {
  GraphBuilder g;
  ShapeAnalysis &shapes;
  TargetAttr target;
  PackedWeights weights;
  const bool list;               // whether to describe the layers
  SmallVector<Attribute> layers; // convolutions of known sizes that can be computed in several ways

  Layouts(OpBuilder &b, ShapeAnalysis &shapes, TargetAttr target, int64_t panel, bool list)
      : g(b, shapes), shapes(shapes), target(target), weights{g, target, panel}, list(list) {}

  /// The channels-last tensor of which `value` is the channels-first transpose; null where it is none.
  Value movedSource(Value value) {
    auto transpose = value.getDefiningOp<TransposeOp>();
    int64_t rank = rankOf(value);
    return transpose && rank >= 3 && transpose.getPerm() == ArrayRef<int64_t>(toChannelsFirst(rank))
               ? transpose.getInput()
               : Value();
  }

  Value channelsLast(Location loc, Value value) {
    if (Value source = movedSource(value))
      return source;
    return g.transpose(loc, value, toChannelsLast(rankOf(value)));
  }

  Value channelsFirst(Location loc, Value value) { return g.transpose(loc, value, toChannelsFirst(rankOf(value))); }

  static bool isFloat(Value value) {
    return isa<FloatType>(elementTypeOf(value)) && elementTypeOf(value).getIntOrFloatBitWidth() >= 16;
  }
  /// What a micro-kernel multiplies and adds.
  static bool isNumber(Value value) {
    auto integer = dyn_cast<IntegerType>(elementTypeOf(value));
    return integer ? integer.getWidth() >= 8 : isFloat(value);
  }
  static bool isStatic(Value value) { return cast<RankedTensorType>(value.getType()).hasStaticShape(); }

  //===------------------------------------------------------------------------------------------------------------------------===//
  // Contractions
  //===------------------------------------------------------------------------------------------------------------------------===//

  Value packedMatMul(Location loc, Value rows, Value packed, int64_t n) {
    return g.create<PackedMatMulOp>(loc, {rows, packed}, g.attr("n", n));
  }

  /// Another shape for `value`, whose sizes but the last are those of `like`.
  Value withLeadingSizesOf(Location loc, Value value, Value like, int64_t last) {
    int64_t rank = rankOf(like);
    Value leading = g.create<ShapeOp>(loc, like, {g.attr("start", int64_t(0)), g.attr("end", rank - 1)});
    Value shape = g.create<ConcatOp>(loc, {leading, g.integers(loc, last)}, g.attr("axis", int64_t(0)));
    return g.create<ReshapeOp>(loc, {value, shape});
  }

  /// Whether a right operand that is computed is worth packing at run time: many rows read it, and rows of its own that are a page long, or longer, would come from a page
  /// each.
  static bool paysPacking(MatMulOp op) {
    constexpr int64_t manyRows = 256, page = 4096;
    auto lhs = op.getLhs().getType(), rhs = op.getRhs().getType();
    return lhs.hasStaticShape() && lhs.getNumElements() / lhs.getShape().back() >= manyRows &&
           rhs.getDimSize(1) * elementTypeOf(op.getRhs()).getIntOrFloatBitWidth() / 8 >= page;
  }

  Value matMul(MatMulOp op) {
    Location loc = op.getLoc();
    Value lhs = op.getLhs(), rhs = op.getRhs();
    auto type = cast<RankedTensorType>(rhs.getType());
    if (type.getRank() != 2 || !type.hasStaticShape() || rankOf(lhs) < 2 || !isNumber(lhs) ||
        type.getNumElements() == 0 || !(isConstantValue(rhs) || paysPacking(op)))
      return {};
    int64_t n = type.getDimSize(1), k = type.getDimSize(0);
    Value rows = rankOf(lhs) == 2 ? lhs : g.reshape(loc, lhs, {-1, k});
    Value product = packedMatMul(loc, rows, weights.columns(loc, rhs), n);
    return rankOf(lhs) == 2 ? product : withLeadingSizesOf(loc, product, lhs, n);
  }

  /// A constant, or computed from constants alone.
  static bool isConstantValue(Value value, int depth = 8) {
    Operation *op = value.getDefiningOp();
    if (!op || depth == 0)
      return false;
    if (isa<ConstantOp>(op))
      return true;
    return isa<ShapeOpInterface>(op) && op->getNumOperands() &&
           llvm::all_of(op->getOperands(), [&](Value operand) { return isConstantValue(operand, depth - 1); });
  }

  Value padded(Location loc, Value input, ArrayRef<int64_t> pads) {
    if (llvm::all_of(pads, [](int64_t pad) { return pad == 0; }))
      return input;
    return g.pad(loc, input, g.integers(loc, pads), llvm::to_vector(llvm::seq<int64_t>(1, rankOf(input) - 1)));
  }

  /// The convolution for whose window a convolution's result is padded, after elementwise ops: the kernel can then write into the frame, if it keeps the image's rows. Null
  /// where there is none.
  static Operation *framedFor(ConvOp op) {
    Value value = op.getResult();
    while (isStatic(value)) {
      Operation *user = onlyReader(value);
      if (auto conv = dyn_cast_if_present<ConvOp>(user)) {
        const bool isPadded = llvm::any_of(conv.getPads(), [](int64_t pad) { return pad != 0; });
        return conv.getInput() == value && isPadded ? conv.getOperation() : nullptr;
      }
      if (!isa_and_present<ElementwiseOpInterface>(user))
        return nullptr;
      value = user->getResult(0);
    }
    return nullptr;
  }

  /// The op that all of a value ends up in: its one user, or of two the one that also takes the other's result, as in x * sigmoid(x). Null if there is none.
  static Operation *onlyReader(Value value) {
    llvm::SmallSetVector<Operation *, 2> users(value.user_begin(), value.user_end());
    if (users.size() == 1)
      return users[0];
    if (users.size() != 2)
      return nullptr;
    auto leadsTo = [](Operation *from, Operation *to) {
      return isa<ElementwiseOpInterface>(from) && from->hasOneUse() && *from->user_begin() == to;
    };
    return leadsTo(users[0], users[1]) ? users[1] : leadsTo(users[1], users[0]) ? users[0] : nullptr;
  }

  /// The depthwise convolution that a pointwise one reads, rows at a time: both then keep the image's dimensions. Null where there is none.
  Operation *depthwiseTakenBy(ConvOp op) {
    Value source = movedSource(op.getInput());
    if (!source || !op.getInput().hasOneUse())
      return nullptr;
    DepthwiseConvOp depthwise = depthwiseBefore(source, op.getInput().getDefiningOp());
    return depthwise && paysByRows(depthwise) ? depthwise.getOperation() : nullptr;
  }

  Value conv(ConvOp op) {
    Location loc = op.getLoc();
    if (!isNumber(op.getInput()) || !isStatic(op.getFilter()) ||
        op.getInput().getType().getDimSize(1) == ShapedType::kDynamic)
      return {};
    auto filterType = cast<RankedTensorType>(op.getFilter().getType());
    if (filterType.getNumElements() == 0 || llvm::any_of(op.getPads(), [](int64_t pad) { return pad < 0; }))
      return {};
    int64_t group = op.getGroup(), outputs = filterType.getDimSize(0), channels = filterType.getDimSize(1);
    ConvLayer layer(op, depthwiseTakenBy(op), framedFor(op), target);
    if (list && layer.algorithms().size() > 1 && isStatic(op.getInput()))
      layers.push_back(layer.description());
    const ConvAlgorithm algorithm = layer.chosen();
    if (algorithm.kind == ConvAlgorithm::winograd)
      return channelsFirst(loc, winogradConvolution(g, op, algorithm.form, channelsLast(loc, op.getInput()),
                                                    weights.blockFor(op.getResult().getType().getDimSize(1))));
    Value input = padded(loc, channelsLast(loc, op.getInput()), op.getPads());
    Value result;
    if (group == outputs && channels == 1 && group > 1) {
      result = g.create<DepthwiseConvOp>(loc, {input, weights.depthwise(loc, op.getFilter())},
                                         {g.attr("strides", op.getStrides()), g.attr("dilations", op.getDilations())});
    } else if (algorithm.kind == ConvAlgorithm::rows) {
      Value rows = g.reshape(loc, input, {-1, channels});
      Value filter = g.transpose(loc, g.reshape(loc, op.getFilter(), {outputs, channels}), {1, 0});
      result = withLeadingSizesOf(loc, packedMatMul(loc, rows, weights.columns(loc, filter), outputs), input, outputs);
    } else {
      SmallVector<NamedAttribute> attributes = {g.attr("strides", op.getStrides()),
                                                g.attr("dilations", op.getDilations()), g.attr("channels", outputs)};
      Value filter = weights.filter(loc, op.getFilter(), group, /*isTransposed=*/false, attributes);
      result = g.create<PackedConvOp>(loc, {input, filter}, attributes);
    }
    return result ? channelsFirst(loc, result) : Value();
  }

  Value convTranspose(ConvTransposeOp op) {
    Location loc = op.getLoc();
    auto type = op.getFilter().getType();
    if (!isFloat(op.getInput()) || !isStatic(op.getFilter()) || type.getNumElements() == 0 ||
        op.getInput().getType().getDimSize(1) == ShapedType::kDynamic ||
        llvm::product_of(op.getStrides()) > TransposedDim::mostPhases ||
        llvm::any_of(op.getPads(), [](int64_t pad) { return pad < 0; }))
      return {};
    const int64_t spatial = int64_t(op.getStrides().size()), group = op.getGroup();
    SmallVector<int64_t> pads(2 * spatial);
    Value filter = op.getFilter(); // [C, M / g, k..]
    for (auto [d, dim] : llvm::enumerate(transposedDims(type.getShape().drop_front(2), op.getStrides(),
                                                        op.getDilations(), op.getPads(), op.getOutputPadding()))) {
      pads[d] = dim.padBefore;
      pads[spatial + d] = dim.padAfter;
      filter = g.create<GatherOp>(loc, {filter, g.integers(loc, dim.order)}, g.attr("axis", int64_t(2 + d)));
    }
    SmallVector<NamedAttribute> attributes = {
        g.attr("strides", op.getStrides()), g.attr("pads", op.getPads()), g.attr("dilations", op.getDilations()),
        g.attr("output_padding", op.getOutputPadding()), g.attr("channels", type.getDimSize(1) * group)};
    filter = weights.filter(loc, filter, group, /*isTransposed=*/true, attributes);
    Value result =
        g.create<PackedConvTransposeOp>(loc, {padded(loc, channelsLast(loc, op.getInput()), pads), filter}, attributes);
    return result ? channelsFirst(loc, result) : Value();
  }

  //===------------------------------------------------------------------------------------------------------------------------===//
  // Transposes move down
  //===------------------------------------------------------------------------------------------------------------------------===//

  /// A broadcast operand for channels-last partners: a scalar, one that a reshape moves, since its dimensions but those of size 1 keep their order, or a constant.
  Value broadcastOperand(Location loc, Value value, int64_t rank) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!type.hasStaticShape() || type.getRank() > rank)
      return {};
    if (type.getNumElements() == 1 && type.getRank() <= 1)
      return value;
    SmallVector<int64_t> shape(rank - type.getRank(), 1);
    llvm::append_range(shape, type.getShape());
    const SmallVector<int64_t> perm = toChannelsLast(rank);
    SmallVector<int64_t> large; // the dimensions that are not 1, in their new order
    llvm::copy_if(perm, std::back_inserter(large), [&](int64_t d) { return shape[d] != 1; });
    if (llvm::is_sorted(large))
      return g.reshape(loc, value, applyPermutation(shape, perm));
    return isConstantValue(value) ? g.transpose(loc, g.reshape(loc, value, shape), perm) : Value();
  }

  Value elementwise(Operation *op) {
    int64_t rank = rankOf(op->getResult(0));
    if (llvm::none_of(op->getOperands(),
                      [&](Value operand) { return rankOf(operand) == rank && movedSource(operand); }))
      return onRows(op, llvm::to_vector(op->getOperands()));
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      Value moved = rankOf(operand) == rank ? movedSource(operand) : Value();
      if (!moved)
        moved = broadcastOperand(op->getLoc(), operand, rank);
      if (!moved && rankOf(operand) == rank && operand.getType() == op->getResult(0).getType() &&
          op->getNumOperands() == 2)
        moved = channelsLast(op->getLoc(), operand); // a transpose moves from one operand to the other
      if (!moved)
        return {};
      operands.push_back(moved);
    }
    if (Value result = onRows(op, operands))
      return channelsFirst(op->getLoc(), result);
    return rebuilt(op, operands, op->getAttrs());
  }

  /// The view that gives rows `[R, C]`, computed by a matrix product and what follows it, their dimensions back; null where `value` is none.
  static ReshapeOp viewOfRows(Value value) {
    auto view = value.getDefiningOp<ReshapeOp>();
    if (!view || rankOf(view.getInput()) != 2 || rankOf(value) <= 2 ||
        !isa_and_present<PackedMatMulOp, ElementwiseOpInterface>(view.getInput().getDefiningOp()))
      return {};
    int64_t last = view.getType().getShape().back();
    return last == view.getInput().getType().getDimSize(1) && !ShapedType::isDynamic(last) ? view : ReshapeOp();
  }

  /// Whether the rows of operand `rows` are kept for other ops, too, while an image is computed for this op alone: it is then part of the image's kernel.
  bool isForImage(Operation *op, ArrayRef<Value> given, int64_t rows) {
    auto isAlone = [&](int64_t i) {
      return op->getOperand(i).hasOneUse() && !viewOfRows(given[i]) &&
             shapes.shape(given[i]) == shapes.shape(given[rows]) &&
             isa_and_present<PackedConvOp, ElementwiseOpInterface>(given[i].getDefiningOp());
    };
    return !op->getOperand(rows).hasOneUse() && llvm::any_of(llvm::seq<int64_t>(0, given.size()), isAlone);
  }

  /// The op on rows in front of such a view, so that it is part of the product's kernel; null where an operand does not allow it.
  Value onRows(Operation *op, ArrayRef<Value> given) {
    Location loc = op->getLoc();
    const auto *found = llvm::find_if(given, [](Value operand) { return bool(viewOfRows(operand)); });
    if (found == given.end() || isForImage(op, given, found - given.begin()))
      return {};
    ReshapeOp view = viewOfRows(*found);
    const int64_t columns = view.getType().getShape().back();
    SmallVector<Value> operands;
    for (Value operand : given) {
      auto type = cast<RankedTensorType>(operand.getType());
      ReshapeOp own = viewOfRows(operand);
      bool isRow = type.hasStaticShape() && type.getRank() <= rankOf(*found) &&
                   (type.getNumElements() == 1 || (type.getRank() && type.getNumElements() == type.getShape().back() &&
                                                   type.getNumElements() == columns));
      if (shapes.shape(operand) == shapes.shape(*found))
        operands.push_back(own ? Value(own.getInput()) : g.reshape(loc, operand, {-1, columns}));
      else if (isRow)
        operands.push_back(g.reshape(loc, operand, {type.getNumElements()}));
      else
        return {};
    }
    Value result = g.create(loc, op->getName().getStringRef(), operands, op->getAttrs(), {});
    return result ? g.create<ReshapeOp>(loc, {result, view.getShape()}, view->getAttrs()) : Value();
  }

  Value rebuilt(Operation *op, ValueRange operands, ArrayRef<NamedAttribute> attributes) {
    Value result = g.create(op->getLoc(), op->getName().getStringRef(), operands, attributes, {});
    return result ? channelsFirst(op->getLoc(), result) : Value();
  }

  SmallVector<int64_t> movedAxes(ArrayRef<int64_t> axes, int64_t rank) {
    SmallVector<int64_t> moved;
    for (int64_t axis : axes)
      moved.push_back(lastAxis(axis, rank));
    llvm::sort(moved);
    return moved;
  }

  /// The op on channels-last operands, where one attribute of it is another.
  Value rebuiltWith(Operation *op, ValueRange operands, NamedAttribute attribute) {
    NamedAttrList attributes(op->getAttrs());
    attributes.set(attribute.getName(), attribute.getValue());
    return rebuilt(op, operands, attributes);
  }

  /// An op over `axes`, in any order.
  template <typename OpT> Value overAxes(OpT op) {
    Value source = movedSource(op.getInput());
    if (!source)
      return {};
    return rebuiltWith(op, source, g.attr("axes", ArrayRef<int64_t>(movedAxes(op.getAxes(), rankOf(source)))));
  }

  Value softmax(SoftmaxOp op) {
    Value source = movedSource(op.getInput());
    return source ? rebuiltWith(op, source, g.attr("axis", lastAxis(op.getAxis(), rankOf(source)))) : Value();
  }

  /// An op that says where its spatial dimensions start.
  template <typename OpT> Value spatial(OpT op) {
    Value source = movedSource(op.getInput());
    if (!source || op.getFirstSpatial() != 2)
      return {};
    return rebuiltWith(op, source, g.attr("first_spatial", int64_t(1)));
  }

  /// An op whose other operands have an entry for each of `axes`: the axes keep their order.
  template <typename OpT> Value alongAxes(OpT op) {
    Value source = movedSource(op.getInput());
    if (!source)
      return {};
    SmallVector<int64_t> axes;
    for (int64_t axis : op.getAxes())
      axes.push_back(lastAxis(axis, rankOf(source)));
    SmallVector<Value> operands(op->getOperands());
    operands[0] = source;
    return rebuiltWith(op, operands, g.attr("axes", ArrayRef<int64_t>(axes)));
  }

  Value concat(ConcatOp op) {
    int64_t rank = rankOf(op.getResult());
    SmallVector<Value> operands;
    for (Value input : op.getInputs()) {
      Value source = rank >= 3 ? movedSource(input) : Value();
      if (!source)
        return {};
      operands.push_back(source);
    }
    return rebuilt(op, operands, g.attr("axis", lastAxis(op.getAxis(), rank)));
  }

  Value transpose(TransposeOp op) {
    Location loc = op.getLoc();
    auto inner = op.getInput().getDefiningOp<TransposeOp>();
    SmallVector<int64_t> perm(op.getPerm());
    Value input = op.getInput();
    if (inner) {
      perm = applyPermutation(inner.getPerm(), perm);
      input = inner.getInput();
    }
    if (isIdentityPermutation(perm))
      return input;
    // Moving only dimensions of size 1 is a reshape.
    auto type = cast<RankedTensorType>(input.getType());
    SmallVector<int64_t> moved;
    for (int64_t d : perm)
      if (type.getDimSize(d) != 1)
        moved.push_back(d);
    if (llvm::is_sorted(moved) && (type.hasStaticShape() || moved.size() <= 2))
      return reshapeLike(loc, input, perm);
    return inner ? g.transpose(loc, input, perm) : Value();
  }

  /// Rows of two groups of channels, `[pixels, 2, each]`, of an image that is the concatenation of the two: each element is picked from one of them, and nothing is
  /// concatenated. Null for others.
  Value pickedRows(Location loc, Value source, int64_t groups, int64_t each) {
    auto concat = source.getDefiningOp<ConcatOp>();
    if (!concat || groups != 2 || concat.getInputs().size() != 2 || int64_t(concat.getAxis()) != rankOf(source) - 1)
      return {};
    SmallVector<Value> rows;
    for (Value part : concat.getInputs()) {
      if (shapes.shape(part).back() != shapes.constant(each))
        return {};
      rows.push_back(g.reshape(loc, part, {-1, 1, each}));
    }
    Value isFirst =
        g.constant(loc, DenseElementsAttr::get(RankedTensorType::get({2, 1}, g.b.getI1Type()), {true, false}));
    return g.create<WhereOp>(loc, {isFirst, rows[0], rows[1]});
  }

  /// A channel shuffle (ShuffleNet): channels, as [groups, of each], are transposed. It is one in the last dimension too.
  Value shuffle(ReshapeOp op) {
    auto transpose = op.getInput().getDefiningOp<TransposeOp>();
    auto split = transpose ? transpose.getInput().getDefiningOp<ReshapeOp>() : ReshapeOp();
    Value source = split ? movedSource(split.getInput()) : Value();
    if (!source || shapes.shape(split.getInput()) != shapes.shape(op.getResult()))
      return {};
    SmallVector<AffineExpr> given = shapes.shape(split.getInput()), parts = shapes.shape(split.getResult());
    if (parts.size() != given.size() + 1)
      return {};
    SmallVector<int64_t> swap = llvm::to_vector(llvm::seq<int64_t>(0, int64_t(parts.size())));
    std::swap(swap[1], swap[2]);
    auto groups = ShapeAnalysis::constantValue(parts[1]), each = ShapeAnalysis::constantValue(parts[2]);
    if (transpose.getPerm() != ArrayRef<int64_t>(swap) || !groups || !each || parts[0] != given[0] ||
        ArrayRef(parts).drop_front(3) != ArrayRef(given).drop_front(2))
      return {};
    Location loc = op.getLoc();
    Value rows = pickedRows(loc, source, *groups, *each);
    Value shuffled = g.transpose(loc, rows ? rows : g.reshape(loc, source, {-1, *groups, *each}), {0, 2, 1});
    return channelsFirst(loc, withLeadingSizesOf(loc, shuffled, source, *groups * *each));
  }

  Value reshapeLike(Location loc, Value input, ArrayRef<int64_t> perm) {
    SmallVector<Value> sizes;
    for (int64_t d : perm)
      sizes.push_back(g.create<ShapeOp>(loc, input, {g.attr("start", d), g.attr("end", d + 1)}));
    Value shape = g.create<ConcatOp>(loc, sizes, g.attr("axis", int64_t(0)));
    return g.create<ReshapeOp>(loc, {input, shape}, g.flag("allowzero"));
  }

  Value rewrite(Operation *op) {
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case<MatMulOp>([&](MatMulOp op) { return matMul(op); })
        .Case<ConvOp>([&](ConvOp op) { return conv(op); })
        .Case<ConvTransposeOp>([&](ConvTransposeOp op) { return convTranspose(op); })
        .Case<ReduceOp>([&](ReduceOp op) { return op.getKeepdims() ? overAxes(op) : Value(); })
        .Case<ReshapeOp>([&](ReshapeOp op) { return shuffle(op); })
        .Case<NormalizeOp>([&](NormalizeOp op) { return overAxes(op); })
        .Case<SoftmaxOp>([&](SoftmaxOp op) { return softmax(op); })
        .Case<PoolOp, DepthToSpaceOp>([&](auto op) { return spatial(op); })
        .Case<ResizeOp, SliceOp, PadOp>([&](auto op) { return alongAxes(op); })
        .Case<ConcatOp>([&](ConcatOp op) { return concat(op); })
        .Case<TransposeOp>([&](TransposeOp op) { return transpose(op); })
        .Default([&](Operation *op) { return isa<ElementwiseOpInterface>(op) ? elementwise(op) : Value(); });
  }
};

struct AssignLayouts : lepton::impl::AssignLayoutsBase<AssignLayouts> {
  using AssignLayoutsBase::AssignLayoutsBase;

  void runOnOperation() override {
    ShapeAnalysis shapes(&getContext());
    SmallVector<Operation *> ops;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
    OpBuilder b(&getContext());
    Layouts layouts(b, shapes, targetOf(getOperation()), panel, list);
    for (Operation *op : ops) {
      if (op->getNumResults() != 1 || !isa<ShapeOpInterface>(op))
        continue;
      shapes.shape(op->getResult(0));
      b.setInsertionPoint(op);
      Value result = layouts.rewrite(op);
      if (isa<MatMulOp, ConvOp, ConvTransposeOp>(op))
        tell(op, result);
      if (!result)
        continue;
      if (result.getDefiningOp<TransposeOp>() && !isa<TransposeOp>(op)) {
        // The new transpose may cancel at once (a dimension of size 1).
        if (Value simpler = layouts.transpose(result.getDefiningOp<TransposeOp>()))
          result = simpler;
      }
      op->getResult(0).replaceAllUsesWith(result);
    }
    if (!layouts.layers.empty())
      getOperation()->setAttr("lepton.layers", b.getArrayAttr(layouts.layers));
    IRRewriter rewriter(&getContext());
    (void)runRegionDCE(rewriter, getOperation()->getRegions());
  }

private:
  /// What a contraction became; `result` is null where it stays as it is.
  void tell(Operation *op, Value result) {
    auto opts = [&](const char *name) { return remark::RemarkOpts::name(name).category(getName()); };
    const StringRef name = op->getName().stripDialect();
    if (!result) {
      remark::missed(op->getLoc(), opts("layout")) << remark::add("{0} stays as it is, with unpacked weights", name);
      return;
    }
    Operation *found = result.getDefiningOp();
    while (isa_and_present<TransposeOp, ReshapeOp>(found))
      found = found->getOperand(0).getDefiningOp();
    if (!found)
      return;
    const StringRef became = found->getName().stripDialect();
    if (auto conv = dyn_cast<WinogradConvOp>(found))
      remark::passed(op->getLoc(), opts("winograd")) << remark::add(
          "{0} by Winograd's minimal filtering, in tiles of {1} outputs a dimension", name, conv.getTile());
    else
      remark::passed(op->getLoc(), opts("layout")) << remark::add("{0} becomes {1}", name, became);
  }
};

} // namespace
