// RUN: lepton-opt %s --lepton-swap-loop-buffers --split-input-file | FileCheck %s

// A step writes what the step before it read.
module {
  func.func private @step(!llvm.ptr, memref<4xf32>, memref<4xf32>) attributes {lepton.kernel}
  // CHECK-LABEL: func.func @main
  // CHECK:         %[[A:.*]] = memref.alloc
  // CHECK:         memref.copy %arg1, %[[A]]
  // CHECK:         %[[B:.*]] = memref.alloc
  // CHECK:         scf.for {{.*}} iter_args(%[[OLD:.*]] = %[[A]], %[[NEW:.*]] = %[[B]])
  // CHECK-NOT:       memref.alloc
  // CHECK:           call @step(%arg0, %[[OLD]], %[[NEW]])
  // CHECK:           scf.yield %[[NEW]], %[[OLD]]
  func.func @main(%ctx: !llvm.ptr, %x: memref<4xf32>, %n: index) -> memref<4xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %init = memref.alloc() : memref<4xf32>
    memref.copy %x, %init : memref<4xf32> to memref<4xf32>
    %last = scf.for %t = %c0 to %n step %c1 iter_args(%h = %init) -> memref<4xf32> {
      %next = memref.alloc() : memref<4xf32>
      func.call @step(%ctx, %h, %next) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
      scf.yield %next : memref<4xf32>
    }
    return %last : memref<4xf32>
  }
}

// -----

// What one step read is still needed two steps later: its memory cannot be written by the next.
module {
  func.func private @step(!llvm.ptr, memref<4xf32>, memref<4xf32>) attributes {lepton.kernel}
  // CHECK-LABEL: func.func @main
  // CHECK:         scf.for
  // CHECK:           memref.alloc
  func.func @main(%ctx: !llvm.ptr, %x: memref<4xf32>, %n: index) -> memref<4xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %init = memref.alloc() : memref<4xf32>
    memref.copy %x, %init : memref<4xf32> to memref<4xf32>
    %other = memref.alloc() : memref<4xf32>
    memref.copy %x, %other : memref<4xf32> to memref<4xf32>
    %last:2 = scf.for %t = %c0 to %n step %c1 iter_args(%h = %init, %before = %other) -> (memref<4xf32>, memref<4xf32>) {
      %next = memref.alloc() : memref<4xf32>
      func.call @step(%ctx, %h, %next) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
      scf.yield %next, %h : memref<4xf32>, memref<4xf32>
    }
    return %last#1 : memref<4xf32>
  }
}

// -----

// The first value is read again after the loop.
module {
  func.func private @step(!llvm.ptr, memref<4xf32>, memref<4xf32>) attributes {lepton.kernel}
  // CHECK-LABEL: func.func @main
  // CHECK:         scf.for
  // CHECK:           memref.alloc
  func.func @main(%ctx: !llvm.ptr, %x: memref<4xf32>, %n: index) -> memref<4xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %init = memref.alloc() : memref<4xf32>
    memref.copy %x, %init : memref<4xf32> to memref<4xf32>
    %last = scf.for %t = %c0 to %n step %c1 iter_args(%h = %init) -> memref<4xf32> {
      %next = memref.alloc() : memref<4xf32>
      func.call @step(%ctx, %h, %next) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
      scf.yield %next : memref<4xf32>
    }
    func.call @step(%ctx, %init, %last) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
    return %last : memref<4xf32>
  }
}
