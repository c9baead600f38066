// RUN: lepton-opt %s --split-input-file --lepton-select-schedule --verify-diagnostics | FileCheck %s
// RUN: lepton-opt %s --split-input-file --lepton-select-schedule="blocks=false" --verify-diagnostics | FileCheck %s --check-prefix=LOOPS

// 14 rows are 5 + 5 + 4, with two vectors of columns: as much as 16 registers hold beside a row of B and a broadcast of A.

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#row = affine_map<(m, n) -> (m, n)>

// CHECK-LABEL: func @Avx2
// CHECK:         linalg.generic {{.*}}lepton.schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 5, vectors = 2>
// CHECK:         linalg.generic {{.*}}lepton.schedule = #lepton.schedule<algorithm = loops>
// LOOPS-LABEL: func @Avx2
// LOOPS:         linalg.generic {{.*}}lepton.schedule = #lepton.schedule<algorithm = loops>
module attributes {lepton.target = #lepton.target<cpu = "znver3", vector_bits = 256, registers = 16, fma = true>} {
  func.func @Avx2(%A: memref<14x64xf32>, %B: memref<64x16xf32>, %C: memref<14x16xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<14x64xf32>, memref<64x16xf32>) outs(%C : memref<14x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    linalg.generic {indexing_maps = [#row], iterator_types = ["parallel", "parallel"]} outs(%C : memref<14x16xf32>) {
    ^bb0(%c: f32):
      %s = arith.negf %c : f32
      linalg.yield %s : f32
    }
    return
  }
}

// -----

// The same op on a wider target, and on halves of doubles.

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @Avx512
// CHECK:         linalg.generic {{.*}}lepton.schedule = #lepton.schedule<algorithm = register_block, lanes = 8,
module attributes {lepton.target = #lepton.target<cpu = "znver4", vector_bits = 512, registers = 32, fma = true>} {
  func.func @Avx512(%A: memref<14x64xf64>, %B: memref<64x16xf64>, %C: memref<14x16xf64>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<14x64xf64>, memref<64x16xf64>) outs(%C : memref<14x16xf64>) {
    ^bb0(%a: f64, %b: f64, %c: f64):
      %p = arith.mulf %a, %b : f64
      %s = arith.addf %c, %p : f64
      linalg.yield %s : f64
    }
    return
  }
}

// -----

// A schedule by hand stays, or is refused.

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#good = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 2, vectors = 1>
#bad = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 8, vectors = 2>

// CHECK-LABEL: func @ByHand
// CHECK:         linalg.generic {{.*}}lepton.schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 2>
func.func @ByHand(%A: memref<14x64xf32>, %B: memref<64x16xf32>, %C: memref<14x16xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<14x64xf32>, memref<64x16xf32>) outs(%C : memref<14x16xf32>) attrs = {lepton.schedule = #good} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#bad = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 8, vectors = 2>

func.func @TooLarge(%A: memref<14x64xf32>, %B: memref<64x16xf32>, %C: memref<14x16xf32>) {
  // expected-error @+1 {{a block of 8 rows by 2 vectors takes 19 registers, but x86-64-v3 has 16}}
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<14x64xf32>, memref<64x16xf32>) outs(%C : memref<14x16xf32>) attrs = {lepton.schedule = #bad} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Short rows: a block of 12 rows takes 3 lines of 4 pixels, and the nest steps by both.

#a = affine_map<(y, x, n, k) -> (y, x, k)>
#b = affine_map<(y, x, n, k) -> (k, n)>
#c = affine_map<(y, x, n, k) -> (y, x, n)>

// CHECK-LABEL: func @Lines
// CHECK:         linalg.generic {{.*}}lepton.schedule = #lepton.schedule<algorithm = register_block, lanes = 16, rows = 12, vectors = 2>
module attributes {lepton.target = #lepton.target<cpu = "znver4", vector_bits = 512, registers = 32, fma = true>} {
  func.func @Lines(%A: memref<6x4x64xf32>, %B: memref<64x32xf32>, %C: memref<6x4x32xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<6x4x64xf32>, memref<64x32xf32>) outs(%C : memref<6x4x32xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
}

// -----

// What was measured goes before the model, by the kernel's hash, which its name is no part of; for another kernel it says nothing, and what the target
// cannot obey is passed over.

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#tuned = #lepton.schedule<algorithm = register_block, lanes = 4, rows = 3>
#wide = #lepton.schedule<algorithm = register_block, lanes = 16, rows = 3>

// CHECK-LABEL: func @Tuned
// CHECK:         lepton.schedule = #lepton.schedule<algorithm = register_block, lanes = 4, rows = 3>
// CHECK-LABEL: func @TunedByAnotherName
// CHECK:         lepton.schedule = #lepton.schedule<algorithm = register_block, lanes = 4, rows = 3>
// CHECK-LABEL: func @NotTuned
// CHECK:         lepton.schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>
// CHECK-LABEL: func @TunedForAnotherTarget
// CHECK:         lepton.schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 8>
// LOOPS-LABEL: func @Tuned
// LOOPS:         lepton.schedule = #lepton.schedule<algorithm = loops>
module attributes {lepton.tuned = {"067c75f8bfdfa06f533715a8700ad7e0" = [#tuned], "33bec8edc5d5933551bb786373aa247f" = [#wide]}} {
  func.func @Tuned(%A: memref<14x64xf32>, %B: memref<64x16xf32>, %C: memref<14x16xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<14x64xf32>, memref<64x16xf32>) outs(%C : memref<14x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
  func.func @TunedByAnotherName(%A: memref<14x64xf32>, %B: memref<64x16xf32>, %C: memref<14x16xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<14x64xf32>, memref<64x16xf32>) outs(%C : memref<14x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
  func.func @NotTuned(%A: memref<12x64xf32>, %B: memref<64x16xf32>, %C: memref<12x16xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<12x64xf32>, memref<64x16xf32>) outs(%C : memref<12x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
  func.func @TunedForAnotherTarget(%A: memref<8x64xf32>, %B: memref<64x8xf32>, %C: memref<8x8xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%A, %B : memref<8x64xf32>, memref<64x8xf32>) outs(%C : memref<8x8xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
}

// -----

// Of 3 channels, two pixels of a row share what their taps read: the loop over the taps stays, and that over the channels goes.

#pixel = affine_map<(x, m, k, c) -> (x + k, c)>
#filter = affine_map<(x, m, k, c) -> (k, c, m)>
#out = affine_map<(x, m, k, c) -> (x, m)>

// CHECK-LABEL: func @FewChannels
// CHECK:         linalg.generic {{.*}}lepton.schedule = #lepton.schedule<algorithm = register_block, {{.*}}full_unroll = 3>
module attributes {lepton.target = #lepton.target<cpu = "znver3", vector_bits = 256, registers = 16, fma = true>} {
  func.func @FewChannels(%A: memref<34x3xf32>, %B: memref<3x3x16xf32>, %C: memref<32x16xf32>) {
    linalg.generic {indexing_maps = [#pixel, #filter, #out], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
        ins(%A, %B : memref<34x3xf32>, memref<3x3x16xf32>) outs(%C : memref<32x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
}
