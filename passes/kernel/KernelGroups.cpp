//===- KernelGroups.cpp - which ops share a kernel ----------------------------------------------------------------------===//

#include "passes/kernel/KernelGroups.h"
#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/SeparableEmitter.h"

#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace lepton;

/// More ops than this in a kernel gain nothing and make compilation slow.
static constexpr size_t largestGroup = 48;

bool lepton::takesEpilogue(Operation *op) {
  return isa<MatMulOp, PackedMatMulOp, ConvOp, PackedConvOp, DepthwiseConvOp, ConvTransposeOp, PackedConvTransposeOp,
             WinogradConvOp, ReduceOp, ArgReduceOp, PoolOp, NormalizeOp>(op);
}

/// Whether an op reads this operand where it lies in memory, with any distance between rows.
static bool readsInPlace(OpOperand &operand) {
  return operand.getOperandNumber() == 0 &&
         isa<PackedMatMulOp, PackedConvOp, DepthwiseConvOp, PackedConvTransposeOp, WinogradInputOp, WinogradConvOp>(
             operand.getOwner());
}

bool lepton::readsSlice(OpOperand &operand) {
  Operation *op = operand.getOwner();
  return readsInPlace(operand) || isa<ElementwiseOpInterface, ConcatOp>(op) ||
         (operand.getOperandNumber() == 0 && isa<DepthToSpaceOp, InsertOp, NormalizeOp, PadOp, PoolOp, ReduceOp,
                                                 ResizeOp, SliceOp, SoftmaxOp, TransposeOp>(op));
}

namespace {

struct Grouping {
  ShapeAnalysis &shapes;
  bool fuse;
  const ReadOps &reads;
  std::vector<KernelGroup> groups; // ops in reverse program order while growing
  llvm::DenseMap<Operation *, size_t> groupOf;

  Grouping(ShapeAnalysis &shapes, bool fuse, const ReadOps &reads) : shapes(shapes), fuse(fuse), reads(reads) {}

  /// Ops that read `op` and are read themselves.
  auto usersOf(Operation *op) {
    return llvm::make_filter_range(op->getUsers(), [&](Operation *user) { return !reads.unread.contains(user); });
  }

  /// The one group that uses all results of `op`; nothing where there are several, or other users.
  std::optional<size_t> onlyGroup(Operation *op) {
    std::optional<size_t> group;
    for (Operation *user : usersOf(op)) {
      auto it = groupOf.find(user);
      if (it == groupOf.end() || (group && *group != it->second))
        return std::nullopt;
      group = it->second;
    }
    return group;
  }

  bool sameShape(Value a, Value b) { return shapes.shape(a) == shapes.shape(b); }

  /// Ops whose element costs little: they may be computed more than once.
  static bool isCheap(Operation *op) {
    return isa<TransposeOp, DepthToSpaceOp, SliceOp, ExpandOp, GatherOp, CastOp, AddOp, SubOp, MulOp, MaxOp, MinOp,
               ReluOp, NegOp, WhereOp, AbsOp>(op) ||
           (isa<ElementwiseOpInterface>(op) && elementTypeOf(op->getResult(0)).isInteger(1));
  }

  /// Whether a slice is read in memory, at another address, and never computed.
  bool isView(Operation *op) {
    auto slice = dyn_cast<SliceOp>(op);
    return slice && llvm::any_of(slice->getUses(), readsInPlace) && slice.getOffsets(shapes);
  }

