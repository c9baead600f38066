// RUN: lepton-opt %s --lepton-decompose-conv-transpose | FileCheck %s

// 4 taps at stride 2 are 2 taps for each of 4 phases, which become 4 groups of 24 channels; the padding is cut off at the end.
// CHECK-LABEL: func @Strided
// CHECK:         lepton.pad {{.*}} -> tensor<16x24x4x4xf32>
// CHECK:         lepton.transpose {{.*}} {perm = array<i64: 3, 5, 1, 0, 2, 4>} {{.*}} -> tensor<2x2x24x16x2x2xf32>
// CHECK:         lepton.conv {{.*}} pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x16x8x8xf32>, tensor<96x16x2x2xf32>) -> tensor<1x96x9x9xf32>
// CHECK:         lepton.depth_to_space {{.*}} {block = array<i64: 2, 2>, first_spatial = 2 : i64} {{.*}} -> tensor<1x24x18x18xf32>
// CHECK:         lepton.slice {{.*}} -> tensor<1x24x16x16xf32>
// CHECK-NOT:     conv_transpose
func.func @Strided(%x: tensor<1x16x8x8xf32>, %w: tensor<16x24x4x4xf32>) -> tensor<1x24x16x16xf32> {
  %y = lepton.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>,
       output_padding = array<i64: 0, 0>, group = 1 : i64} : (tensor<1x16x8x8xf32>, tensor<16x24x4x4xf32>) -> tensor<1x24x16x16xf32>
  return %y : tensor<1x24x16x16xf32>
}

// With dilation the phases do not come apart like this.
// CHECK-LABEL: func @Dilated
// CHECK:         lepton.conv_transpose
func.func @Dilated(%x: tensor<1x4x8xf32>, %w: tensor<4x4x3xf32>) -> tensor<1x4x19xf32> {
  %y = lepton.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 2>,
       output_padding = array<i64: 0>, group = 1 : i64} : (tensor<1x4x8xf32>, tensor<4x4x3xf32>) -> tensor<1x4x19xf32>
  return %y : tensor<1x4x19xf32>
}
