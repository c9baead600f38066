//===- ContractionSchedule.cpp - register blocks by a cost model ----------===//
//
// The cost of one reduction step of a block is the largest of three: its multiply-adds on two ports, its loads on two
// ports, and the latency of an accumulator's chain. A block size is judged by the whole extent, remainders included:
// 14 rows are 5 + 5 + 4 rather than 6 + 6 + 2, since two rows cost as much time as four.
//
//===----------------------------------------------------------------------===//
#include "passes/schedule/ContractionSchedule.h"

#include <array>

using namespace mlir;
using namespace lepton;

/// Half cycles per reduction step of a (rows x vectors) block, times 64.
static int64_t stepCost(int64_t rows, int64_t vectors) {
  constexpr int64_t chain = 8; // latency 4 on each of two ports
  // Loads decide between blocks that keep the ports equally busy: those of B most, since its panel seldom stays in L1.
  return rows && vectors ? 64 * std::max({rows * vectors, rows + vectors, chain}) + rows + 3 * vectors : 0;
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
/// What is to be covered by register blocks, and the limits of a block.
struct BlockSearch {
  int64_t rows;    // extent
  int64_t vectors; // extent of one panel, in vectors
  int64_t panels;  // extent
  int64_t numRegisters;
  int64_t maxRows;
  int64_t lines; // of `rows` each, in which the same block may go on
  int64_t maxVectors = 8;

  BlockSearch(int64_t rows, int64_t vectors, int64_t panels, int64_t numRegisters, int64_t maxRows, int64_t lines)
      : rows(rows), vectors(vectors), panels(panels), numRegisters(numRegisters), maxRows(maxRows), lines(lines) {}

  struct Block {
    int64_t rows = 1, vectors = 1, panels = 1;
  };
  Block best;
  int64_t bestCost = std::numeric_limits<int64_t>::max();

  /// Tries all row counts that leave registers for one row of B and one broadcast of A.
  void tryColumns(int64_t blockVectors, int64_t blockPanels, std::array<Piece, 2> columns, int64_t width,
                  int64_t repeat) {
    for (int64_t r = 1; r <= std::min(rows * lines, maxRows) && (r + 1) * width + 1 <= numRegisters; ++r) {
      const bool isLines = r > rows;
      if (isLines && r % rows)
        continue;
      int64_t cost = 0;
      for (Piece row : split(isLines ? rows * lines : rows, r))
        for (Piece column : columns)
          cost += repeat * (isLines ? 1 : lines) * row.count * column.count * stepCost(row.size, column.size);
      if (cost < bestCost) {
        best = {r, blockVectors, blockPanels};
        bestCost = cost;
      }
    }
  }

  Block run() {
    for (int64_t v = 1; v <= std::min(vectors, maxVectors); ++v)
      tryColumns(v, 1, split(vectors, v), v, panels);
    for (int64_t p = 2; p <= panels && p * vectors <= maxVectors; ++p) {
      std::array<Piece, 2> columns = split(panels, p);
      for (Piece &column : columns)
        column.size *= vectors;
      tryColumns(vectors, p, columns, p * vectors, 1);
    }
    return best;
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

ScheduleAttr lepton::selectSchedule(const Contraction &contraction, TargetAttr target) {
  const bool isDot = contraction.form == ContractionForm::Dot;
  const int64_t lanes = lanesFor(contraction, target);
  int64_t rows = contraction.rowDim ? orLarge(contraction.extents[*contraction.rowDim]) : 1;
  int64_t panels = contraction.columnDims.empty() ? 1 : orLarge(contraction.extents[contraction.columnDims.back()]);
  int64_t vectors = isDot ? 1 : llvm::divideCeil(orLarge(contraction.extents[contraction.vectorDim]), lanes);
  BlockSearch::Block block;
  if (contraction.vectorA) {
    // Depthwise forms load A for every multiply-add and keep few accumulators busy; wide rows of two vectors read whole cache lines.
    block.vectors = std::min<int64_t>(vectors, 2);
    block.rows = llvm::divideCeil(rows, llvm::divideCeil(rows, target.getRegisters() / 2 / block.vectors));
  } else {
    // Without a fused operation each product needs a register.
    const bool isFused = target.getFma() && contraction.body.isFloat;
    BlockSearch search(rows, vectors, panels, target.getRegisters() - (isFused ? 0 : 1), maxRowsFor(contraction),
                       linesOf(contraction));
    block = search.run();
    if (isDot)
      std::swap(block.vectors, block.panels);
  }
  // Columns outermost keeps one panel of B in L1 or L2 and streams A, the smaller stream, once per panel. That is
  // wrong only where A has to come from memory again and again while the whole of B would have stayed in L2.
  std::optional<int64_t> aBytes = sliceBytes(contraction, contraction.a),
                         bBytes = sliceBytes(contraction, contraction.b);
  const bool rowsOutermost = aBytes && bBytes && *bBytes <= target.getL2() / 2 && *aBytes > target.getL2();
  return ScheduleAttr::get(target.getContext(), Algorithm::register_block, lanes, block.rows, block.vectors,
                           block.panels, /*unroll=*/1, /*full_unroll=*/12, rowsOutermost);
}
