//===- ContractionSchedule.cpp - register blocks by a cost model ----------===//
//
// The cost of one reduction step of a block is the largest of three: its multiply-adds on two ports, its loads on two
// ports, and the latency of an accumulator's chain. A block size is judged by the whole extent, remainders included:
// 14 rows are 5 + 5 + 4 rather than 6 + 6 + 2, since two rows cost as much time as four.
//
//===----------------------------------------------------------------------===//
#include "passes/schedule/ContractionSchedule.h"
#include "dialects/Lepton/ScheduleLimits.h"

#include <array>

using namespace mlir;
using namespace lepton;

/// Half cycles per reduction step of a (rows x vectors) block, times 64. A vector of A is loaded for each multiply-add, or an element for each row.
static int64_t stepCost(int64_t rows, int64_t vectors, bool isVectorA) {
  constexpr int64_t chain = 8; // latency 4 on each of two ports
  const int64_t loads = (isVectorA ? rows * vectors : rows) + vectors;
  // Loads decide between blocks that keep the ports equally busy: those of B most, since its panel seldom stays in L1.
  return rows && vectors ? 64 * std::max({rows * vectors, loads, chain}) + rows + 3 * vectors : 0;
}

namespace {
/// `count` times `size` iterations.
struct Piece {
  int64_t count, size;
};
} // namespace

/// More rows than registers.
constexpr int64_t unlimitedRows = 64;

static std::array<Piece, 2> split(int64_t extent, int64_t block) {
  return {{{extent / block, block}, {1, extent % block}}};
}

namespace {
struct RegisterBlock {
  int64_t rows = 1, vectors = 1, panels = 1;
  int64_t cost = std::numeric_limits<int64_t>::max();
};

/// What is to be covered by register blocks, and the limits of a block.
struct BlockSpace {
  int64_t rows;    // extent
  int64_t vectors; // extent of one panel, in vectors
  int64_t panels;  // extent
  int64_t numRegisters;
  int64_t maxRows;
  int64_t lines; // of `rows` each, in which the same block may go on
  bool isVectorA;
  int64_t maxVectors = 8;

  /// All row counts that leave registers for one row of B and one broadcast of A.
  void forColumns(RegisterBlock block, std::array<Piece, 2> columns, int64_t repeat,
                  function_ref<void(RegisterBlock)> take) const {
    const int64_t width = block.vectors * block.panels;
    for (int64_t r = 1; r <= std::min(rows * lines, maxRows) && blockRegisters(r, width) <= numRegisters; ++r) {
      const bool isLines = r > rows;
      if (isLines && r % rows)
        continue;
      block.rows = r;
      block.cost = 0;
      for (Piece row : split(isLines ? rows * lines : rows, r))
        for (Piece column : columns)
          block.cost +=
              repeat * (isLines ? 1 : lines) * row.count * column.count * stepCost(row.size, column.size, isVectorA);
      take(block);
    }
  }

  void forEach(function_ref<void(RegisterBlock)> take) const {
    for (int64_t v = 1; v <= std::min(vectors, maxVectors); ++v)
      forColumns({1, v, 1}, split(vectors, v), panels, take);
    for (int64_t p = 2; p <= panels && p * vectors <= maxVectors; ++p) {
      std::array<Piece, 2> columns = split(panels, p);
      for (Piece &column : columns)
        column.size *= vectors;
      forColumns({1, vectors, p}, columns, 1, take);
    }
  }
};
} // namespace

/// An unknown extent is so large that no edge decides.
static int64_t orLarge(int64_t extent) { return ShapedType::isDynamic(extent) ? 27720 : std::max<int64_t>(extent, 1); }

static int64_t elementBytes(const OperandAccess &access) {
  return llvm::divideCeil(cast<MemRefType>(access.memref.getType()).getElementTypeBitWidth(), 8);
}