  /// Whether `producer`, an element op, may be computed where `user` reads it.
  bool mayInline(Operation *producer, Operation *user) {
    Value value = producer->getResult(0);
    if (isView(user))
      return false;
    if (isView(producer) && llvm::all_of(value.getUses(), readsInPlace))
      return true;
    if (isa<PoolOp, ResizeOp>(user))
      return user->getOperand(0) == value && isa<SliceOp>(producer);
    if (auto insert = dyn_cast<InsertOp>(user))
      return insert.getPart() == value;
    if (isa<ElementwiseOpInterface>(user)) // a broadcast would compute the producer many times
      return sameShape(value, user->getResult(0)) || isCheap(producer);
    if (isa<TransposeOp, DepthToSpaceOp, SliceOp, ConcatOp, ReduceOp, PackBlocksOp>(user))
      return user->getOperand(0) == value || isa<ConcatOp>(user);
    if (auto pad = dyn_cast<PadOp>(user)) // a frame reads each element once
      return pad.getInput() == value && (isCheap(producer) || isFrame(pad));
    if (isa<ExpandOp>(user))
      return user->getOperand(0) == value && isCheap(producer);
    if (isa<SoftmaxOp>(user))
      return isCheap(producer);
    if (isa<NormalizeOp>(user)) // which reads each element more than once
      return isCheap(producer) && !isEpilogue(producer);
    if (auto pointwise = dyn_cast<PackedConvOp>(user))
      return bool(fusedDepthwise(pointwise));
    return false;
  }

  /// Whether a group, while it grows, ends with this op, but for inserting what it gives.
  static bool isOutermost(PadOp pad, const KernelGroup &group) {
    auto insert = dyn_cast<InsertOp>(group.ops.front());
    return pad == group.ops.front() || (insert && insert.getPart() == pad.getResult());
  }

  /// Whether `op` is, element by element, what follows a kernel op that only it reads: that one's epilogue, where it is computed once.
  bool isEpilogue(Operation *op) {
    SmallVector<Operation *> pending = {op};
    while (!pending.empty()) {
      Operation *next = pending.pop_back_val();
      if (!isa<ElementwiseOpInterface>(next))
        continue;
      for (Value operand : next->getOperands()) {
        Operation *before = operand.getDefiningOp();
        if (!before || !operand.hasOneUse() || !sameShape(operand, next->getResult(0)))
          continue;
        if (takesEpilogue(before))
          return true;
        pending.push_back(before);
      }
    }
    return false;
  }

  bool isFrame(PadOp pad) { return pad.getMode() == PadMode::constant && pad.getFrame(shapes); }

  using Ops = llvm::SmallPtrSet<Operation *, 8>;

  /// Whether an op takes the result of one of these.
  static bool readsAny(Operation *op, const Ops &producers) {
    return llvm::any_of(op->getOperands(), [&](Value operand) { return producers.contains(operand.getDefiningOp()); });
  }

  /// Whether everything in the group that depends on `op` is elementwise over the same shape, but for a frame around all of it, and where that is inserted.
  bool mayPrecede(Operation *op, const KernelGroup &group) {
    Ops dependent = {op};
    for (Operation *member : llvm::reverse(group.ops)) { // program order
      if (isa<KernelOpInterface>(member))
        return false;
      if (!readsAny(member, dependent))
        continue;
      if (isa<InsertOp>(member))
        return true;
      if (auto pad = dyn_cast<PadOp>(member); pad && isOutermost(pad, group) && isFrame(pad))
        return true;
      if (!isa<ElementwiseOpInterface>(member) || !sameShape(op->getResult(0), member->getResult(0)))
        return false;
      dependent.insert(member);
    }
    return true;
  }

  /// Whether a softmax along rows is the left operand, and nothing else, of a product of the same batch: attention, which takes it row by row.
  bool isAttention(SoftmaxOp weights, MatMulOp product) {
    if (!product || weights.getLog() || int64_t(weights.getAxis()) != rankOf(weights.getInput()) - 1 ||
        product.getLhs() != weights.getResult() || !weights->hasOneUse() || !weights.getInput().hasOneUse() ||
        rankOf(product.getRhs()) < 2)
      return false;
    const SmallVector<AffineExpr> l = shapes.shape(product.getLhs()), y = shapes.shape(product.getResult());
    return l.size() >= 2 && ArrayRef(l).drop_back() == ArrayRef(y).drop_back();
  }

