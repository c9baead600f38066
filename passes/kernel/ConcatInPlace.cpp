//===- ConcatInPlace.cpp - the parts of a concatenation are computed where they belong ---------------------------------===//
//
// Before: lepton.concat of values that other kernels compute.
// After:  those kernels end with lepton.insert into the whole; whoever else reads a part, reads a slice of the whole.
//
// All parts lie in the whole from when they are computed until the last one is read, and each is written once: a slice of any state of the whole that
// has the part is right at any later time, so nothing needs to be copied to keep states apart.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "passes/Passes.h"
#include "passes/kernel/KernelGroups.h"
#include "passes/kernel/SliceReaders.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lepton {
#define GEN_PASS_DEF_CONCATINPLACE
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// Concatenations of concatenations have no more parts: one after the other, they would all have each other's.
static constexpr size_t mostNested = 128;
/// Of fewer bytes a copy takes less than the call of another kernel.
static constexpr int64_t fewestBytes = 256;

namespace {

struct Part {
  Value value; // what the concatenation takes
  SmallVector<int64_t> offsets;
  Operation *after = nullptr; // what computes it, where its kernel inserts it
  Value source; // what that op computes: `value`, or what a frame or a view of other leading dimensions is around
  std::vector<Reader> readers;
  Value whole; // with this part
};

class InPlace {
  using Ops = llvm::SmallPtrSet<Operation *, 8>;

public:
  InPlace(OpBuilder &b, ShapeAnalysis &shapes) : shapes(shapes), g(b, shapes) {}
  ~InPlace() {
    for (Operation *op : retired)
      op->destroy();
  }

  void run(Block &block) {
    SmallVector<ConcatOp> concats(block.getOps<ConcatOp>());
    for (ConcatOp &concat : concats)
      concat = mergeSlices(flatten(concat));
    for (ConcatOp &concat : concats)
      concat = moveFrame(concat);
    // The largest first: those that are the beginning of another one share its memory.
    llvm::erase_if(concats, [](ConcatOp op) { return op->use_empty(); });
    llvm::stable_sort(concats, [](ConcatOp a, ConcatOp b) { return a.getInputs().size() > b.getInputs().size(); });
    llvm::DenseMap<Value, SmallVector<ConcatOp>> byFirst;
    for (ConcatOp concat : concats)
      byFirst[concat.getInputs().front()].push_back(concat);
    // Before parts that are concatenations themselves are replaced.
    auto sharingFirst = llvm::map_to_vector(
        concats, [&](ConcatOp concat) { return ArrayRef<ConcatOp>(byFirst[concat.getInputs().front()]); });
    Ops done;
    for (auto [concat, others] : llvm::zip_equal(concats, sharingFirst))
      if (!done.contains(concat)) {
        SmallVector<ConcatOp> beginnings;
        for (ConcatOp other : others)
          if (other != concat && !done.contains(other) && isBeginning(other, concat))
            beginnings.push_back(other);
        place(concat, beginnings, done);
      }
    for (PadOp pad : llvm::to_vector(block.getOps<PadOp>()))
      shareFrame(pad);
    for (SliceOp slice : llvm::to_vector(block.getOps<SliceOp>()))
      repeat(slice);
  }

private:
  ShapeAnalysis &shapes;
  GraphBuilder g;
  SmallVector<int64_t> wholeShape;  // of the one that is being made
  SmallVector<Operation *> retired; // until the end: the analysis knows values by their address

  void replace(Operation *op, Value by) {
    op->getResult(0).replaceAllUsesWith(by);
    retire(op);
  }

  void retire(Operation *op) {
    op->dropAllReferences();
    op->remove();
    retired.push_back(op);
  }

  static bool isBeginning(ConcatOp small, ConcatOp large) {
    ValueRange parts = small.getInputs(), all = large.getInputs();
    return small.getAxis() == large.getAxis() && parts.size() <= all.size() &&
           llvm::equal(parts, all.take_front(parts.size()));
  }

  ConcatOp concat(ConcatOp like, ValueRange parts) {
    return g.create<ConcatOp>(like.getLoc(), parts, g.attr("axis", int64_t(like.getAxis()))).getDefiningOp<ConcatOp>();
  }