/// Bytes of `access` over one iteration of the batch dimensions, if all extents are known.
static std::optional<int64_t> sliceBytes(const Contraction &contraction, const OperandAccess &access) {
  int64_t elements = 1;
  for (auto [dim, extent] : llvm::enumerate(contraction.extents)) {
    if (!access.uses(dim) || llvm::is_contained(contraction.batchDims, dim))
      continue;
    if (ShapedType::isDynamic(extent))
      return std::nullopt;
    elements *= extent;
  }
  return elements * elementBytes(access);
}

/// Rows that lie a multiple of a page apart share the sets of an 8-way L1: more than 8 of them evict each other at
/// every step.
static int64_t maxRowsFor(const Contraction &contraction) {
  int64_t step = contraction.rowDim ? contraction.a.steps[*contraction.rowDim] : 0;
  bool collides = !ShapedType::isDynamic(step) && step && step * elementBytes(contraction.a) % 4096 == 0;
  return collides || contraction.form == ContractionForm::Dot ? 8 : unlimitedRows;
}

/// Lines of the second row dimension that a block may take together: those of known sizes.
static int64_t linesOf(const Contraction &contraction) {
  std::optional<unsigned> dim = contraction.lineDim();
  return dim && !contraction.vectorA ? contraction.extents[*dim] : 1;
}

/// Lanes of a vector: half of them where that fills the last one and costs no time.
static int64_t lanesFor(const Contraction &contraction, TargetAttr target) {
  const int64_t lanes = target.lanes(contraction.body.accumulatorType),
                extent = contraction.extents[contraction.vectorDim];
  const bool isHalf = contraction.form == ContractionForm::Columns && target.hasHalfVectors() &&
                      !ShapedType::isDynamic(extent) && extent < 3 * lanes && extent % lanes == lanes / 2;
  return isHalf ? lanes / 2 : lanes;
}

/// What blocks of vectors of `lanes` elements cover. A dot product has its columns where others have panels.
static BlockSpace blocksOf(const Contraction &contraction, TargetAttr target, int64_t lanes) {
  const bool isDot = contraction.form == ContractionForm::Dot;
  // Without a fused operation each product needs a register.
  const bool isFused = target.getFma() && contraction.body.isFloat;
  BlockSpace space;
  space.rows = contraction.rowDim ? orLarge(contraction.extents[*contraction.rowDim]) : 1;
  space.panels = contraction.columnDims.empty() ? 1 : orLarge(contraction.extents[contraction.columnDims.back()]);
  space.vectors = isDot ? 1 : llvm::divideCeil(orLarge(contraction.extents[contraction.vectorDim]), lanes);
  space.numRegisters = target.getRegisters() - (isFused ? 0 : 1);
  space.maxRows = maxRowsFor(contraction);
  space.lines = linesOf(contraction);
  space.isVectorA = contraction.vectorA;
  return space;
}

/// Depthwise forms load A for every multiply-add and keep few accumulators busy; wide rows of two vectors read whole
/// cache lines.
static RegisterBlock depthwiseBlock(const BlockSpace &space, TargetAttr target) {
  RegisterBlock block;
  block.vectors = std::min<int64_t>(space.vectors, 2);
  block.rows = llvm::divideCeil(space.rows, llvm::divideCeil(space.rows, target.getRegisters() / 2 / block.vectors));
  return block;
}

/// Columns outermost keeps one panel of B in L1 or L2 and streams A, the smaller stream, once per panel. That is wrong
/// only where A has to come from memory again and again while the whole of B would have stayed in L2.
static bool hasRowsOutermost(const Contraction &contraction, TargetAttr target) {
  std::optional<int64_t> aBytes = sliceBytes(contraction, contraction.a),
                         bBytes = sliceBytes(contraction, contraction.b);
  return aBytes && bBytes && *bBytes <= target.getL2() / 2 && *aBytes > target.getL2();
}

static constexpr int64_t standardFullUnroll = 12;

