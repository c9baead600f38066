// RUN: lepton-opt %s --lepton-vectorize-contraction --split-input-file | FileCheck %s

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#sum = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>
#block = #lepton.schedule<algorithm = register_block, rows = 2, vectors = 1, lanes = 8, unroll = 1>

// The sums never go to memory: bias, ReLU and the residual are applied to them in registers.
// CHECK-LABEL: func.func @bias_relu_residual
// CHECK:         %[[SUMS:.*]]:2 = scf.for
// CHECK:           vector.fma
// CHECK:         %[[BIAS:.*]] = vector.load %arg2
// CHECK:         arith.addf %[[SUMS]]#0, %[[BIAS]] : vector<8xf32>
// CHECK:         arith.maximumf
// CHECK:         vector.load %arg3
// CHECK:         vector.store {{.*}}, %arg4
// CHECK-NOT:     linalg.generic
// CHECK:       return
func.func @bias_relu_residual(%a: memref<4x16xf32>, %b: memref<16x8xf32>, %bias: memref<8xf32>, %residual: memref<4x8xf32>, %y: memref<4x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %sums = memref.alloca() : memref<4x8xf32>
  linalg.fill ins(%zero : f32) outs(%sums : memref<4x8xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"], lepton.schedule = #block}
      ins(%a, %b : memref<4x16xf32>, memref<16x8xf32>) outs(%sums : memref<4x8xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r fastmath<contract> : f32
    %t = arith.addf %s, %p fastmath<reassoc,contract> : f32
    linalg.yield %t : f32
  }
  linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%y : memref<4x8xf32>) {
  ^bb0(%o: f32):
    %m = linalg.index 0 : index
    %n = linalg.index 1 : index
    %s = memref.load %sums[%m, %n] : memref<4x8xf32>
    %c = memref.load %bias[%n] : memref<8xf32>
    %1 = arith.addf %s, %c : f32
    %2 = arith.maximumf %1, %zero : f32
    %3 = memref.load %residual[%m, %n] : memref<4x8xf32>
    %4 = arith.addf %2, %3 : f32
    linalg.yield %4 : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#sum = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>
#block = #lepton.schedule<algorithm = register_block, rows = 2, vectors = 1, lanes = 8, unroll = 1>

// What is written is the transpose: no vector of sums is a vector of it.
// CHECK-LABEL: func.func @transpose
// CHECK:         vector.store {{.*}} : memref<64xf32
// CHECK:         linalg.generic
func.func @transpose(%a: memref<8x16xf32>, %b: memref<16x8xf32>, %y: memref<8x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %sums = memref.alloca() : memref<8x8xf32>
  linalg.fill ins(%zero : f32) outs(%sums : memref<8x8xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"], lepton.schedule = #block}
      ins(%a, %b : memref<8x16xf32>, memref<16x8xf32>) outs(%sums : memref<8x8xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r fastmath<contract> : f32
    %t = arith.addf %s, %p fastmath<reassoc,contract> : f32
    linalg.yield %t : f32
  }
  linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%y : memref<8x8xf32>) {
  ^bb0(%o: f32):
    %m = linalg.index 0 : index
    %n = linalg.index 1 : index
    %s = memref.load %sums[%n, %m] : memref<8x8xf32>
    linalg.yield %s : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#sum = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>
#block = #lepton.schedule<algorithm = register_block, rows = 2, vectors = 1, lanes = 8, unroll = 1>

// Less is written than was summed: the last block of a filter has fewer outputs.
// CHECK-LABEL: func.func @part
// CHECK:         linalg.generic
func.func @part(%a: memref<4x16xf32>, %b: memref<16x8xf32>, %y: memref<4x5xf32>) {
  %zero = arith.constant 0.0 : f32
  %sums = memref.alloca() : memref<4x8xf32>
  linalg.fill ins(%zero : f32) outs(%sums : memref<4x8xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"], lepton.schedule = #block}
      ins(%a, %b : memref<4x16xf32>, memref<16x8xf32>) outs(%sums : memref<4x8xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r fastmath<contract> : f32
    %t = arith.addf %s, %p fastmath<reassoc,contract> : f32
    linalg.yield %t : f32
  }
  linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%y : memref<4x5xf32>) {
  ^bb0(%o: f32):
    %m = linalg.index 0 : index
    %n = linalg.index 1 : index
    %s = memref.load %sums[%m, %n] : memref<4x8xf32>
    linalg.yield %s : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#sum = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>
#block = #lepton.schedule<algorithm = register_block, rows = 2, vectors = 1, lanes = 8, unroll = 1>

// Others read the sums, too.
// CHECK-LABEL: func.func @read_twice
// CHECK:         linalg.generic
// CHECK:         linalg.generic
func.func @read_twice(%a: memref<4x16xf32>, %b: memref<16x8xf32>, %y: memref<4x8xf32>, %z: memref<4x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %sums = memref.alloca() : memref<4x8xf32>
  linalg.fill ins(%zero : f32) outs(%sums : memref<4x8xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"], lepton.schedule = #block}
      ins(%a, %b : memref<4x16xf32>, memref<16x8xf32>) outs(%sums : memref<4x8xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r fastmath<contract> : f32
    %t = arith.addf %s, %p fastmath<reassoc,contract> : f32
    linalg.yield %t : f32
  }
  linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%y : memref<4x8xf32>) {
  ^bb0(%o: f32):
    %m = linalg.index 0 : index
    %n = linalg.index 1 : index
    %s = memref.load %sums[%m, %n] : memref<4x8xf32>
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%z : memref<4x8xf32>) {
  ^bb0(%o: f32):
    %m = linalg.index 0 : index
    %n = linalg.index 1 : index
    %s = memref.load %sums[%m, %n] : memref<4x8xf32>
    linalg.yield %s : f32
  }
  return
}
