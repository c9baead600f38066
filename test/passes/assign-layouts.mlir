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

// A convolution of size 1 whose result, as x * sigmoid(x), is padded for the next one keeps its rows: the next phase writes it into the frame.
// CHECK-LABEL: @framed
// CHECK:         lepton.packed_conv
// CHECK:         lepton.pad
// CHECK:         lepton.depthwise_conv
func.func @framed(%x: tensor<1x16x8x8xf32>, %v: tensor<8x16x1x1xf32>, %w: tensor<8x1x3x3xf32>) -> tensor<1x8x8x8xf32> {
  %0 = lepton.conv %x, %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x16x8x8xf32>, tensor<8x16x1x1xf32>) -> tensor<1x8x8x8xf32>
  %1 = lepton.sigmoid %0 : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %2 = lepton.mul %0, %1 : (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %3 = lepton.conv %2, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 8 : i64} : (tensor<1x8x8x8xf32>, tensor<8x1x3x3xf32>) -> tensor<1x8x8x8xf32>
  return %3 : tensor<1x8x8x8xf32>
}

// A right operand that is computed is packed where many rows read it, and its own rows are pages.
// CHECK-LABEL: @computed
// CHECK:         lepton.pack_blocks %arg1
// CHECK:         lepton.packed_matmul
// CHECK-NOT:     lepton.pack
// CHECK:         lepton.matmul
// CHECK:         lepton.matmul
func.func @computed(%x: tensor<256x64xf32>, %y: tensor<64x1024xf32>, %few: tensor<8x64xf32>, %short: tensor<64x512xf32>)
    -> (tensor<256x1024xf32>, tensor<8x1024xf32>, tensor<256x512xf32>) {
  %0 = lepton.matmul %x, %y : (tensor<256x64xf32>, tensor<64x1024xf32>) -> tensor<256x1024xf32>
  %1 = lepton.matmul %few, %y : (tensor<8x64xf32>, tensor<64x1024xf32>) -> tensor<8x1024xf32>
  %2 = lepton.matmul %x, %short : (tensor<256x64xf32>, tensor<64x512xf32>) -> tensor<256x512xf32>
  return %0, %1, %2 : tensor<256x1024xf32>, tensor<8x1024xf32>, tensor<256x512xf32>
}

// One filter per channel.
// CHECK-LABEL: @depthwise
// CHECK:         lepton.depthwise_conv
func.func @depthwise(%x: tensor<1x8x8x8xf32>, %w: tensor<8x1x3x3xf32>) -> tensor<1x8x6x6xf32> {
  %0 = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 8 : i64} : (tensor<1x8x8x8xf32>, tensor<8x1x3x3xf32>) -> tensor<1x8x6x6xf32>
  return %0 : tensor<1x8x6x6xf32>
}

// Integers too, whose sums are wider.
// CHECK-LABEL: @integers
// CHECK:         lepton.packed_conv {{.*}} (tensor<1x8x8x3xi16>, tensor<1x1x3x3x3x16xi16>) -> tensor<1x6x6x16xi32>
// CHECK:         lepton.depthwise_conv {{.*}} (tensor<1x8x8x3xi16>, tensor<3x3x3xi16>) -> tensor<1x6x6x3xi32>
func.func @integers(%x: tensor<1x3x8x8xi16>, %w: tensor<16x3x3x3xi16>, %v: tensor<3x1x3x3xi16>) -> (tensor<1x16x6x6xi32>, tensor<1x3x6x6xi32>) {
  %0 = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x3x8x8xi16>, tensor<16x3x3x3xi16>) -> tensor<1x16x6x6xi32>
  %1 = lepton.conv %x, %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 3 : i64} : (tensor<1x3x8x8xi16>, tensor<3x1x3x3xi16>) -> tensor<1x3x6x6xi32>
  return %0, %1 : tensor<1x16x6x6xi32>, tensor<1x3x6x6xi32>
}

// A transposed convolution's taps are ordered by phases: of 3 at stride 2 and padding 1, phase 0 has tap 1, phase 1 has taps 2 and 0.
// CHECK-LABEL: @transposed
// CHECK:         %[[ORDER:.*]] = lepton.constant dense<[1, 2, 0]>
// CHECK:         lepton.gather %arg1, %[[ORDER]] {axis = 2 : i64}
// CHECK:         lepton.pad {{.*}} -> tensor<1x9x8xf32>
// CHECK:         lepton.packed_conv_transpose {{.*}} -> tensor<1x16x4xf32>
func.func @transposed(%x: tensor<1x8x8xf32>, %w: tensor<8x4x3xf32>) -> tensor<1x4x16xf32> {
  %0 = lepton.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, output_padding = array<i64: 1>, group = 1 : i64} : (tensor<1x8x8xf32>, tensor<8x4x3xf32>) -> tensor<1x4x16xf32>
  return %0 : tensor<1x4x16xf32>
}

// Three output channels would leave a vector mostly empty: dot products along the input's.
// CHECK-LABEL: @fewOutputs
// CHECK:         lepton.packed_conv {{.*}}channels_inner{{.*}} (tensor<1x10x10x16xf32>, tensor<1x1x3x3x3x16xf32>)
func.func @fewOutputs(%x: tensor<1x16x10x10xf32>, %w: tensor<3x16x3x3xf32>) -> tensor<1x3x8x8xf32> {
  %0 = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x16x10x10xf32>, tensor<3x16x3x3xf32>) -> tensor<1x3x8x8xf32>
  return %0 : tensor<1x3x8x8xf32>
}