/// Inner reduction loops disappear unless two rows of a block would then read the same element of A (neighbouring pixels of a convolution of few channels):
/// LLVM would keep what they share from one tap to the next, in far more registers than there are.
static int64_t fullUnrollFor(const Contraction &contraction, const RegisterBlock &block) {
  if (contraction.form == ContractionForm::Dot || contraction.vectorA || !contraction.rowDim || block.rows == 1)
    return standardFullUnroll;
  const int64_t rowStep = contraction.a.steps[*contraction.rowDim];
  int64_t copies = 1, span = 0;
  for (unsigned dim : llvm::reverse(contraction.reductionDims)) {
    const int64_t extent = contraction.extents[dim], step = contraction.a.steps[dim];
    if (ShapedType::isDynamic(extent) || ShapedType::isDynamic(step) || copies * extent > standardFullUnroll)
      break;
    span += (extent - 1) * step;
    if (span >= rowStep)
      return copies;
    copies *= extent;
  }
  return standardFullUnroll;
}

namespace {
/// What a schedule says beside its block.
struct Knobs {
  int64_t lanes;
  bool rowsOutermost;
  int64_t unroll = 1, fullUnroll = standardFullUnroll;
};
} // namespace

static ScheduleAttr makeSchedule(const Contraction &contraction, TargetAttr target, RegisterBlock block, Knobs knobs) {
  if (contraction.form == ContractionForm::Dot)
    std::swap(block.vectors, block.panels);
  return ScheduleAttr::get(target.getContext(), Algorithm::register_block, knobs.lanes, block.rows, block.vectors,
                           block.panels, knobs.unroll, knobs.fullUnroll, knobs.rowsOutermost);
}

