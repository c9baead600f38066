// RUN: lepton-opt %s --lepton-plan-memory --split-input-file | FileCheck %s

// What an iteration does not hand on goes back to the pool when it ends: a slot for what is kept, one for each allocation.
module {
  func.func private @step(!llvm.ptr, memref<?xf32>, memref<?xf32>) attributes {lepton.kernel}
  // CHECK-LABEL: func.func @lepton_entry
  // CHECK:         %[[SLOTS:.*]] = lrt.slots 3
  // CHECK:         scf.while
  // CHECK:           %[[COPY:.*]] = lrt.alloc
  // CHECK-NEXT:      lrt.hold %[[SLOTS]][1], %[[COPY]]
  // CHECK:           scf.condition
  // CHECK:           %[[NEXT:.*]] = lrt.alloc
  // CHECK-NEXT:      lrt.hold %[[SLOTS]][2], %[[NEXT]]
  // CHECK:           call @step
  // CHECK:           lrt.collect %arg0, %[[SLOTS]][0, 3] keep(%[[NEXT]])
  // CHECK-NEXT:      scf.yield
  func.func @main(%ctx: !llvm.ptr, %x: memref<?xf32>, %flag: memref<i1>) -> memref<?xf32> {
    %zero = arith.constant 0 : index
    %n = memref.dim %x, %zero : memref<?xf32>
    %go = memref.load %flag[] : memref<i1>
    %last = scf.while (%h = %x) : (memref<?xf32>) -> memref<?xf32> {
      %copy = memref.alloc(%n) : memref<?xf32>
      memref.copy %h, %copy : memref<?xf32> to memref<?xf32>
      scf.condition(%go) %copy : memref<?xf32>
    } do {
    ^bb0(%h: memref<?xf32>):
      %next = memref.alloc(%n) : memref<?xf32>
      func.call @step(%ctx, %h, %next) : (!llvm.ptr, memref<?xf32>, memref<?xf32>) -> ()
      scf.yield %next : memref<?xf32>
    }
    return %last : memref<?xf32>
  }
}

// -----

// What a loop leaves belongs to the iteration of the loop around it, whether or not a branch got there.
module {
  func.func private @step(!llvm.ptr, memref<?xf32>, memref<?xf32>) attributes {lepton.kernel}
  // CHECK-LABEL: func.func @lepton_entry
  // CHECK:         %[[SLOTS:.*]] = lrt.slots 3
  // CHECK:         scf.for
  // CHECK:           scf.if
  // CHECK:             scf.for
  // CHECK:               %[[NEXT:.*]] = lrt.alloc
  // CHECK-NEXT:          lrt.hold %[[SLOTS]][2], %[[NEXT]]
  // CHECK:               lrt.collect %arg0, %[[SLOTS]][1, 2] keep(%[[NEXT]])
  // CHECK-NEXT:          scf.yield
  // CHECK:           } else {
  // CHECK:           }
  // CHECK-NEXT:      lrt.collect %arg0, %[[SLOTS]][0, 3] keep(%{{.*}})
  // CHECK-NEXT:      scf.yield
  func.func @main(%ctx: !llvm.ptr, %x: memref<?xf32>, %flag: memref<i1>) -> memref<?xf32> {
    %zero = arith.constant 0 : index
    %n = memref.dim %x, %zero : memref<?xf32>
    %go = memref.load %flag[] : memref<i1>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %last = scf.for %i = %c0 to %n step %c1 iter_args(%h = %x) -> memref<?xf32> {
      %branch = scf.if %go -> memref<?xf32> {
        %inner = scf.for %j = %c0 to %n step %c1 iter_args(%k = %h) -> memref<?xf32> {
          %next = memref.alloc(%n) : memref<?xf32>
          func.call @step(%ctx, %k, %next) : (!llvm.ptr, memref<?xf32>, memref<?xf32>) -> ()
          scf.yield %next : memref<?xf32>
        }
        scf.yield %inner : memref<?xf32>
      } else {
        scf.yield %h : memref<?xf32>
      }
      scf.yield %branch : memref<?xf32>
    }
    return %last : memref<?xf32>
  }
}

// -----

// What ends with its iteration goes back after its last use, as outside of loops.
module {
  func.func private @step(!llvm.ptr, memref<?xf32>, memref<4xf32>) attributes {lepton.kernel}
  // CHECK-LABEL: func.func @lepton_entry
  // CHECK-NOT:     lrt.slots
  // CHECK:         lrt.alloc
  // CHECK:         lrt.dealloc
  // CHECK-NOT:     lrt.collect
  func.func @main(%ctx: !llvm.ptr, %x: memref<?xf32>) -> memref<4xf32> {
    %zero = arith.constant 0 : index
    %n = memref.dim %x, %zero : memref<?xf32>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %y = memref.alloc() : memref<4xf32>
    scf.for %i = %c0 to %n step %c1 {
      %t = memref.alloc(%n) : memref<?xf32>
      func.call @step(%ctx, %t, %y) : (!llvm.ptr, memref<?xf32>, memref<4xf32>) -> ()
    }
    return %y : memref<4xf32>
  }
}
