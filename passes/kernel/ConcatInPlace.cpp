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
#include "dialects/Lepton/GraphBuilder.h"
#include "passes/Passes.h"
#include "passes/kernel/KernelGroups.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lepton {
#define GEN_PASS_DEF_CONCATINPLACE
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// Of fewer bytes a copy costs less than the call of another kernel.
static constexpr int64_t fewestBytes = 256;

namespace {

/// A box within the whole. `isFlat`: of the whole as a matrix, its leading dimensions merged.
struct Region {
  SmallVector<int64_t> offsets, sizes;
  bool isFlat = false;
};

/// An operand that is to read a region of the whole.
struct Reader {
  OpOperand *operand;
  Region region;
};

struct Part {
  Value value; // what the concatenation takes
  SmallVector<int64_t> offsets;
  Operation *after = nullptr; // what computes it, where its kernel inserts it
  Value source; // what that op computes: `value`, or what a frame or a view of other leading dimensions is around
  SmallVector<Reader> readers;
  Value whole; // with this part
};

/// A reshape that merges all dimensions but the last one, or splits them.
bool keepsRows(ReshapeOp op) {
  auto from = op.getInput().getType(), to = op.getResult().getType();
  return from.hasStaticShape() && to.hasStaticShape() && from.getRank() > 1 && to.getRank() > 1 &&
         from.getShape().back() == to.getShape().back() && (from.getRank() == 2) != (to.getRank() == 2);
}

class InPlace {
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
    llvm::SmallPtrSet<Operation *, 8> done;
    for (ConcatOp concat : concats)
      if (!done.contains(concat)) {
        SmallVector<ConcatOp> beginnings;
        for (ConcatOp other : concats)
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
    if (parts.size() == op.getInputs().size())
      return op;
    g.b.setInsertionPoint(op);
    ConcatOp flat = concat(op, parts);
    replace(op, flat.getResult());
    return flat;
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
    if (parts.size() == inputs.size())
      return op;
    g.b.setInsertionPoint(op);
    ConcatOp merged = concat(op, parts);
    replace(op, merged.getResult());
    return merged;
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

  static bool isStatic(Value value) { return cast<RankedTensorType>(value.getType()).hasStaticShape(); }

  /// Finds what reads `value`, which lies in `region`, but for `except`; false where something cannot read a slice without a copy.
  bool findReaders(Value value, const Region &region, ArrayRef<Operation *> except, SmallVectorImpl<Reader> &readers) {
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (llvm::is_contained(except, user))
        continue;
      if (auto slice = dyn_cast<SliceOp>(user); slice && use.getOperandNumber() == 0) {
        if (auto offsets = slice.getOffsets(shapes)) {
          Region inner = region;
          for (auto [at, offset] : llvm::zip_equal(inner.offsets, *offsets))
            at += offset;
          llvm::copy(slice.getResult().getType().getShape(), inner.sizes.begin());
          if (!findReaders(slice.getResult(), inner, {}, readers))
            return false;
          continue;
        }
      }
      if (auto reshape = dyn_cast<ReshapeOp>(user); reshape && use.getOperandNumber() == 0) {
        if (!mayFlatten(reshape, region) || !findReaders(reshape.getResult(), flattened(region), {}, readers))
          return false;
        continue;
      }
      if (!readsSlice(use))
        return false;
      readers.push_back({&use, region});
    }
    return true;
  }

  SmallVector<int64_t> wholeShape; // of the one that is being made
  int64_t rank() const { return wholeShape.size(); }

  bool coversRows(const Region &region) {
    return region.isFlat || ArrayRef(region.sizes).drop_back() == ArrayRef(wholeShape).drop_back();
  }

  bool mayFlatten(ReshapeOp op, const Region &region) {
    return keepsRows(op) && coversRows(region) && op.getResult().getType().getRank() == (region.isFlat ? rank() : 2) &&
           (!region.isFlat || op.getResult().getType().getShape().drop_back() == ArrayRef(wholeShape).drop_back()) &&
           (!region.isFlat || region.sizes[0] == rows());
  }