ScheduleAttr lepton::selectSchedule(const Contraction &contraction, TargetAttr target) {
  const int64_t lanes = lanesFor(contraction, target);
  const BlockSpace space = blocksOf(contraction, target, lanes);
  RegisterBlock best;
  if (contraction.vectorA)
    best = depthwiseBlock(space, target);
  else
    space.forEach([&](RegisterBlock block) { best = block.cost < best.cost ? block : best; });
  return makeSchedule(contraction, target, best,
                      {lanes, hasRowsOutermost(contraction, target), /*unroll=*/1, fullUnrollFor(contraction, best)});
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

/// Whole vectors, and halves where a processor computes those in half the time, or where the last vector is half empty.
static SmallVector<int64_t> lanesToTry(const Contraction &contraction, TargetAttr target) {
  const int64_t lanes = target.lanes(contraction.body.accumulatorType),
                extent = contraction.extents[contraction.vectorDim];
  SmallVector<int64_t> choices = {lanes};
  const int64_t rest = ShapedType::isDynamic(extent) ? 0 : extent % lanes;
  if (contraction.form == ContractionForm::Columns && lanes > 1 &&
      (target.hasHalfVectors() || (rest && rest <= lanes / 2)))
    choices.push_back(lanes / 2);
  return choices;
}

/// One number for each set of reduction loops that can disappear, the default among them.
static SmallVector<int64_t> fullUnrollsToTry(const Contraction &contraction) {
  constexpr int64_t mostCopies = 64;
  SmallVector<int64_t> choices = {standardFullUnroll};
  if (contraction.form == ContractionForm::Dot)
    return choices;
  int64_t copies = 1;
  SmallVector<int64_t> products = {copies}; // of the innermost loops' trip counts
  for (unsigned dim : llvm::reverse(contraction.reductionDims)) {
    const int64_t extent = contraction.extents[dim];
    if (ShapedType::isDynamic(extent) || copies * extent > mostCopies)
      break;
    copies *= extent;
    if (copies > products.back())
      products.push_back(copies);
  }
  const int64_t *obeyed = std::prev(llvm::upper_bound(products, standardFullUnroll));
  for (const int64_t &product : products)
    if (&product != obeyed)
      choices.push_back(product);
  return choices;
}

/// Copies of the body of the innermost reduction loop, if there is one.
static SmallVector<int64_t> unrollsToTry(const Contraction &contraction, int64_t fullUnroll) {
  const int64_t extent = contraction.extents[contraction.reductionDims.back()];
  SmallVector<int64_t> choices = {1};
  if (contraction.form == ContractionForm::Dot || (!ShapedType::isDynamic(extent) && extent <= fullUnroll))
    return choices;
  for (int64_t unroll : {2, 4})
    if (ShapedType::isDynamic(extent) || extent >= 2 * unroll)
      choices.push_back(unroll);
  return choices;
}

/// Both orders of the loops, unless all that they walk through stays in the first-level cache anyway.
static SmallVector<bool> ordersToTry(const Contraction &contraction, TargetAttr target) {
  const bool standard = hasRowsOutermost(contraction, target);
  std::optional<int64_t> aBytes = sliceBytes(contraction, contraction.a),
                         bBytes = sliceBytes(contraction, contraction.b);
  if (contraction.rowDims.empty() || (aBytes && bBytes && *aBytes + *bBytes <= target.getL1()))
    return {standard};
  return {standard, !standard};
}

SmallVector<RatedSchedule> lepton::listSchedules(const Contraction &contraction, TargetAttr target) {
  constexpr size_t mostSchedules = 256;
  constexpr int64_t mostMultiplyAdds = 768; // of a loop's body: more does not fit the cache of decoded instructions
  const ScheduleAttr chosen = selectSchedule(contraction, target);
  const int64_t lanes = target.lanes(contraction.body.accumulatorType);
  SmallVector<RatedSchedule> list;
  auto add = [&](RegisterBlock block, Knobs knobs) {
    // The model knows blocks only. What deviates beside them comes after the block itself, and before blocks that cost much more.
    const int64_t deviations = (knobs.unroll != chosen.getUnroll()) + (knobs.fullUnroll != chosen.getFullUnroll()) +
                               (knobs.rowsOutermost != chosen.getRowsOutermost());
    const bool isHalf = knobs.lanes < lanes && target.hasHalfVectors();
    const int64_t copies = std::max(knobs.fullUnroll, knobs.unroll);
    if (block.rows * block.vectors * block.panels * copies <= mostMultiplyAdds)
      list.push_back({makeSchedule(contraction, target, block, knobs),
                      block.cost / (isHalf ? 2 : 1) * (100 + 3 * deviations) / 100});
  };
  const SmallVector<int64_t> fullUnrolls = fullUnrollsToTry(contraction);
  const SmallVector<bool> orders = ordersToTry(contraction, target);
  for (int64_t width : lanesToTry(contraction, target)) {
    const BlockSpace blocks = blocksOf(contraction, target, width);
    for (int64_t fullUnroll : fullUnrolls)
      for (int64_t unroll : unrollsToTry(contraction, fullUnroll))
        for (bool rowsOutermost : orders)
          blocks.forEach([&](RegisterBlock block) { add(block, {width, rowsOutermost, unroll, fullUnroll}); });
  }
  llvm::stable_sort(list, [](const RatedSchedule &a, const RatedSchedule &b) { return a.cost < b.cost; });
  // The default comes first, whatever the model says of it.
  auto *found = llvm::find_if(list, [&](const RatedSchedule &rated) { return rated.schedule == chosen; });
  const RatedSchedule first = found != list.end() ? *found
                              : list.empty()      ? RatedSchedule{chosen, 1}
                                                  : RatedSchedule{chosen, list.front().cost};
  if (found != list.end())
    list.erase(found);
  list.insert(list.begin(), first);
  llvm::erase_if(list, [&](const RatedSchedule &rated) { return rated.cost > 2 * first.cost; });
  list.resize(std::min(list.size(), mostSchedules), first);
  return list;
}