// CHECK-LABEL: @fewOutputsTransposed
// CHECK:         lepton.packed_conv_transpose {{.*}}channels_inner{{.*}} (tensor<1x9x16xf32>, tensor<1x1x3x2x16xf32>)
func.func @fewOutputsTransposed(%x: tensor<1x16x8xf32>, %w: tensor<16x2x3xf32>) -> tensor<1x2x16xf32> {
  %0 = lepton.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, output_padding = array<i64: 1>, group = 1 : i64} : (tensor<1x16x8xf32>, tensor<16x2x3xf32>) -> tensor<1x2x16xf32>
  return %0 : tensor<1x2x16xf32>
}

// Statistics over the spatial dimensions, vectors along the channels.
// CHECK-LABEL: @normalize
// CHECK:         lepton.packed_conv
// CHECK:         lepton.normalize {{.*}} {axes = array<i64: 1, 2>, {{.*}} (tensor<1x8x8x4xf32>)
func.func @normalize(%x: tensor<1x3x10x10xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32> {
  %0 = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x3x10x10xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32>
  %1 = lepton.normalize %0 {axes = array<i64: 2, 3>, epsilon = 1.0e-5 : f64} : (tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  return %1 : tensor<1x4x8x8xf32>
}

// A channel shuffle is a transpose of the last dimension's parts.
// CHECK-LABEL: @shuffle
// CHECK:         lepton.transpose {{.*}} {perm = array<i64: 0, 2, 1>} : (tensor<100x2x8xf32>) -> tensor<100x8x2xf32>
// CHECK:         lepton.packed_matmul
func.func @shuffle(%x: tensor<1x16x10x10xf32>, %w: tensor<16x16x1x1xf32>) -> tensor<1x16x10x10xf32> {
  %split = lepton.constant dense<[1, 2, 8, 10, 10]> : tensor<5xi64>
  %join = lepton.constant dense<[1, 16, 10, 10]> : tensor<4xi64>
  %0 = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x16x10x10xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x10x10xf32>
  %1 = lepton.reshape %0, %split : (tensor<1x16x10x10xf32>, tensor<5xi64>) -> tensor<1x2x8x10x10xf32>
  %2 = lepton.transpose %1 {perm = array<i64: 0, 2, 1, 3, 4>} : (tensor<1x2x8x10x10xf32>) -> tensor<1x8x2x10x10xf32>
  %3 = lepton.reshape %2, %join : (tensor<1x8x2x10x10xf32>, tensor<4xi64>) -> tensor<1x16x10x10xf32>
  %4 = lepton.conv %3, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x16x10x10xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x10x10xf32>
  return %4 : tensor<1x16x10x10xf32>
}

// Of a concatenation of two halves it picks each element from one of them.
// CHECK-LABEL: @shuffle_of_halves
// CHECK-DAG:     %[[PICK:.*]] = lepton.constant dense<{{\[}}[true], [false]]> : tensor<2x1xi1>
// CHECK:         %[[ROWS:.*]] = lepton.where %[[PICK]], %{{.*}} : (tensor<2x1xi1>, tensor<100x1x8xf32>, tensor<100x1x8xf32>) -> tensor<100x2x8xf32>
// CHECK:         lepton.transpose %[[ROWS]] {perm = array<i64: 0, 2, 1>} : (tensor<100x2x8xf32>) -> tensor<100x8x2xf32>
func.func @shuffle_of_halves(%x: tensor<1x16x10x10xf32>, %w: tensor<8x16x1x1xf32>, %v: tensor<16x16x1x1xf32>) -> tensor<1x16x10x10xf32> {
  %split = lepton.constant dense<[1, 2, 8, 10, 10]> : tensor<5xi64>
  %join = lepton.constant dense<[1, 16, 10, 10]> : tensor<4xi64>
  %0 = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x16x10x10xf32>, tensor<8x16x1x1xf32>) -> tensor<1x8x10x10xf32>
  %1 = lepton.relu %0 : (tensor<1x8x10x10xf32>) -> tensor<1x8x10x10xf32>
  %2 = lepton.concat %0, %1 {axis = 1 : i64} : (tensor<1x8x10x10xf32>, tensor<1x8x10x10xf32>) -> tensor<1x16x10x10xf32>
  %3 = lepton.reshape %2, %split : (tensor<1x16x10x10xf32>, tensor<5xi64>) -> tensor<1x2x8x10x10xf32>
  %4 = lepton.transpose %3 {perm = array<i64: 0, 2, 1, 3, 4>} : (tensor<1x2x8x10x10xf32>) -> tensor<1x8x2x10x10xf32>
  %5 = lepton.reshape %4, %join : (tensor<1x8x2x10x10xf32>, tensor<4xi64>) -> tensor<1x16x10x10xf32>
  %6 = lepton.conv %5, %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x16x10x10xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x10x10xf32>
  return %6 : tensor<1x16x10x10xf32>
}
