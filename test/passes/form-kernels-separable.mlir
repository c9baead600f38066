// RUN: lepton-opt %s --lepton-form-kernels --split-input-file | FileCheck %s

// What lies between a depthwise and a pointwise convolution would not stay in the second-level cache: both are one kernel, with all that is between and behind them.
// CHECK-LABEL: func.func private @depthwise_conv_add_sigmoid_mul_packed_conv_f32_1x56x56x24
// CHECK:         lepton.depthwise_conv
// CHECK-NEXT:    lepton.add
// CHECK-NEXT:    lepton.sigmoid
// CHECK-NEXT:    lepton.mul
// CHECK-NEXT:    lepton.packed_conv
// CHECK-NEXT:    lepton.add
func.func @main(%x: tensor<1x58x58x144xf32>, %d: tensor<3x3x144xf32>, %b: tensor<144xf32>, %p: tensor<1x2x1x1x144x16xf32>, %r: tensor<1x56x56x24xf32>) -> tensor<1x56x56x24xf32> {
  %0 = lepton.depthwise_conv %x, %d {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x58x58x144xf32>, tensor<3x3x144xf32>) -> tensor<1x56x56x144xf32>
  %1 = lepton.add %0, %b : (tensor<1x56x56x144xf32>, tensor<144xf32>) -> tensor<1x56x56x144xf32>
  %2 = lepton.sigmoid %1 : (tensor<1x56x56x144xf32>) -> tensor<1x56x56x144xf32>
  %3 = lepton.mul %1, %2 : (tensor<1x56x56x144xf32>, tensor<1x56x56x144xf32>) -> tensor<1x56x56x144xf32>
  %4 = lepton.packed_conv %3, %p {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels = 24 : i64} : (tensor<1x56x56x144xf32>, tensor<1x2x1x1x144x16xf32>) -> tensor<1x56x56x24xf32>
  %5 = lepton.add %4, %r : (tensor<1x56x56x24xf32>, tensor<1x56x56x24xf32>) -> tensor<1x56x56x24xf32>
  return %5 : tensor<1x56x56x24xf32>
}

// -----

// This one stays there.
// CHECK-LABEL: func.func private @depthwise_conv_f32_1x14x14x64
// CHECK-LABEL: func.func private @packed_conv_f32_1x14x14x24
func.func @main(%x: tensor<1x16x16x64xf32>, %d: tensor<3x3x64xf32>, %p: tensor<1x2x1x1x64x16xf32>) -> tensor<1x14x14x24xf32> {
  %0 = lepton.depthwise_conv %x, %d {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x16x16x64xf32>, tensor<3x3x64xf32>) -> tensor<1x14x14x64xf32>
  %1 = lepton.packed_conv %0, %p {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels = 24 : i64} : (tensor<1x14x14x64xf32>, tensor<1x2x1x1x64x16xf32>) -> tensor<1x14x14x24xf32>
  return %1 : tensor<1x14x14x24xf32>
}

// -----

// A mean of the depthwise convolution's result (squeeze-and-excite) needs all of it first.
// CHECK-LABEL: func.func private @depthwise_conv_f32_1x56x56x144
// CHECK-LABEL: func.func private @reduce_f32_1x1x1x144
// CHECK-LABEL: func.func private @mul_f32_1x56x56x144
// CHECK-LABEL: func.func private @packed_conv_f32_1x56x56x24
func.func @main(%x: tensor<1x58x58x144xf32>, %d: tensor<3x3x144xf32>, %p: tensor<1x2x1x1x144x16xf32>) -> tensor<1x56x56x24xf32> {
  %0 = lepton.depthwise_conv %x, %d {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x58x58x144xf32>, tensor<3x3x144xf32>) -> tensor<1x56x56x144xf32>
  %1 = lepton.reduce mean %0 {axes = array<i64: 1, 2>, keepdims} : (tensor<1x56x56x144xf32>) -> tensor<1x1x1x144xf32>
  %2 = lepton.mul %0, %1 : (tensor<1x56x56x144xf32>, tensor<1x1x1x144xf32>) -> tensor<1x56x56x144xf32>
  %3 = lepton.packed_conv %2, %p {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels = 24 : i64} : (tensor<1x56x56x144xf32>, tensor<1x2x1x1x144x16xf32>) -> tensor<1x56x56x24xf32>
  return %3 : tensor<1x56x56x24xf32>
}

// -----

// A filter of more than a pixel would compute rows of the depthwise convolution several times.
// CHECK-LABEL: func.func private @depthwise_conv_f32_1x56x56x144
// CHECK-LABEL: func.func private @packed_conv_f32_1x54x54x24
func.func @main(%x: tensor<1x58x58x144xf32>, %d: tensor<3x3x144xf32>, %p: tensor<1x2x3x3x144x16xf32>) -> tensor<1x54x54x24xf32> {
  %0 = lepton.depthwise_conv %x, %d {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x58x58x144xf32>, tensor<3x3x144xf32>) -> tensor<1x56x56x144xf32>
  %1 = lepton.packed_conv %0, %p {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels = 24 : i64} : (tensor<1x56x56x144xf32>, tensor<1x2x3x3x144x16xf32>) -> tensor<1x54x54x24xf32>
  return %1 : tensor<1x54x54x24xf32>
}
