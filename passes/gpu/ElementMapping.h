//===- ElementMapping.h - steps whose elements threads share out ------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_ELEMENTMAPPING_H
#define LEPTON_PASSES_ELEMENTMAPPING_H

#include "dialects/Lepton/LeptonOps.h"
#include "passes/gpu/DeviceFunction.h"
#include "passes/vector/NestBody.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

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

  /// Clones of a step, one for each lane, whose loops are at the lane's indices; they go again with this.
  struct Clones {
    Clones(mlir::RewriterBase &b, mlir::Operation *step, llvm::ArrayRef<Lane> lanes) : b(b) {
      for (const Lane &lane : lanes) {
        mlir::IRMapping memory = lane.memory; // what is cloned goes again
        ops.push_back(b.clone(*step, memory));
        bodies.emplace_back(b, mlir::cast<mlir::linalg::LinalgOp>(ops.back())).placeAt(lane.indices);
      }
    }
    ~Clones() {
      for (mlir::Operation *op : ops)
        b.eraseOp(op);
    }
    /// What the destinations of a reduction hold for the lanes.
    llvm::SmallVector<mlir::Value> load() {
      llvm::SmallVector<mlir::Value> values;
      for (NestBody &body : bodies) {
        mlir::OpOperand *init = body.op.getDpsInitOperand(0);
        values.push_back(mlir::memref::LoadOp::create(b, body.loc, init->get(), body.indicesOf(*init)));
      }
      return values;
    }
    void store(size_t lane, mlir::Value value) {
      NestBody &body = bodies[lane];
      mlir::OpOperand *init = body.op.getDpsInitOperand(0);
      mlir::memref::StoreOp::create(b, body.loc, value, init->get(), body.indicesOf(*init));
    }

    mlir::RewriterBase &b;
    llvm::SmallVector<mlir::Operation *> ops;
    llvm::SmallVector<NestBody> bodies;
  };

  mlir::Value firstItem(mlir::Value thread);
  void emitLanes(llvm::ArrayRef<Indices> elements);
  void emitInParts();
  int64_t productBlocks();
  void emitProduct();
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
