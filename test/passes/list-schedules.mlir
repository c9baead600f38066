// RUN: lepton-opt %s --split-input-file --lepton-list-schedules | FileCheck %s

// The default comes first and then what the model thinks of: other blocks, and the same block with the reduction unrolled. Every schedule is one that 16 registers can
// obey: 14 rows by one vector are the tallest block, 4 vectors the widest.

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @Product
// CHECK-SAME:    lepton.hash = "{{[0-9a-f]+}}"
// CHECK:         lepton.candidates = [
// CHECK-SAME:      #lepton.schedule<algorithm = register_block, lanes = 8, rows = 5, vectors = 2>,
// CHECK-SAME:      #lepton.schedule<algorithm = register_block, lanes = 8, rows = 5, vectors = 2, unroll = 2>
// CHECK-SAME:      lepton.costs = array<i64:
module attributes {lepton.target = #lepton.target<cpu = "znver3", vector_bits = 256, registers = 16, fma = true>} {
  func.func @Product(%A: memref<14x64xf32>, %B: memref<64x16xf32>, %C: memref<14x16xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<14x64xf32>, memref<64x16xf32>) outs(%C : memref<14x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
}

// -----

// Operands that stay in the first-level cache are walked in one order only; larger ones in both.

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @Small
// CHECK-NOT:     rows_outermost
// CHECK-LABEL: func @Large
// CHECK:         rows_outermost = true
module attributes {lepton.target = #lepton.target<cpu = "znver3", vector_bits = 256, registers = 16, fma = true>} {
  func.func @Small(%A: memref<14x64xf32>, %B: memref<64x16xf32>, %C: memref<14x16xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<14x64xf32>, memref<64x16xf32>) outs(%C : memref<14x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
  func.func @Large(%A: memref<256x256xf32>, %B: memref<256x256xf32>, %C: memref<256x256xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<256x256xf32>, memref<256x256xf32>) outs(%C : memref<256x256xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
}

// -----

// What is no contraction has one way to be computed.

#row = affine_map<(m, n) -> (m, n)>

// CHECK-LABEL: func @Elementwise
// CHECK-NOT:     lepton.hash
// CHECK-NOT:     lepton.candidates
func.func @Elementwise(%C: memref<14x16xf32>) {
  linalg.generic {indexing_maps = [#row], iterator_types = ["parallel", "parallel"]} outs(%C : memref<14x16xf32>) {
  ^bb0(%c: f32):
    %s = arith.negf %c : f32
    linalg.yield %s : f32
  }
  return
}