  int64_t rows() { return llvm::product_of(ArrayRef(wholeShape).drop_back()); }

  Region flattened(const Region &region) {
    if (region.isFlat) {
      Region result{SmallVector<int64_t>(rank(), 0), wholeShape};
      result.offsets.back() = region.offsets.back();
      result.sizes.back() = region.sizes.back();
      return result;
    }
    return {{0, region.offsets.back()}, {rows(), region.sizes.back()}, true};
  }

  Value flat(Location loc, Value whole) { return g.reshape(loc, whole, {rows(), wholeShape.back()}); }

  void redirect(const Reader &reader, Value whole) {
    Operation *user = reader.operand->getOwner();
    g.b.setInsertionPoint(user);
    Location loc = user->getLoc();
    const Region &region = reader.region;
    Value source = region.isFlat ? flat(loc, whole) : whole;
    ArrayRef<int64_t> shape = cast<RankedTensorType>(source.getType()).getShape();
    SmallVector<int64_t> axes, starts, ends;
    for (auto [d, offset, size] : llvm::enumerate(region.offsets, region.sizes))
      if (size != shape[d]) {
        axes.push_back(d);
        starts.push_back(offset);
        ends.push_back(offset + size);
      }
    if (!axes.empty())
      source = g.create<SliceOp>(loc,
                                 {source, g.integers(loc, starts), g.integers(loc, ends),
                                  g.integers(loc, SmallVector<int64_t>(axes.size(), 1))},
                                 g.attr("axes", axes));
    reader.operand->set(source);
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
  bool findSource(Part &part, ArrayRef<Operation *> family) {
    Block *block = family.front()->getBlock();
    Region region{part.offsets, llvm::to_vector(cast<RankedTensorType>(part.value.getType()).getShape())};
    SmallVector<Reader> readers;
    Value value = part.value;
    if (!findReaders(value, region, family, readers))
      return false;
    Operation *outer = value.getDefiningOp();
    if (auto pad = dyn_cast_or_null<PadOp>(outer); pad && pad.getMode() == PadMode::constant) {
      auto frame = pad.getFrame(shapes);
      value = pad.getInput();
      if (!frame || !isComputed(value, block))
        return false;
      for (auto [offset, first] : llvm::zip_equal(region.offsets, frame->first))
        offset += first;
      llvm::copy(cast<RankedTensorType>(value.getType()).getShape(), region.sizes.begin());
      if (!findReaders(value, region, outer, readers))
        return false;
    } else if (auto reshape = dyn_cast_or_null<ReshapeOp>(outer)) {
      value = reshape.getInput();
      if (!keepsRows(reshape) || rankOf(value) != 2 || !coversRows(region) || !isComputed(value, block) ||
          !findReaders(value, {{0, region.offsets.back()}, {rows(), region.sizes.back()}, true}, outer, readers))
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
      operand.getDefiningOp()->moveBefore(&source->getBlock()->front());
    outer->moveAfter(source);
  }

  /// A frame around what others read without it: they read what is inside of the frame, so that one kernel writes both.
  void shareFrame(PadOp pad) {
    Value source = pad.getInput();
    if (source.hasOneUse() || pad.getMode() != PadMode::constant || !isStatic(pad.getResult()) ||
        !isComputed(source, pad->getBlock()) || !hasConstantAttributes(pad))
      return;
    auto frame = pad.getFrame(shapes);
    SmallVector<Reader> readers;
    wholeShape = llvm::to_vector(pad.getResult().getType().getShape());
    if (!frame ||
        !findReaders(source, {frame->first, llvm::to_vector(cast<RankedTensorType>(source.getType()).getShape())},
                     pad.getOperation(), readers))
      return;
    gather(pad, source.getDefiningOp());
    for (const Reader &reader : readers)
      redirect(reader, pad.getResult());
  }

  Value insert(Part &part, Value whole) {
    Location loc = part.value.getLoc();
    if (auto reshape = part.value.getDefiningOp<ReshapeOp>(); reshape && part.source) {
      Value rows = g.create<InsertOp>(loc, {part.source, flat(loc, whole)},
                                      g.attr("offsets", ArrayRef<int64_t>{0, part.offsets.back()}));
      return g.reshape(loc, rows, wholeShape);
    }
    return g.create<InsertOp>(loc, {part.value, whole}, g.attr("offsets", part.offsets));
  }

  /// A concatenation that is the beginning of a larger one, and what reads it.
  struct Beginning {
    ConcatOp op;
    SmallVector<Reader> readers;
  };

  /// Replaces a concatenation, and others that are its beginning, by one whole; `done` gets those.
  void place(ConcatOp largest, ArrayRef<ConcatOp> candidates, llvm::SmallPtrSetImpl<Operation *> &done) {
    auto type = largest.getResult().getType();
    if (!isStatic(largest.getResult()) || isHandle(type.getElementType()) ||
        type.getNumElements() * elementBytes(type.getElementType()) < fewestBytes ||
        !llvm::all_of(largest.getInputs(), isStatic))
      return;
    wholeShape = llvm::to_vector(type.getShape());
    SmallVector<Beginning> beginnings;
    SmallVector<Operation *> family = {largest};
    for (ConcatOp op : candidates) {
      Region region{SmallVector<int64_t>(rank(), 0), llvm::to_vector(op.getResult().getType().getShape())};
      Beginning beginning{op, {}};
      if (!findReaders(op.getResult(), region, {}, beginning.readers))
        continue;
      beginnings.push_back(std::move(beginning));
      family.push_back(op);
    }
    SmallVector<Part> parts;
    int64_t offset = 0;
    for (Value value : largest.getInputs()) {
      Part part;
      part.value = value;
      part.offsets.assign(rank(), 0);
      part.offsets[largest.getAxis()] = offset;
      offset += cast<RankedTensorType>(value.getType()).getDimSize(largest.getAxis());
      if (llvm::count(largest.getInputs(), value) == 1)
        findSource(part, family);
      parts.push_back(std::move(part));
    }
    if (llvm::none_of(parts, [](const Part &part) { return bool(part.source); }))
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
      if (part->after)
        g.b.setInsertionPointAfter(part->after);
      else
        g.b.setInsertionPointToStart(largest->getBlock());
      // Behind what was inserted before at the same place.
      if (whole && whole.getDefiningOp()->getBlock() == g.b.getInsertionBlock() && part->after &&
          part->after->isBeforeInBlock(whole.getDefiningOp()))
        g.b.setInsertionPointAfter(whole.getDefiningOp());
      if (!whole)
        whole = tensor::EmptyOp::create(g.b, largest.getLoc(), type.getShape(), type.getElementType());
      whole = part->whole = insert(*part, whole);
    }
    for (Part *part : order)
      for (const Reader &reader : part->readers)
        redirect(reader, part->whole);
    for (const Beginning &beginning : beginnings) {
      ConcatOp op = beginning.op;
      Value last;
      for (Part *part : order)
        if (size_t(part - parts.data()) < op.getInputs().size())
          last = part->whole;
      for (const Reader &reader : beginning.readers)
        redirect(reader, last);
      retire(op);
    }
    replace(largest, whole);
  }

  /// A slice that is nothing but an address is made for each op that reads it, behind views of other leading dimensions.
  void repeat(SliceOp slice) {
    auto offsets = slice.getOffsets(shapes);
    if (!offsets || (slice->hasOneUse() && !isa<ReshapeOp, SliceOp>(*slice->user_begin())))
      return;
    wholeShape = llvm::to_vector(slice.getInput().getType().getShape());
    Region region{*offsets, llvm::to_vector(slice.getResult().getType().getShape())};
    SmallVector<Reader> readers;
    if (!findReaders(slice.getResult(), region, {}, readers))
      return;
    for (const Reader &reader : readers)
      redirect(reader, slice.getInput());
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