  /// The same concatenation of more or fewer parts, if they are not too many.
  ConcatOp withParts(ConcatOp op, ValueRange parts) {
    if (parts.size() == op.getInputs().size() || parts.size() > mostNested)
      return op;
    g.b.setInsertionPoint(op);
    ConcatOp other = concat(op, parts);
    replace(op, other.getResult());
    return other;
  }

  /// concat(concat(x, y), z) -> concat(x, y, z)
  ConcatOp flatten(ConcatOp op) {
    SmallVector<Value> parts;
    for (Value input : op.getInputs()) {
      auto inner = input.getDefiningOp<ConcatOp>();
      if (inner && inner.getAxis() == op.getAxis())
        llvm::append_range(parts, inner.getInputs());
      else
        parts.push_back(input);
    }
    return withParts(op, parts);
  }

  /// concat(x[.., :a], x[.., a:], y) -> concat(x, y)
  ConcatOp mergeSlices(ConcatOp op) {
    SmallVector<Value> parts;
    const int64_t axis = op.getAxis();
    auto startOf = [&](SliceOp slice) -> std::optional<int64_t> {
      auto offsets = slice ? slice.getOffsets(shapes) : std::nullopt;
      if (!offsets)
        return std::nullopt;
      for (int64_t d = 0; d < int64_t(offsets->size()); ++d)
        if (d != axis && slice.getResult().getType().getDimSize(d) != slice.getInput().getType().getDimSize(d))
          return std::nullopt;
      return (*offsets)[axis];
    };
    ValueRange inputs = op.getInputs();
    for (size_t i = 0; i < inputs.size();) {
      auto first = inputs[i].getDefiningOp<SliceOp>();
      int64_t end = 0;
      size_t next = i;
      if (startOf(first) == 0)
        for (; next < inputs.size(); ++next) {
          auto slice = inputs[next].getDefiningOp<SliceOp>();
          if (!slice || slice.getInput() != first.getInput() || startOf(slice) != end)
            break;
          end += slice.getResult().getType().getDimSize(axis);
        }
      const bool isWhole = next > i && end == first.getInput().getType().getDimSize(axis);
      parts.push_back(isWhole ? first.getInput() : inputs[i]);
      i = isWhole ? next : i + 1;
    }
    return withParts(op, parts);
  }

  /// pad(concat(x, y)) -> concat(pad(x), pad(y)), where the frame is constant and nothing else reads the concatenation.
  ConcatOp moveFrame(ConcatOp op) {
    auto pad = op->hasOneUse() ? dyn_cast<PadOp>(*op->user_begin()) : PadOp();
    if (!pad || pad.getInput() != op.getResult() || pad.getMode() != PadMode::constant || !isStatic(pad.getResult()) ||
        !pad.getFrame(shapes) || llvm::is_contained(pad.getAxes(), int64_t(op.getAxis())))
      return op;
    g.b.setInsertionPoint(pad);
    SmallVector<Value> parts;
    for (Value part : op.getInputs()) {
      // The same frame around the same part is one op.
      auto same = llvm::find_if(part.getUsers(), [&](Operation *user) {
        auto other = dyn_cast<PadOp>(user);
        return other && other != pad && other.getInput() == part && other->getBlock() == pad->getBlock() &&
               other->isBeforeInBlock(pad) && other.getMode() == pad.getMode() && other.getAxes() == pad.getAxes() &&
               other.getValue() == pad.getValue() && other.getFrame(shapes) == pad.getFrame(shapes);
      });
      parts.push_back(same != part.user_end()
                          ? (*same)->getResult(0)
                          : g.pad(pad.getLoc(), part, pad.getPads(), pad.getAxes(), pad.getValue()));
    }
    ConcatOp framed = concat(op, parts);
    replace(pad, framed.getResult());
    retire(op);
    return framed;
  }

  static SmallVector<int64_t> shapeOf(Value value) {
    return llvm::to_vector(cast<RankedTensorType>(value.getType()).getShape());
  }

  static bool isStatic(Value value) { return cast<RankedTensorType>(value.getType()).hasStaticShape(); }

  bool findReaders(Value value, const Box &box, const Ops &except, std::vector<Reader> &readers) {
    return lepton::findReaders(shapes, value, box, except, readers);
  }

  /// Whether a kernel of this block computes a value that it could write anywhere.
  static bool isComputed(Value value, Block *block) {
    Operation *op = value.getDefiningOp();
    return op && op->getBlock() == block && op->getNumResults() == 1 && isStatic(value) &&
           (isa<ElementwiseOpInterface>(op) || takesEpilogue(op));
  }

