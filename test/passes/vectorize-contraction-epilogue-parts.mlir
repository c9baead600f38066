// RUN: lepton-opt %s --lepton-vectorize-contraction --split-input-file | FileCheck %s

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#sum = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>
#block = #lepton.schedule<algorithm = register_block, rows = 2, vectors = 2, lanes = 16, unroll = 1>

// AVX-512 writes the part by masks, none of which goes beyond what is written, and reads nothing beyond the bias.
// CHECK-LABEL: func.func @masked_part
// CHECK-SAME:    %[[SIZE:[a-z0-9]+]]: index
// CHECK:         %[[SUMS:.*]]:4 = scf.for
// CHECK:         %[[LEFT:.*]] = arith.subi %[[SIZE]]
// CHECK:         %[[MASK:.*]] = vector.create_mask %[[LEFT]] : vector<16xi1>
// CHECK:         %[[BIAS:.*]] = vector.maskedload %arg2[{{.*}}], %[[MASK]]
// CHECK:         %[[SUM:.*]] = arith.addf %[[SUMS]]#0, %[[BIAS]]
// CHECK:         vector.maskedstore {{.*}}, %[[MASK]], %[[SUM]]
// CHECK-COUNT-3: vector.maskedstore
// CHECK-NOT:     linalg.generic
// CHECK:       return
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v4", vector_bits = 512, registers = 32, fma = true>} {
func.func @masked_part(%a: memref<4x16xf32>, %b: memref<16x32xf32>, %bias: memref<?xf32>, %y: memref<4x40xf32>, %size: index) {
  %zero = arith.constant 0.0 : f32
  %sums = memref.alloca() : memref<4x32xf32>
  linalg.fill ins(%zero : f32) outs(%sums : memref<4x32xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"], lepton.schedule = #block}
      ins(%a, %b : memref<4x16xf32>, memref<16x32xf32>) outs(%sums : memref<4x32xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r fastmath<contract> : f32
    %t = arith.addf %s, %p fastmath<reassoc,contract> : f32
    linalg.yield %t : f32
  }
  %part = memref.subview %y[0, 0] [4, %size] [1, 1] : memref<4x40xf32> to memref<4x?xf32, strided<[40, 1]>>
  linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%part : memref<4x?xf32, strided<[40, 1]>>) {
  ^bb0(%o: f32):
    %m = linalg.index 0 : index
    %n = linalg.index 1 : index
    %s = memref.load %sums[%m, %n] : memref<4x32xf32>
    %c = memref.load %bias[%n] : memref<?xf32>
    %1 = arith.addf %s, %c : f32
    linalg.yield %1 : f32
  }
  return
}
}

// -----

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#sum = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>
#block = #lepton.schedule<algorithm = register_block, rows = 2, vectors = 1, lanes = 8, unroll = 1>

// The exponential of SiLU becomes a polynomial later, whose constants find registers.
// CHECK-LABEL: func.func @exponential
// CHECK:         %[[SUMS:.*]]:2 = scf.for
// CHECK:         %[[EXP:.*]] = math.exp %[[SUMS]]#0 : vector<8xf32>
// CHECK:         vector.store %[[EXP]], %arg2
// CHECK-NOT:     linalg.generic
// CHECK:       return
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v4", vector_bits = 512, registers = 32, fma = true>} {
func.func @exponential(%a: memref<4x16xf32>, %b: memref<16x8xf32>, %y: memref<4x8xf32>) {
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
    %1 = math.exp %s : f32
    linalg.yield %1 : f32
  }
  return
}
}

// -----

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#sum = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>
#block = #lepton.schedule<algorithm = register_block, rows = 2, vectors = 1, lanes = 8, unroll = 1>

// That of tanh is longer, and stays in a loop of its own.
// CHECK-LABEL: func.func @tanh
// CHECK:         linalg.generic
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v4", vector_bits = 512, registers = 32, fma = true>} {
func.func @tanh(%a: memref<4x16xf32>, %b: memref<16x8xf32>, %y: memref<4x8xf32>) {
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
    %1 = math.tanh %s : f32
    linalg.yield %1 : f32
  }
  return
}
}

// -----

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#sum = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>
#block = #lepton.schedule<algorithm = register_block, rows = 2, vectors = 1, lanes = 8, unroll = 1>

// With 16 registers they find none.
// CHECK-LABEL: func.func @exponential_of_few_registers
// CHECK:         linalg.generic
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v3", vector_bits = 256, registers = 16, fma = true>} {
func.func @exponential_of_few_registers(%a: memref<4x16xf32>, %b: memref<16x8xf32>, %y: memref<4x8xf32>) {
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
    %1 = math.exp %s : f32
    linalg.yield %1 : f32
  }
  return
}
}

// -----

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#sum = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>
#block = #lepton.schedule<algorithm = register_block, rows = 2, vectors = 2, lanes = 16, unroll = 1>

// AVX2's masked stores are slower than the loop.
// CHECK-LABEL: func.func @part_without_fast_masks
// CHECK:         linalg.generic
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v3", vector_bits = 256, registers = 16, fma = true>} {
func.func @part_without_fast_masks(%a: memref<4x16xf32>, %b: memref<16x32xf32>, %bias: memref<?xf32>, %y: memref<4x40xf32>, %size: index) {
  %zero = arith.constant 0.0 : f32
  %sums = memref.alloca() : memref<4x32xf32>
  linalg.fill ins(%zero : f32) outs(%sums : memref<4x32xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"], lepton.schedule = #block}
      ins(%a, %b : memref<4x16xf32>, memref<16x32xf32>) outs(%sums : memref<4x32xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r fastmath<contract> : f32
    %t = arith.addf %s, %p fastmath<reassoc,contract> : f32
    linalg.yield %t : f32
  }
  %part = memref.subview %y[0, 0] [4, %size] [1, 1] : memref<4x40xf32> to memref<4x?xf32, strided<[40, 1]>>
  linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%part : memref<4x?xf32, strided<[40, 1]>>) {
  ^bb0(%o: f32):
    %m = linalg.index 0 : index
    %n = linalg.index 1 : index
    %s = memref.load %sums[%m, %n] : memref<4x32xf32>
    %c = memref.load %bias[%n] : memref<?xf32>
    %1 = arith.addf %s, %c : f32
    linalg.yield %1 : f32
  }
  return
}
}
