// RUN: lepton-opt %s --lepton-lower-to-llvm | FileCheck %s

// A name for what a run may lack memory for, its shape on the stack, and the size computed where overflow is seen: in the runtime.
// CHECK-DAG:     llvm.mlir.global internal constant @[[NAME:lepton_message_[0-9A-F]+]]("conv1\00")
// CHECK-LABEL: llvm.func internal @KernelsAreInternalAndTheirBuffersApart
// CHECK-SAME:    llvm.noalias
// CHECK-SAME:    no_inline
func.func private @KernelsAreInternalAndTheirBuffersApart(%context: !llvm.ptr, %x: memref<4xf32>) attributes {lepton.kernel} {
  return
}

// CHECK-LABEL: llvm.func @lepton_entry
func.func @lepton_entry(%context: !llvm.ptr) -> i32 {
  // CHECK:     %[[SHAPE:.*]] = llvm.alloca {{.*}} x !llvm.array<2 x i64>
  // CHECK:     %[[IN:.*]] = llvm.call @lepton_rt_input_shape
  // CHECK:     llvm.mlir.addressof @[[NAME]]
  // CHECK:     llvm.store %{{.*}} : i64, !llvm.ptr
  // CHECK:     %[[T:.*]] = llvm.call @lepton_rt_alloc_tensor(%arg0, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64) -> !llvm.ptr
  // CHECK:     llvm.call @lepton_rt_free(%arg0, %{{.*}})
  // CHECK:     %[[S:.*]] = llvm.call @lepton_rt_alloc(%arg0, %{{.*}}) : (!llvm.ptr, i64) -> !llvm.ptr
  %x = lrt.input %context[0] : memref<?xf32>
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %t = lrt.alloc %context(%n) : memref<?x3xf32> loc("conv1"("Conv"))
  lrt.dealloc %context, %t : memref<?x3xf32>
  %s = lrt.alloc %context() : memref<300000xf32>
  lrt.dealloc %context, %s : memref<300000xf32>
  %ok = arith.constant 0 : i32
  return %ok : i32
}

// Slots are on the stack, and empty before anything is held.
// CHECK-LABEL: llvm.func internal @SlotsHoldMemory
// CHECK:         %[[KEPT:.*]] = llvm.alloca {{.*}} x !llvm.array<1 x ptr>
// CHECK:         %[[SLOTS:.*]] = llvm.alloca {{.*}} x !llvm.array<3 x ptr>
// CHECK:         "llvm.intr.memset"(%[[SLOTS]]
// CHECK:         %[[T:.*]] = llvm.call @lepton_rt_alloc(
// CHECK:         %[[SLOT:.*]] = llvm.getelementptr %[[SLOTS]][2]
// CHECK:         llvm.store %{{.*}}, %[[SLOT]]
// CHECK:         %[[FIRST:.*]] = llvm.getelementptr %[[SLOTS]][1]
// CHECK:         llvm.call @lepton_rt_collect(%arg0, %[[FIRST]], %{{.*}}, %[[KEPT]], %{{.*}})
func.func private @SlotsHoldMemory(%context: !llvm.ptr) {
  %slots = lrt.slots 3
  %t = lrt.alloc %context() : memref<4xf32>
  lrt.hold %slots[2], %t : memref<4xf32>
  lrt.collect %context, %slots[1, 2] keep(%t) : memref<4xf32>
  return
}

// CHECK-LABEL: llvm.func internal @WhatIsRequiredEndsTheRun
// CHECK:         llvm.cond_br %arg1, ^bb2, ^bb1
// CHECK:       ^bb1:
// CHECK:         llvm.call @lepton_rt_stop(%arg0, %{{.*}}) : (!llvm.ptr, !llvm.ptr) -> ()
// CHECK-NEXT:    llvm.unreachable
// CHECK:       ^bb2:
// CHECK:         llvm.call @lepton_rt_fail(%arg0, %{{.*}}) : (!llvm.ptr, !llvm.ptr) -> ()
// CHECK-NEXT:    llvm.br
func.func private @WhatIsRequiredEndsTheRun(%context: !llvm.ptr, %ok: i1) {
  lrt.require %context, %ok, "too short"
  lrt.check %context, %ok, "too long"
  return
}
