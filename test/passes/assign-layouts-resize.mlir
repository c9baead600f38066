// RUN: lepton-opt %s --lepton-assign-layouts | FileCheck %s

// The resize takes the channels-last result of the convolution, with its axes moved.
// CHECK-LABEL: func @ResizeStaysChannelsLast
// CHECK:         %[[C:.*]] = lepton.packed_conv
// CHECK-NEXT:    %[[R:.*]] = lepton.resize nearest asymmetric %[[C]] {axes = array<i64: 1, 2>
// CHECK-NEXT:    lepton.transpose %[[R]] {perm = array<i64: 0, 3, 1, 2>}
func.func @ResizeStaysChannelsLast(%x: tensor<1x16x?x?xf32>, %w: tensor<16x16x3x3xf32>) -> tensor<1x16x?x?xf32> {
  %c = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x16x?x?xf32>, tensor<16x16x3x3xf32>) -> tensor<1x16x?x?xf32>
  %0 = lepton.resize nearest asymmetric %c {axes = array<i64: 2, 3>, rounding = #lepton<resize_rounding floor>, scales = array<f64: 2.0, 2.0>} : (tensor<1x16x?x?xf32>) -> tensor<1x16x?x?xf32>
  return %0 : tensor<1x16x?x?xf32>
}