  static bool hasConstantAttributes(Operation *op) {
    return llvm::all_of(op->getOperands().drop_front(),
                        [](Value operand) { return bool(operand.getDefiningOp<ConstantOp>()); });
  }

  /// Whether a kernel can write the part to its place, and all others that read it can read it there.
  bool findSource(Part &part, Block *block, const Ops &family) {
    Box box{wholeShape, part.offsets, shapeOf(part.value)};
    std::vector<Reader> readers;
    Value value = part.value;
    if (!findReaders(value, box, family, readers))
      return false;
    Operation *outer = value.getDefiningOp();
    if (auto pad = dyn_cast_or_null<PadOp>(outer); pad && pad.getMode() == PadMode::constant) {
      auto frame = pad.getFrame(shapes);
      value = pad.getInput();
      if (!frame || !isComputed(value, block))
        return false;
      for (auto [offset, first] : llvm::zip_equal(box.offsets, frame->first))
        offset += first;
      box.sizes = shapeOf(value);
      if (!findReaders(value, box, {outer}, readers))
        return false;
    } else if (auto reshape = dyn_cast_or_null<ReshapeOp>(outer)) {
      value = reshape.getInput();
      if (!keepsRows(reshape) || !box.coversRows() || !isComputed(value, block) ||
          !findReaders(value, box.viewed(ArrayRef(shapeOf(value)).drop_back()), {outer}, readers))
        return false;
    }
    if (!isComputed(value, block) || (outer != value.getDefiningOp() && !hasConstantAttributes(outer)))
      return false;
    part.source = value;
    part.after = outer;
    part.readers = std::move(readers);
    return true;
  }

  /// Moves a frame or a view to what it is around.
  static void gather(Operation *outer, Operation *source) {
    if (outer == source)
      return;
    for (Value operand : outer->getOperands().drop_front())
      if (Operation *constant = operand.getDefiningOp(); constant->getBlock() == source->getBlock())
        constant->moveBefore(&source->getBlock()->front());
    outer->moveAfter(source);
  }

  /// A frame around what others read without it: they read what is inside of the frame, so that one kernel writes both.
  void shareFrame(PadOp pad) {
    Value source = pad.getInput();
    if (source.hasOneUse() || pad.getMode() != PadMode::constant || !isStatic(pad.getResult()) ||
        !isComputed(source, pad->getBlock()) || !hasConstantAttributes(pad))
      return;
    auto frame = pad.getFrame(shapes);
    std::vector<Reader> readers;
    wholeShape = shapeOf(pad.getResult());
    if (!frame || !findReaders(source, {wholeShape, frame->first, shapeOf(source)}, {pad.getOperation()}, readers))
      return;
    gather(pad, source.getDefiningOp());
    for (const Reader &reader : readers)
      redirect(g, reader, pad.getResult());
  }

  Value insert(Part &part, Value whole) {
    Location loc = part.value.getLoc();
    if (auto reshape = part.value.getDefiningOp<ReshapeOp>(); reshape && part.source) {
      Box box{wholeShape, part.offsets, shapeOf(part.value)};
      box = box.viewed(ArrayRef(shapeOf(part.source)).drop_back());
      Value rows =
          g.create<InsertOp>(loc, {part.source, viewed(g, loc, whole, box.shape)}, g.attr("offsets", box.offsets));
      return viewed(g, loc, rows, wholeShape);
    }
    return g.create<InsertOp>(loc, {part.value, whole}, g.attr("offsets", part.offsets));
  }

  /// A concatenation that is the beginning of a larger one, and what reads it.
  struct Beginning {
    ConcatOp op;
    std::vector<Reader> readers;
  };

