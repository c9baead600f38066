// RUN: lepton-opt %s --split-input-file --lepton-form-kernels --lepton-lower-kernels | FileCheck %s

// Padding with zeros is a frame around the convolution before it: one kernel writes the frame, then the convolution inside it.
// CHECK-LABEL: func.func private @depthwise_conv_sigmoid_pad_f32_1x8x8x8
// CHECK:         linalg.generic
// CHECK:         tensor.insert_slice
// CHECK:         %[[INSIDE:.*]] = tensor.extract_slice %{{.*}}[0, 1, 1, 0] [1, 6, 6, 8] [1, 1, 1, 1]
// CHECK:         scf.forall {{.*}} shared_outs(%{{.*}} = %[[INSIDE]])
// CHECK:         tensor.insert_slice {{.*}}[0, 1, 1, 0] [1, 6, 6, 8] [1, 1, 1, 1]
// CHECK-LABEL: func.func @main
// CHECK-COUNT-1: call @
// CHECK-NOT:     call @
func.func @main(%x: tensor<1x8x8x8xf32>, %w: tensor<3x3x8xf32>) -> tensor<1x8x8x8xf32> {
  %pads = lepton.constant dense<1> : tensor<4xi64>
  %0 = lepton.depthwise_conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x8x8x8xf32>, tensor<3x3x8xf32>) -> tensor<1x6x6x8xf32>
  %1 = lepton.sigmoid %0 : (tensor<1x6x6x8xf32>) -> tensor<1x6x6x8xf32>
  %2 = lepton.pad constant %1, %pads {axes = array<i64: 1, 2>} : (tensor<1x6x6x8xf32>, tensor<4xi64>) -> tensor<1x8x8x8xf32>
  return %2 : tensor<1x8x8x8xf32>
}

// -----

// Reflected, the padding needs the whole of what it reflects.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-2: call @
func.func @main(%x: tensor<1x8x8x8xf32>, %w: tensor<3x3x8xf32>) -> tensor<1x8x8x8xf32> {
  %pads = lepton.constant dense<1> : tensor<4xi64>
  %0 = lepton.depthwise_conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x8x8x8xf32>, tensor<3x3x8xf32>) -> tensor<1x6x6x8xf32>
  %1 = lepton.pad reflect %0, %pads {axes = array<i64: 1, 2>} : (tensor<1x6x6x8xf32>, tensor<4xi64>) -> tensor<1x8x8x8xf32>
  return %1 : tensor<1x8x8x8xf32>
}
