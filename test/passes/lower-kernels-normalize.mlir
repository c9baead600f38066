// RUN: lepton-opt %s --lepton-lower-kernels --canonicalize | FileCheck %s

// A slice that the first-level cache holds is one block. What comes after is computed where the slice is normalised.
// CHECK-LABEL: func.func private @one_block
// CHECK:         %[[LINES:.*]] = tensor.collapse_shape {{.*}} {{\[}}[0], [1], [2, 3]] : tensor<1x8x32x32xf32> into tensor<1x8x1024xf32>
// CHECK:         scf.forall {{.*}} in (8)
// CHECK-NOT:       scf.for
// CHECK-COUNT-2:   tensor.extract %[[LINES]]
// CHECK:           math.sqrt
// CHECK:           linalg.generic {{.*}} outs(%{{.*}} : tensor<1x1x32x32xf32>)
// CHECK:             arith.mulf
// CHECK:             arith.select
// CHECK-NOT:     linalg.generic
func.func private @one_block(%x: tensor<1x8x32x32xf32>) -> tensor<1x8x32x32xf32> attributes {lepton.kernel} {
  %0 = lepton.normalize %x {axes = array<i64: 2, 3>, epsilon = 1.0e-5 : f64} : (tensor<1x8x32x32xf32>) -> tensor<1x8x32x32xf32>
  %1 = lepton.relu %0 : (tensor<1x8x32x32xf32>) -> tensor<1x8x32x32xf32>
  return %1 : tensor<1x8x32x32xf32>
}

// A large one is read block by block: the mean and the squares so far are carried, with the number of elements.
// CHECK-LABEL: func.func private @blocks
// CHECK:         scf.forall {{.*}} in (2)
// CHECK:           scf.for {{.*}} to %c512 {{.*}} -> (tensor<f32>, tensor<f32>, f32)
// CHECK:             linalg.generic {{.*}} ins(%{{.*}} : tensor<2048xi8>)
// CHECK:             linalg.generic {{.*}} ins(%{{.*}} : tensor<2048xi8>)
// CHECK:             scf.yield
// CHECK:           math.sqrt
func.func private @blocks(%x: tensor<2x1048576xf32>) -> tensor<2x1048576xf32> attributes {lepton.kernel} {
  %0 = lepton.normalize %x {axes = array<i64: 1>, epsilon = 1.0e-5 : f64} : (tensor<2x1048576xf32>) -> tensor<2x1048576xf32>
  return %0 : tensor<2x1048576xf32>
}

// The last block is shorter where the size is no multiple, or known to the run alone.
// CHECK-LABEL: func.func private @shorter_block
// CHECK:         scf.for
// CHECK:           %[[SIZE:.*]] = arith.minsi %{{.*}}, %c2048
// CHECK:           tensor.empty(%[[SIZE]]) : tensor<?xi8>
func.func private @shorter_block(%x: tensor<2x?xf32>) -> tensor<2x?xf32> attributes {lepton.kernel} {
  %0 = lepton.normalize %x {axes = array<i64: 1>, epsilon = 1.0e-5 : f64} : (tensor<2x?xf32>) -> tensor<2x?xf32>
  return %0 : tensor<2x?xf32>
}

// Beside channels, statistics are those of 32 of them at a time; then all is normalised in the order of memory.
// CHECK-LABEL: func.func private @channels_last
// CHECK:         %[[STATISTICS:.*]] = scf.forall {{.*}} in (8) {{.*}} -> (tensor<2x1x256xf32>)
// CHECK:           scf.for {{.*}} -> (tensor<32xf32>, tensor<32xf32>, f32)
// CHECK:         linalg.generic {{.*}} outs(%{{.*}} : tensor<1x32x32x256xf32>)
// CHECK-COUNT-2:   tensor.extract %[[STATISTICS]]
func.func private @channels_last(%x: tensor<1x32x32x256xf32>) -> tensor<1x32x32x256xf32> attributes {lepton.kernel} {
  %0 = lepton.normalize %x {axes = array<i64: 1, 2>, epsilon = 1.0e-5 : f64} : (tensor<1x32x32x256xf32>) -> tensor<1x32x32x256xf32>
  return %0 : tensor<1x32x32x256xf32>
}
