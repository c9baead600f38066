// RUN: lepton-opt %s --lepton-lower-to-loops | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#none = affine_map<(i, j) -> ()>

// A kernel's outermost parallel nest stays parallel.
// CHECK-LABEL: @parallel
// CHECK:         scf.parallel
// CHECK-NOT:     scf.for
// CHECK-NOT:     linalg
func.func @parallel(%ctx: !llvm.ptr, %x: memref<4x8xf32>, %y: memref<4x8xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<4x8xf32>) outs(%y : memref<4x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  }
  return
}

// A reduction along contiguous memory carries its sum in a register.
// CHECK-LABEL: @register
// CHECK:         scf.parallel
// CHECK:           %[[INIT:.*]] = memref.load %{{.*}} : memref<4xf32>
// CHECK:           %[[SUM:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[INIT]])
// CHECK-NOT:         memref.store
// CHECK:           memref.store %[[SUM]]
func.func @register(%ctx: !llvm.ptr, %x: memref<4x8xf32>, %y: memref<4xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x8xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}

#t = affine_map<(i, j) -> (j, i)>

// One along the rows of memory has the contiguous dimension innermost.
// CHECK-LABEL: @columns
// CHECK:         scf.for %[[J:.*]] =
// CHECK:           scf.for %[[I:.*]] =
// CHECK:             memref.load %arg1[%[[J]], %[[I]]]
func.func @columns(%ctx: !llvm.ptr, %x: memref<8x4xf32>, %y: memref<4xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#t, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<8x4xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}

#plane = affine_map<(i, c) -> (c, i)>

// A few channels from planes: unrolled in a loop that reads each plane in order.
// CHECK-LABEL: @planes
// CHECK:         scf.parallel (%[[I:.*]]) =
// CHECK:           memref.load %arg1[%c0{{.*}}, %[[I]]]
// CHECK:           memref.store %{{.*}}, %arg2[%[[I]], %c0{{.*}}]
// CHECK:           memref.load %arg1[%c1{{.*}}, %[[I]]]
// CHECK:           memref.store %{{.*}}, %arg2[%[[I]], %c1{{.*}}]
func.func @planes(%ctx: !llvm.ptr, %x: memref<2x64xf32>, %y: memref<64x2xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#plane, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<2x64xf32>) outs(%y : memref<64x2xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  }
  return
}

// A transposition goes by squares, so that lines of both sides stay in the cache; what is read in order is innermost.
// CHECK-LABEL: @transposes
// CHECK:         scf.parallel (%[[I:.*]], %[[J:.*]]) = {{.*}} step (%c16, %c16)
// CHECK:           scf.for %[[COLUMN:.*]] = %[[J]] to
// CHECK:             scf.for %[[ROW:.*]] = %[[I]] to
// CHECK:               memref.load %arg1[%[[COLUMN]], %[[ROW]]]
// CHECK:               memref.store %{{.*}}, %arg2[%[[ROW]], %[[COLUMN]]]
func.func @transposes(%ctx: !llvm.ptr, %x: memref<40x50xf32>, %y: memref<50x40xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%y : memref<50x40xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %v = memref.load %x[%j, %i] : memref<40x50xf32>
    linalg.yield %v : f32
  }
  return
}

// A sum of many floats is one of the sums of blocks.
// CHECK-LABEL: @long_sum
// CHECK:         scf.for %[[I:.*]] = %c0{{.*}} to %c5000 step %c409 iter_args(%[[ALL:.*]] = %{{.*}}) -> (f32)
// CHECK:           %[[ZERO:.*]] = arith.constant 0.0
// CHECK:           %[[BLOCK:.*]] = scf.for %{{.*}} = %[[I]] to %{{.*}} iter_args(%{{.*}} = %[[ZERO]])
// CHECK:             scf.for %{{.*}} to %c10 
// CHECK:           arith.addf %[[ALL]], %[[BLOCK]]
func.func @long_sum(%ctx: !llvm.ptr, %x: memref<5000x10xf32>, %y: memref<f32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]} ins(%x : memref<5000x10xf32>) outs(%y : memref<f32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}

// Side by side, a block's sums are in memory of their own.
// CHECK-LABEL: @long_columns
// CHECK:         %[[SUMS:.*]] = memref.alloca() : memref<8xf32>
// CHECK:         scf.for %[[I:.*]] = %c0{{.*}} to %c9000 step %c512
// CHECK:           scf.for
// CHECK:             memref.store %{{.*}}, %[[SUMS]]
// CHECK:           scf.for %[[J:.*]] = %[[I]] to
// CHECK:             scf.for
// CHECK:               memref.store %{{.*}}, %[[SUMS]]
// CHECK:           scf.for
// CHECK:             memref.store %{{.*}}, %arg2
func.func @long_columns(%ctx: !llvm.ptr, %x: memref<9000x8xf32>, %y: memref<8xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#t, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<9000x8xf32>) outs(%y : memref<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}

// Other reductions are one however long.
// CHECK-LABEL: @long_maximum
// CHECK-COUNT-1: scf.for
// CHECK-NOT:     scf.for
// CHECK:         return
func.func @long_maximum(%ctx: !llvm.ptr, %x: memref<9000xf32>, %y: memref<f32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%x : memref<9000xf32>) outs(%y : memref<f32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.maximumf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}
