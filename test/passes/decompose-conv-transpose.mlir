// RUN: lepton-opt %s --lepton-decompose-conv-transpose | FileCheck %s

// 40 taps at stride 20 are 2 taps for each of 20 phases, which become 20 groups of 24 channels; the padding is cut off at the end.
// CHECK-LABEL: func @Strided
// CHECK:         lepton.transpose {{.*}} {perm = array<i64: 3, 1, 0, 2>} {{.*}} -> tensor<20x24x16x2xf32>
// CHECK:         lepton.conv {{.*}} pads = array<i64: 1, 1>, strides = array<i64: 1>} : (tensor<1x16x8xf32>, tensor<480x16x2xf32>) -> tensor<1x480x9xf32>
// CHECK:         lepton.depth_to_space {{.*}} {block = array<i64: 20>, first_spatial = 2 : i64} {{.*}} -> tensor<1x24x180xf32>
// CHECK:         lepton.slice {{.*}} -> tensor<1x24x160xf32>
// CHECK-NOT:     conv_transpose
func.func @Strided(%x: tensor<1x16x8xf32>, %w: tensor<16x24x40xf32>) -> tensor<1x24x160xf32> {
  %y = lepton.conv_transpose %x, %w {strides = array<i64: 20>, pads = array<i64: 10, 10>, dilations = array<i64: 1>,
       output_padding = array<i64: 0>, group = 1 : i64} : (tensor<1x16x8xf32>, tensor<16x24x40xf32>) -> tensor<1x24x160xf32>
  return %y : tensor<1x24x160xf32>
}

// A few phases have a kernel of their own.
// CHECK-LABEL: func @FewPhases
// CHECK:         lepton.conv_transpose
func.func @FewPhases(%x: tensor<1x16x8x8xf32>, %w: tensor<16x24x4x4xf32>) -> tensor<1x24x16x16xf32> {
  %y = lepton.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>,
       output_padding = array<i64: 0, 0>, group = 1 : i64} : (tensor<1x16x8x8xf32>, tensor<16x24x4x4xf32>) -> tensor<1x24x16x16xf32>
  return %y : tensor<1x24x16x16xf32>
}

// One pixel is multiplied by every tap.
// CHECK-LABEL: func @Pixel
// CHECK:         lepton.matmul {{.*}} : (tensor<1x16xf32>, tensor<16x384xf32>) -> tensor<1x384xf32>
// CHECK-NOT:     conv
func.func @Pixel(%x: tensor<1x16x1x1xf32>, %w: tensor<16x24x4x4xf32>) -> tensor<1x24x4x4xf32> {
  %y = lepton.conv_transpose %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>,
       output_padding = array<i64: 0, 0>, group = 1 : i64} : (tensor<1x16x1x1xf32>, tensor<16x24x4x4xf32>) -> tensor<1x24x4x4xf32>
  return %y : tensor<1x24x4x4xf32>
}

// With dilation the phases do not come apart like this.
// CHECK-LABEL: func @Dilated
// CHECK:         lepton.conv_transpose
func.func @Dilated(%x: tensor<1x4x8xf32>, %w: tensor<4x4x3xf32>) -> tensor<1x4x19xf32> {
  %y = lepton.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 2>,
       output_padding = array<i64: 0>, group = 1 : i64} : (tensor<1x4x8xf32>, tensor<4x4x3xf32>) -> tensor<1x4x19xf32>
  return %y : tensor<1x4x19xf32>
}