  /// Replaces a concatenation, and others that are its beginning, by one whole; `done` gets those.
  void place(ConcatOp largest, ArrayRef<ConcatOp> candidates, Ops &done) {
    auto type = largest.getResult().getType();
    if (!isStatic(largest.getResult()) || isHandle(type.getElementType()) ||
        type.getNumElements() * elementBytes(type.getElementType()) < fewestBytes ||
        !llvm::all_of(largest.getInputs(), isStatic))
      return;
    wholeShape = shapeOf(largest.getResult());
    std::vector<Beginning> beginnings;
    Ops family = {largest};
    for (ConcatOp op : candidates) {
      Box box{wholeShape, SmallVector<int64_t>(wholeShape.size(), 0), shapeOf(op.getResult())};
      Beginning beginning{op, {}};
      if (!findReaders(op.getResult(), box, {}, beginning.readers))
        continue;
      beginnings.push_back(std::move(beginning));
      family.insert(op);
    }
    llvm::DenseMap<Value, unsigned> times;
    for (Value value : largest.getInputs())
      ++times[value];
    std::vector<Part> parts;
    int64_t offset = 0;
    for (Value value : largest.getInputs()) {
      Part part;
      part.value = value;
      part.offsets.assign(wholeShape.size(), 0);
      part.offsets[largest.getAxis()] = offset;
      offset += cast<RankedTensorType>(value.getType()).getDimSize(largest.getAxis());
      if (times[value] == 1)
        findSource(part, largest->getBlock(), family);
      parts.push_back(std::move(part));
    }
    if (parts.size() <= mostConcatenated && llvm::none_of(parts, [](const Part &part) { return bool(part.source); }))
      return;
    done.insert(family.begin(), family.end());
    write(largest, parts, beginnings);
  }

  void write(ConcatOp largest, MutableArrayRef<Part> parts, ArrayRef<Beginning> beginnings) {
    auto type = largest.getResult().getType();
    for (Part &part : parts)
      if (part.source)
        gather(part.after, part.source.getDefiningOp());
    // A part that no kernel inserts is copied in front of the first concatenation that has it.
    for (auto [i, part] : llvm::enumerate(parts)) {
      if (part.source)
        continue;
      Operation *first = largest;
      for (const Beginning &beginning : beginnings)
        if (ConcatOp op = beginning.op; op.getInputs().size() > i && op->isBeforeInBlock(first))
          first = op;
      part.after = first->getPrevNode();
    }
    SmallVector<Part *> order;
    for (Part &part : parts)
      order.push_back(&part);
    llvm::stable_sort(order, [](Part *a, Part *b) {
      return a->after && b->after ? a->after != b->after && a->after->isBeforeInBlock(b->after) : !a->after && b->after;
    });
    Value whole;
    for (Part *part : order) {
      Operation *after = part->after;
      if (whole && (!after || after->isBeforeInBlock(whole.getDefiningOp())))
        after = whole.getDefiningOp(); // behind what was inserted before at the same place
      if (after)
        g.b.setInsertionPointAfter(after);
      else
        g.b.setInsertionPointToStart(largest->getBlock());
      if (!whole)
        whole = tensor::EmptyOp::create(g.b, largest.getLoc(), type.getShape(), type.getElementType());
      whole = part->whole = insert(*part, whole);
    }
    for (Part *part : order)
      for (const Reader &reader : part->readers)
        redirect(g, reader, part->whole);
    for (const Beginning &beginning : beginnings) {
      ConcatOp op = beginning.op;
      Value last;
      for (Part *part : order)
        if (size_t(part - parts.data()) < op.getInputs().size())
          last = part->whole;
      for (const Reader &reader : beginning.readers)
        redirect(g, reader, last);
      retire(op);
    }
    replace(largest, whole);
  }

  /// A slice that is nothing but an address is made for each op that reads it, behind views of other leading dimensions.
  void repeat(SliceOp slice) {
    auto offsets = slice.getOffsets(shapes);
    if (!offsets || (slice->hasOneUse() && !isa<ReshapeOp, SliceOp>(*slice->user_begin())))
      return;
    wholeShape = shapeOf(slice.getInput());
    Box box{wholeShape, *offsets, shapeOf(slice.getResult())};
    std::vector<Reader> readers;
    if (!findReaders(slice.getResult(), box, {}, readers))
      return;
    for (const Reader &reader : readers)
      redirect(g, reader, slice.getInput());
  }
};

struct ConcatInPlace : lepton::impl::ConcatInPlaceBase<ConcatInPlace> {
  void runOnOperation() override {
    if (getOperation()->hasAttr("lepton.kernel"))
      return;
    ShapeAnalysis shapes(&getContext());
    OpBuilder b(&getContext());
    SmallVector<Block *> blocks;
    getOperation().walk([&](Block *block) { blocks.push_back(block); });
    for (Block *block : blocks)
      InPlace(b, shapes).run(*block);
  }
};

} // namespace
