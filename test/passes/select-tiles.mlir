// RUN: lepton-opt %s --split-input-file --lepton-select-tiles="list=true" | FileCheck %s
// RUN: lepton-opt %s --split-input-file --lepton-select-tiles --lepton-lower-kernels | FileCheck %s --check-prefix=CUT

// Without measurements 64 rows, of which a divisor of 100 is 50: two tiles. 256 rows would cut it as 128 do.

// CHECK-LABEL: func private @Product
// CHECK-SAME:    lepton.tile_candidates = array<i64: 64, 32, 128, 16, 8>
// CHECK-SAME:    lepton.tile_hash = "[[HASH:[0-9a-f]+]]"
// CHECK-SAME:    lepton.tile_rows = 64 : i64
// CUT-LABEL: func private @Product
// CUT:         scf.forall ({{.*}}) in (2, 1)
func.func private @Product(%a: tensor<100x48xf32>, %b: tensor<48x32xf32>) -> tensor<100x32xf32> attributes {lepton.kernel} {
  %0 = lepton.matmul %a, %b : (tensor<100x48xf32>, tensor<48x32xf32>) -> tensor<100x32xf32>
  return %0 : tensor<100x32xf32>
}

// What is no kernel, or is not cut into rows, has nothing to choose; of unknown sizes nothing is known to be another cut.

// CHECK-LABEL: func private @NoKernel
// CHECK-NOT:     lepton.tile_rows
func.func private @NoKernel(%a: tensor<100x48xf32>, %b: tensor<48x32xf32>) -> tensor<100x32xf32> {
  %0 = lepton.matmul %a, %b : (tensor<100x48xf32>, tensor<48x32xf32>) -> tensor<100x32xf32>
  return %0 : tensor<100x32xf32>
}

// CHECK-LABEL: func private @NoCut
// CHECK-NOT:     lepton.tile_rows
func.func private @NoCut(%a: tensor<100x48xf32>) -> tensor<100x48xf32> attributes {lepton.kernel} {
  %0 = lepton.relu %a : (tensor<100x48xf32>) -> tensor<100x48xf32>
  return %0 : tensor<100x48xf32>
}

// CHECK-LABEL: func private @Unknown
// CHECK-SAME:    lepton.tile_candidates = array<i64: 64>
func.func private @Unknown(%a: tensor<?x48xf32>, %b: tensor<48x32xf32>) -> tensor<?x32xf32> attributes {lepton.kernel} {
  %0 = lepton.matmul %a, %b : (tensor<?x48xf32>, tensor<48x32xf32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// What was measured goes before the default, but for what is no number of rows.

// CHECK-LABEL: func private @Tuned
// CHECK-SAME:    lepton.tile_rows = 10 : i64
// CUT-LABEL: func private @Tuned
// CUT:         scf.forall ({{.*}}) in (10, 1)
// CHECK-LABEL: func private @Nonsense
// CHECK-SAME:    lepton.tile_rows = 64 : i64
module attributes {lepton.tuned = {"05efbe8788d2cf413a2a759860911758" = [{tile_rows = 10 : i64}], "015141092a0b133ef7f6d9463b55ccac" = [{tile_rows = 0 : i64}]}} {
  func.func private @Tuned(%a: tensor<100x48xf32>, %b: tensor<48x32xf32>) -> tensor<100x32xf32> attributes {lepton.kernel} {
    %0 = lepton.matmul %a, %b : (tensor<100x48xf32>, tensor<48x32xf32>) -> tensor<100x32xf32>
    return %0 : tensor<100x32xf32>
  }
  func.func private @Nonsense(%a: tensor<90x48xf32>, %b: tensor<48x32xf32>) -> tensor<90x32xf32> attributes {lepton.kernel} {
    %0 = lepton.matmul %a, %b : (tensor<90x48xf32>, tensor<48x32xf32>) -> tensor<90x32xf32>
    return %0 : tensor<90x32xf32>
  }
}

// -----

// A left operand of more bytes than L2 is read once: its tiles come first, of 256 rows where the right operand comes from memory. One that fits is read again for each block of columns.

module attributes {lepton.target = #lepton.target<cpu = "znver4", vector_bits = 512, registers = 32, fma = true, l2 = 65536>} {
  // CUT-LABEL: func private @BothFromMemory
  // CUT:         scf.forall (%[[ROWS:.*]], %[[BLOCK:.*]]) in (2, 8)
  // CUT:           %[[ROW:.*]] = arith.muli %[[ROWS]], %c256
  // CUT:           tensor.extract_slice %{{.*}}[%[[ROW]], 0] [256, 1024]
  // CUT:           tensor.extract_slice %{{.*}}[%[[BLOCK]], 0, 0] [1, 1024, 32]
  func.func private @BothFromMemory(%a: tensor<512x1024xf32>, %b: tensor<8x1024x32xf32>) -> tensor<512x256xf32> attributes {lepton.kernel} {
    %0 = lepton.packed_matmul %a, %b {n = 256 : i64} : (tensor<512x1024xf32>, tensor<8x1024x32xf32>) -> tensor<512x256xf32>
    return %0 : tensor<512x256xf32>
  }
  // CUT-LABEL: func private @LeftFromMemory
  // CUT:         scf.forall ({{.*}}) in (8, 2)
  func.func private @LeftFromMemory(%a: tensor<512x64xf32>, %b: tensor<2x64x32xf32>) -> tensor<512x64xf32> attributes {lepton.kernel} {
    %0 = lepton.packed_matmul %a, %b {n = 64 : i64} : (tensor<512x64xf32>, tensor<2x64x32xf32>) -> tensor<512x64xf32>
    return %0 : tensor<512x64xf32>
  }
  // CUT-LABEL: func private @LeftStays
  // CUT:         scf.forall ({{.*}}) in (8, 2)
  func.func private @LeftStays(%a: tensor<128x64xf32>, %b: tensor<8x64x32xf32>) -> tensor<128x256xf32> attributes {lepton.kernel} {
    %0 = lepton.packed_matmul %a, %b {n = 256 : i64} : (tensor<128x64xf32>, tensor<8x64x32xf32>) -> tensor<128x256xf32>
    return %0 : tensor<128x256xf32>
  }
}
