// RUN: lepton-opt %s --split-input-file --lepton-vectorize-contraction --canonicalize --cse | FileCheck %s

#schedule = #lepton.schedule<algorithm = register_block, lanes = 4, rows = 2, vectors = 2>
#a = affine_map<(m, n0, n1, k) -> (m, k)>
#b = affine_map<(m, n0, n1, k) -> (n0, k, n1)>
#c = affine_map<(m, n0, n1, k) -> (m, n0 * 16 + n1)>





// A target without fused multiply-add gets the two operations, and no call of the C library's fma.
// CHECK-LABEL: func @MatmulKeepsAccumulatorsInRegisters
// CHECK:         scf.for {{.*}} iter_args
// CHECK:           %[[P:.*]] = arith.mulf {{.*}} : vector<4xf32>
// CHECK-NEXT:      arith.addf %{{.*}}, %[[P]] : vector<4xf32>
// CHECK-NOT:     vector.fma
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v2", vector_bits = 128, registers = 16, fma = false>} {
  func.func @MatmulKeepsAccumulatorsInRegisters(%A: memref<12x64xf32>, %B: memref<2x64x16xf32>, %C: memref<12x32xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<12x64xf32>, memref<2x64x16xf32>) outs(%C : memref<12x32xf32>) attrs = {lepton.schedule = #schedule} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b fastmath<contract> : f32
      %s = arith.addf %c, %p fastmath<contract> : f32
      linalg.yield %s : f32
    }
    return
  }
}

// -----

// No masks either: the end of a row is vectors of 2 and 1 elements.
#schedule = #lepton.schedule<algorithm = register_block, lanes = 4, rows = 2, vectors = 2>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @StaticEdgesGetBlocksOfTheirOwn
// CHECK-NOT:     vector.maskedload
// CHECK:         vector.store {{.*}} vector<2xf32>
// CHECK:         vector.store {{.*}} vector<1xf32>
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v2", vector_bits = 128, registers = 16, fma = false>} {
  func.func @StaticEdgesGetBlocksOfTheirOwn(%A: memref<8x64xf32>, %B: memref<64x19xf32>, %C: memref<8x19xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<8x64xf32>, memref<64x19xf32>) outs(%C : memref<8x19xf32>) attrs = {lepton.schedule = #schedule} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }

  func.func @DynamicEdgesShrinkByPowersOfTwo(%A: memref<?x?xf32>, %B: memref<?x?xf32>, %C: memref<?x?xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<?x?xf32>, memref<?x?xf32>) outs(%C : memref<?x?xf32>) attrs = {lepton.schedule = #schedule} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
}
