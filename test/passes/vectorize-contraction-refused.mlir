// RUN: lepton-opt %s --lepton-vectorize-contraction --verify-diagnostics

// A schedule written by hand is obeyed or refused, never ignored: a copy is no contraction.

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>
#map = affine_map<(m, n) -> (m, n)>
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v3", vector_bits = 256, registers = 16, fma = true>} {
  func.func @Copy(%a: memref<12x64xf32>, %c: memref<12x64xf32>) attributes {lepton.kernel} {
    // expected-error @+1 {{is scheduled as a register block, but is no contraction with a dimension to vectorize}}
    linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%a : memref<12x64xf32>) outs(%c : memref<12x64xf32>) attrs = {lepton.schedule = #schedule} {
    ^bb0(%x: f32, %y: f32):
      linalg.yield %x : f32
    }
    return
  }
}
