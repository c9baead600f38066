// RUN: lepton-opt %s --lepton-form-kernels | FileCheck %s

// What comes before a normalisation stays with the kernel that gives it, where it is computed once; what comes after is the normalisation's.
// CHECK-LABEL: func.func private @conv_add_f32_1x4x8x8
// CHECK-LABEL: func.func private @normalize_mul_add_relu_f32_1x4x8x8
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x1x1xf32>, %b: tensor<4x1x1xf32>) -> tensor<1x4x8x8xf32> {
  %0 = lepton.conv %x, %w {dilations = array<i64: 1, 1>, group = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<1x4x8x8xf32>
  %1 = lepton.add %0, %b : (tensor<1x4x8x8xf32>, tensor<4x1x1xf32>) -> tensor<1x4x8x8xf32>
  %2 = lepton.normalize %1 {axes = array<i64: 2, 3>, epsilon = 1.0e-5 : f64} : (tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %3 = lepton.mul %2, %b : (tensor<1x4x8x8xf32>, tensor<4x1x1xf32>) -> tensor<1x4x8x8xf32>
  %4 = lepton.add %3, %b : (tensor<1x4x8x8xf32>, tensor<4x1x1xf32>) -> tensor<1x4x8x8xf32>
  %5 = lepton.relu %4 : (tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  return %5 : tensor<1x4x8x8xf32>
}
