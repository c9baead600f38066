// RUN: lepton-opt %s --lepton-plan-memory | FileCheck %s

// A buffer that is returned twice is one output, and is copied to the other.
module {
  func.func private @k(!llvm.ptr, memref<?xf32>, memref<?xf32>) attributes {lepton.kernel}
  // CHECK-LABEL: func.func @lepton_entry
  // CHECK:         %[[FIRST:.*]] = lrt.output %arg0[0]
  // CHECK:         call @k(%arg0, %{{.*}}, %[[FIRST]])
  // CHECK:         %[[SECOND:.*]] = lrt.output %arg0[1]
  // CHECK:         memref.copy %[[FIRST]], %[[SECOND]]
  func.func @main(%ctx: !llvm.ptr, %x: memref<?xf32>) -> (memref<?xf32>, memref<?xf32>) {
    %c0 = arith.constant 0 : index
    %n = memref.dim %x, %c0 : memref<?xf32>
    %y = memref.alloc(%n) : memref<?xf32>
    call @k(%ctx, %x, %y) : (!llvm.ptr, memref<?xf32>, memref<?xf32>) -> ()
    return %y, %y : memref<?xf32>, memref<?xf32>
  }
}
