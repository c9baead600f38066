//===- ElementMapping.h - steps whose elements threads share out ------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_ELEMENTMAPPING_H
#define LEPTON_PASSES_ELEMENTMAPPING_H

#include "dialects/Lepton/LeptonOps.h"
#include "passes/gpu/DeviceFunction.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace lepton {

/// Writes the function of steps that compute the same elements. A thread has some of them, its lanes: neighbouring ones, or the tile of a product. The reductions of
/// its lanes run side by side, so that what several of them read is read once.
class ElementMapping {
public:
  /// `extents`: of the parallel loops, on the host.
  ElementMapping(DeviceFunction &device, llvm::ArrayRef<mlir::Operation *> group, LaunchAttr launch,
                 llvm::ArrayRef<mlir::Value> extents);
  /// Of the launch, on the host.
  mlir::Value blocks();
  /// The body, where the builder stands in the function.
  void emit();

private:
  using Indices = llvm::SmallVector<mlir::Value>;
  /// Where one element of each step is computed: its indices, and what stands for the group's private memory.
  struct Lane {
    Indices indices;
    mlir::IRMapping memory;
    llvm::SmallVector<mlir::Value> shapes;
  };

  struct Clones;

  mlir::Value firstItem(mlir::Value thread);
  void emitLanes(llvm::ArrayRef<Indices> elements);
  void emitInParts();
  void emitByWarps();
  int64_t rowTiles();
  void writeColumns(llvm::ArrayRef<mlir::Operation *> steps, llvm::MutableArrayRef<Lane> lanes, Clones &clones,
                    mlir::ValueRange sums, mlir::ValueRange has);
  llvm::SmallVector<Indices> tileAt(mlir::Value item);
  llvm::SmallVector<Lane> makeLanes(llvm::ArrayRef<Indices> elements);
  void emitStep(mlir::Operation *step, llvm::MutableArrayRef<Lane> lanes);
  void useRegisters(llvm::ArrayRef<Lane> lanes);

  DeviceFunction &device;
  mlir::RewriterBase &b;
  mlir::Location loc;
  llvm::ArrayRef<mlir::Operation *> group;
  LaunchAttr launch;
  llvm::SmallVector<mlir::Value> extents; // of items, on the host
  mlir::Value count;                      // of items, on the host
  int64_t lines;                          // threads of a block that have items of their own
  llvm::SmallVector<mlir::Value> here;    // the extents, in the function
  mlir::Value end;                        // the count, in the function
  llvm::SmallVector<mlir::Value> own;     // private memory
};

} // namespace lepton

#endif // LEPTON_PASSES_ELEMENTMAPPING_H
