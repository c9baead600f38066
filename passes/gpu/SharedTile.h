//===- SharedTile.h - slices of a matrix product's factor in shared memory -----------------------------------------*- C++ -*-===//
//
// A block multiplies a slice after the other of its rows and its columns. Of each factor several slices lie in shared memory, in stages that are used in turn: while one is
// multiplied, copies of the next ones are under way. What is memory's own is copied by cp.async, past the registers, and zeros where the matrix or the window ends; what
// has to be computed or rounded is loaded before the multiplication and stored after it.
//
// For tensor cores a stage has the order of memory: lines (rows or columns) of neighbours along the depth, or the other way round; for threads that multiply float32
// themselves neighbours are always lines, of which they load several at once. Lines are padded, so that neither what a warp reads for an instruction nor what it stores
// falls on one bank of the memory more often than need be.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_SHAREDTILE_H
#define LEPTON_PASSES_SHAREDTILE_H

#include "dialects/Lepton/LeptonOps.h"
#include "passes/gpu/DeviceFunction.h"
#include "passes/gpu/IndexMath.h"
#include "passes/gpu/Product.h"
#include "passes/vector/NestBody.h"

namespace lepton {

/// The slices of a reduction: iterations of its innermost loop, `depth` each, for every iteration of the others.
struct Slices {
  Slices(mlir::linalg::LinalgOp op, int64_t depth);
  /// Sets the induction variables of the nest to the beginning of a slice.
  void placeAt(NestBody &nest, mlir::Value slice) const;

  int64_t depth, count, extent; // of the innermost loop
  llvm::SmallVector<int64_t> loops, extents;
};

class SharedTile {
public:
  /// The nest is at the block's product of the batch; `lines` of the side from `first` on. Without a multiplicand of tensor cores it is float32.
  SharedTile(DeviceFunction &device, const NestBody &nest, const Product::Side &side, mlir::FloatType multiplicand,
             const Slices &slices, LaunchAttr launch, int64_t lines, mlir::Value first);

  /// Begins to bring a slice to a stage, or nothing where it `is` not there (null: it is).
  void begin(mlir::Value slice, mlir::Value stage, mlir::Value is);
  /// Stores what had to be loaded first.
  void finish();

  /// The address of an element, in bytes from the tile's beginning.
  mlir::Value addressOf(mlir::Value stage, mlir::Value line, mlir::Value depth);
  mlir::Type elementType() const { return element; }
  /// Whether copies have to be waited for.
  bool isCopied() const { return plain.has_value(); }
  /// Whether neighbours along the depth are neighbours in shared memory.
  bool isAlongDepth() const { return alongDepth; }

private:
  /// Neighbouring elements that one access moves.
  struct Chunk {
    mlir::Value line, depth;
  };
  void findOrder(bool keepsOrder);
  Chunk chunkAt(int64_t number);
  mlir::Value isInside(const NestBody &at, mlir::Value line, mlir::Value is);
  void copy(NestBody &at, mlir::Value destination, mlir::Value inside);
  llvm::SmallVector<mlir::Value> load(NestBody &at, mlir::Value inside);

  DeviceFunction &device;
  mlir::RewriterBase &b;
  mlir::Location loc;
  IndexMath index;
  NestBody nest;
  Product::Side side;
  mlir::Type element; // in shared memory
  const Slices &slices;
  int64_t stages, threads, lines, pitch; // elements from one line, or one depth, to the next
  mlir::Value first, memory;
  std::optional<PlainRead> plain;                  // where it is copied
  bool readAlongDepth = false, alongDepth = false; // in global and in shared memory
  int64_t width = 1;                               // elements of a chunk
  struct Pending {
    mlir::Value destination;
    llvm::SmallVector<mlir::Value> elements;
  };
  llvm::SmallVector<Pending> pending;
};

} // namespace lepton

#endif // LEPTON_PASSES_SHAREDTILE_H
