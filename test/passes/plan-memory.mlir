// RUN: lepton-opt %s --lepton-plan-memory | FileCheck %s

// Two buffers that do not live at the same time share the arena's bytes; a result is allocated as the output that it is.
// CHECK: module attributes {
// CHECK-SAME: lepton.arena_bytes = 128 : i64
// CHECK-SAME: lepton.constant_bytes = 64 : i64
// CHECK-SAME: lepton.constant_offsets = array<i64: 0>
// CHECK-SAME: lepton.live_bytes = 128 : i64
module {
  func.func private @k(!llvm.ptr, memref<16xf32>, memref<16xf32>) attributes {lepton.kernel}
  // CHECK-LABEL: func.func @lepton_entry(%arg0: !llvm.ptr) -> i32
  // CHECK-DAG:     %[[X:.*]] = lrt.input %arg0[0] : memref<16xf32>
  // CHECK-DAG:     %[[W:.*]] = lrt.constant[0] : memref<16xf32>
  // CHECK:         %[[A:.*]] = lrt.arena %arg0[[[FIRST:[0-9]+]]] : memref<16xf32>
  // CHECK:         call @k(%arg0, %[[X]], %[[A]])
  // CHECK:         %[[B:.*]] = lrt.arena %arg0[{{[0-9]+}}] : memref<16xf32>
  // CHECK:         call @k(%arg0, %[[A]], %[[B]])
  // CHECK:         %[[C:.*]] = lrt.arena %arg0[[[FIRST]]] : memref<16xf32>
  // CHECK:         call @k(%arg0, %[[B]], %[[C]])
  // CHECK:         %[[Y:.*]] = lrt.output %arg0[0] () : memref<16xf32>
  // CHECK:         call @k(%arg0, %[[C]], %[[Y]])
  // CHECK:         return %{{.*}} : i32
  func.func @main(%ctx: !llvm.ptr, %x: memref<16xf32>, %w: memref<16xf32> {lepton.constant = 0 : i64}) -> memref<16xf32> {
    %a = memref.alloc() : memref<16xf32>
    call @k(%ctx, %x, %a) : (!llvm.ptr, memref<16xf32>, memref<16xf32>) -> ()
    %b = memref.alloc() : memref<16xf32>
    call @k(%ctx, %a, %b) : (!llvm.ptr, memref<16xf32>, memref<16xf32>) -> ()
    %c = memref.alloc() : memref<16xf32>
    call @k(%ctx, %b, %c) : (!llvm.ptr, memref<16xf32>, memref<16xf32>) -> ()
    %y = memref.alloc() : memref<16xf32>
    call @k(%ctx, %c, %y) : (!llvm.ptr, memref<16xf32>, memref<16xf32>) -> ()
    return %y : memref<16xf32>
  }
}