  /// Whether the product `op` gives the softmax of an attention its rows, element by element, and nothing else reads them.
  bool givesRows(Operation *op, SoftmaxOp weights, const KernelGroup &group) {
    Ops dependent = {op};
    bool isAfter = false;
    for (Operation *member : llvm::reverse(group.ops)) { // program order
      if (member == weights) {
        isAfter = true;
        continue;
      }
      if (!readsAny(member, dependent))
        continue;
      if (isAfter || !isa<ElementwiseOpInterface>(member) || !sameShape(op->getResult(0), member->getResult(0)))
        return false;
      dependent.insert(member);
    }
    return dependent.contains(weights.getInput().getDefiningOp());
  }

  /// Whether `op` becomes part of an attention: the softmax, or the product in front of it.
  bool mayAttend(Operation *op, const KernelGroup &group) {
    SmallVector<Operation *, 2> roots; // in reverse program order
    llvm::copy_if(group.ops, std::back_inserter(roots),
                  [](Operation *member) { return isa<KernelOpInterface>(member); });
    if (auto weights = dyn_cast<SoftmaxOp>(op))
      return roots.size() == 1 && isAttention(weights, dyn_cast<MatMulOp>(roots[0]));
    auto product = dyn_cast<MatMulOp>(op);
    auto weights = roots.size() == 2 ? dyn_cast<SoftmaxOp>(roots[1]) : SoftmaxOp();
    return product && weights && rankOf(product.getLhs()) >= 2 && rankOf(product.getRhs()) >= 2 &&
           givesRows(op, weights, group);
  }

  /// Whether `op` is the depthwise convolution in front of the group's pointwise one.
  static bool isFusedDepthwise(Operation *op, const KernelGroup &group) {
    return isa<DepthwiseConvOp>(op) && llvm::any_of(group.ops, [&](Operation *member) {
             auto pointwise = dyn_cast<PackedConvOp>(member);
             return pointwise && fusedDepthwise(pointwise) == op;
           });
  }

  bool mayJoin(Operation *op, const KernelGroup &group) {
    if (!fuse || op->getNumResults() != 1 || group.ops.size() >= largestGroup || isa<InsertOp>(op))
      return false;
    if (isa<KernelOpInterface>(op))
      return (takesEpilogue(op) && mayPrecede(op, group)) || mayAttend(op, group) || isFusedDepthwise(op, group);
    return llvm::all_of(usersOf(op), [&](Operation *user) { return mayInline(op, user); });
  }

  void add(Operation *op) {
    auto group = reads.readBySizes.contains(op) ? std::nullopt : onlyGroup(op);
    if (!group || !mayJoin(op, groups[*group])) {
      group = groups.size();
      groups.emplace_back();
    }
    groups[*group].ops.push_back(op);
    groupOf[op] = *group;
  }
};

} // namespace

std::vector<KernelGroup> lepton::groupOps(Block &block, ShapeAnalysis &shapes, bool fuse, const ReadOps &reads) {
  Grouping grouping(shapes, fuse, reads);
  for (Operation &op : llvm::reverse(block))
    if (isa<ElementOpInterface, KernelOpInterface, InsertOp>(op) && !reads.unread.contains(&op))
      grouping.add(&op);
  // Groups were found from the last root to the first.
  std::reverse(grouping.groups.begin(), grouping.groups.end());
  for (KernelGroup &group : grouping.groups)
    std::reverse(group.ops.begin(), group.ops.end());
  return std::move(grouping.groups);
}

std::string lepton::kernelName(const KernelGroup &group) {
  std::string name;
  llvm::raw_string_ostream os(name);
  size_t shown = 0;
  for (Operation *op : group.ops) {
    if (isa<CastOp>(op) && group.ops.size() > 1)
      continue;
    if (++shown > 5)
      break;
    os << op->getName().stripDialect() << "_";
  }
  auto type = cast<RankedTensorType>(group.root()->getResult(0).getType());
  if (isHandle(type.getElementType()))
    os << "handle";
  else
    os << type.getElementType();
  for (auto [i, size] : llvm::enumerate(type.getShape()))
    os << (i ? "x" : "_") << (ShapedType::isDynamic(size) ? "d" : std::to_string(size));
  return name;
}
