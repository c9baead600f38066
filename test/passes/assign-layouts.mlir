// RUN: lepton-opt %s --lepton-assign-layouts="panel=16" | FileCheck %s

// Between two convolutions nothing is transposed; the second one, of size 1, is a matrix product.
// CHECK-LABEL: @chain
// CHECK:         lepton.transpose %arg0 {perm = array<i64: 0, 2, 3, 1>}
// CHECK:         lepton.pad
// CHECK:         lepton.packed_conv
// CHECK-NOT:     lepton.transpose %{{.*}} {perm = array<i64: 0, 3, 1, 2>}
// CHECK:         lepton.relu %{{.*}} : (tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32>
// CHECK:         lepton.packed_matmul
// CHECK:         lepton.transpose %{{.*}} {perm = array<i64: 0, 3, 1, 2>}
func.func @chain(%x: tensor<1x3x8x8xf32>, %w: tensor<16x3x3x3xf32>, %v: tensor<4x16x1x1xf32>) -> tensor<1x4x8x8xf32> {
  %0 = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x3x8x8xf32>, tensor<16x3x3x3xf32>) -> tensor<1x16x8x8xf32>
  %1 = lepton.relu %0 : (tensor<1x16x8x8xf32>) -> tensor<1x16x8x8xf32>
  %2 = lepton.conv %1, %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x16x8x8xf32>, tensor<4x16x1x1xf32>) -> tensor<1x4x8x8xf32>
  return %2 : tensor<1x4x8x8xf32>
}

// One filter per channel.
// CHECK-LABEL: @depthwise
// CHECK:         lepton.depthwise_conv
func.func @depthwise(%x: tensor<1x8x8x8xf32>, %w: tensor<8x1x3x3xf32>) -> tensor<1x8x6x6xf32> {
  %0 = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 8 : i64} : (tensor<1x8x8x8xf32>, tensor<8x1x3x3xf32>) -> tensor<1x8x6x6xf32>
  return %0 : tensor<1x8x6x6xf32>
}
