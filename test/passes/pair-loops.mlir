// RUN: lepton-opt %s --lepton-pair-loops --split-input-file | FileCheck %s
// RUN: lepton-opt %s --lepton-pair-loops=threads=8 --split-input-file | FileCheck %s --check-prefix=MANY

// MANY-NOT: scf.parallel

// Two recurrences over the same input; the second one's first value and what it is made of move with it, what reads the first one's result stays behind.
module {
  func.func private @step(%ctx: !llvm.ptr, %x: memref<4xf32>, %y: memref<4xf32>) attributes {lepton.kernel} {
    memref.copy %x, %y : memref<4xf32> to memref<4xf32>
    return
  }
  // CHECK-LABEL: func.func @main
  // CHECK:         %[[A:.*]] = memref.alloc
  // CHECK:         %[[B:.*]] = memref.alloc
  // CHECK:         memref.copy %arg1, %[[B]]
  // CHECK:         %[[LAST:.*]] = memref.alloc
  // CHECK:         scf.parallel (%[[TASK:.*]]) =
  // CHECK:           scf.index_switch %[[TASK]]
  // CHECK:           case 0
  // CHECK:             %[[R:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[A]])
  // CHECK:               call @step
  // CHECK:             memref.copy %[[R]], %[[LAST]]
  // CHECK:           default
  // CHECK:             scf.for {{.*}} iter_args(%{{.*}} = %[[B]])
  // CHECK:               call @step
  // CHECK:         lepton.tasks
  // CHECK:         call @step(%arg0, %[[LAST]], %arg2)
  func.func @main(%ctx: !llvm.ptr, %x: memref<4xf32>, %out: memref<4xf32>, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %a = memref.alloc() : memref<4xf32>
    memref.copy %x, %a : memref<4xf32> to memref<4xf32>
    %first = scf.for %t = %c0 to %n step %c1 iter_args(%h = %a) -> memref<4xf32> {
      func.call @step(%ctx, %x, %h) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
      scf.yield %h : memref<4xf32>
    }
    call @step(%ctx, %first, %out) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
    %b = memref.alloc() : memref<4xf32>
    memref.copy %x, %b : memref<4xf32> to memref<4xf32>
    %second = scf.for %t = %c0 to %n step %c1 iter_args(%h = %b) -> memref<4xf32> {
      func.call @step(%ctx, %x, %h) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
      scf.yield %h : memref<4xf32>
    }
    return
  }
}

// -----

// The second loop reads what the first one wrote.
module {
  func.func private @step(%ctx: !llvm.ptr, %x: memref<4xf32>, %y: memref<4xf32>) attributes {lepton.kernel} {
    memref.copy %x, %y : memref<4xf32> to memref<4xf32>
    return
  }
  // CHECK-LABEL: func.func @main
  // CHECK-NOT:     scf.parallel
  // CHECK:         return
  func.func @main(%ctx: !llvm.ptr, %x: memref<4xf32>, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %a = memref.alloc() : memref<4xf32>
    %b = memref.alloc() : memref<4xf32>
    scf.for %t = %c0 to %n step %c1 {
      func.call @step(%ctx, %x, %a) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
    }
    scf.for %t = %c0 to %n step %c1 {
      func.call @step(%ctx, %a, %b) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
    }
    return
  }
}

// -----

// The run may end in the first loop.
module {
  func.func private @step(%ctx: !llvm.ptr, %x: memref<4xf32>, %y: memref<4xf32>) attributes {lepton.kernel} {
    memref.copy %x, %y : memref<4xf32> to memref<4xf32>
    return
  }
  // CHECK-LABEL: func.func @main
  // CHECK-NOT:     scf.parallel
  // CHECK:         return
  func.func @main(%ctx: !llvm.ptr, %x: memref<4xf32>, %n: index, %ok: i1) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %a = memref.alloc() : memref<4xf32>
    %b = memref.alloc() : memref<4xf32>
    scf.for %t = %c0 to %n step %c1 {
      cf.assert %ok, "no"
      func.call @step(%ctx, %x, %a) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
    }
    scf.for %t = %c0 to %n step %c1 {
      func.call @step(%ctx, %x, %b) : (!llvm.ptr, memref<4xf32>, memref<4xf32>) -> ()
    }
    return
  }
}
