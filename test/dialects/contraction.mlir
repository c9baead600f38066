// RUN: lepton-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: @round_trip
func.func @round_trip(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<1x4x4x4xf32> {
  // CHECK: lepton.conv %{{.*}} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32>
  %0 = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32>
  // CHECK: lepton.pool max %{{.*}} -> tensor<1x4x4x4xf32>
  %1 = lepton.pool max %0 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, first_spatial = 2 : i64} : (tensor<1x4x8x8xf32>) -> tensor<1x4x4x4xf32>
  return %1 : tensor<1x4x4x4xf32>
}

// -----

func.func @inner_dimensions(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) -> tensor<2x5xf32> {
  // expected-error @+1 {{operands differ in the inner dimension: 'tensor<2x3xf32>' and 'tensor<4x5xf32>'}}
  %0 = lepton.matmul %a, %b : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return %0 : tensor<2x5xf32>
}

// -----

func.func @group_zero(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) -> tensor<1x4x6xf32> {
  // expected-error @+1 {{has group 0; it must be at least 1}}
  %0 = lepton.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, group = 0 : i64} : (tensor<1x3x8xf32>, tensor<4x3x3xf32>) -> tensor<1x4x6xf32>
  return %0 : tensor<1x4x6xf32>
}

// -----

func.func @channels(%x: tensor<1x3x8xf32>, %w: tensor<4x2x3xf32>) -> tensor<1x4x6xf32> {
  // expected-error @+1 {{has 3 input channels, but the filter takes 2 in each of 1 groups}}
  %0 = lepton.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, group = 1 : i64} : (tensor<1x3x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x6xf32>
  return %0 : tensor<1x4x6xf32>
}

// -----

func.func @stride_zero(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) -> tensor<1x4x6xf32> {
  // expected-error @+1 {{has the stride or dilation 0; it must be at least 1}}
  %0 = lepton.conv %x, %w {strides = array<i64: 0>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, group = 1 : i64} : (tensor<1x3x8xf32>, tensor<4x3x3xf32>) -> tensor<1x4x6xf32>
  return %0 : tensor<1x4x6xf32>
}

// -----

func.func @kernel_too_large(%x: tensor<1x4x2xf32>) -> tensor<1x4x1xf32> {
  // expected-error @+1 {{kernel of size 3 is larger than the padded input along spatial dimension 0}}
  %0 = lepton.pool max %x {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, first_spatial = 2 : i64} : (tensor<1x4x2xf32>) -> tensor<1x4x1xf32>
  return %0 : tensor<1x4x1xf32>
}

// -----

// CHECK-LABEL: func @argPool
func.func @argPool(%x: tensor<1x3x8x8xf32>) {
  // CHECK: lepton.arg_pool {{.*}}column_major{{.*}} : (tensor<1x3x8x8xf32>) -> tensor<1x3x4x4xi64>
  %0 = lepton.arg_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, column_major} : (tensor<1x3x8x8xf32>) -> tensor<1x3x4x4xi64>
  return
}

// -----

func.func @argPoolRank(%x: tensor<1x3x8x8xf32>) {
  // expected-error @+1 {{'lepton.arg_pool' op kernel has 1 dimensions, which do not fit an input of rank 4}}
  %0 = lepton.arg_pool %x {kernel = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x3x8x8xf32>) -> tensor<1x3x4x8xi64>
  return
}

// -----

func.func @scalarOperand(%a: tensor<f32>, %b: tensor<4x5xf32>) {
  // expected-error @+1 {{needs operands of at least one dimension}}
  %0 = lepton.matmul %a, %b : (tensor<f32>, tensor<4x5xf32>) -> tensor<5xf32>
  return
}

// -----

func.func @batches(%a: tensor<2x1x3xf32>, %b: tensor<4x3x5xf32>) {
  // expected-error @+1 {{batch dimensions do not broadcast: 'tensor<2x1x3xf32>' and 'tensor<4x3x5xf32>'}}
  %0 = lepton.matmul %a, %b : (tensor<2x1x3xf32>, tensor<4x3x5xf32>) -> tensor<4x1x5xf32>
  return
}

// -----

func.func @unpacked(%a: tensor<2x3xf32>, %b: tensor<3x16xf32>) {
  // expected-error @+1 {{needs a matrix and a blocked matrix of three dimensions, got 'tensor<2x3xf32>' and 'tensor<3x16xf32>'}}
  %0 = lepton.packed_matmul %a, %b {n = 16 : i64} : (tensor<2x3xf32>, tensor<3x16xf32>) -> tensor<2x16xf32>
  return
}

// -----

func.func @withoutSpatialDimension(%x: tensor<1x3xf32>, %w: tensor<4x3xf32>) {
  // expected-error @+1 {{needs an input with at least one spatial dimension}}
  %0 = lepton.conv %x, %w {strides = array<i64>, pads = array<i64>, dilations = array<i64>, group = 1 : i64} : (tensor<1x3xf32>, tensor<4x3xf32>) -> tensor<1x4xf32>
  return
}

// -----

func.func @convRanks(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{'lepton.conv' op input and filter differ in rank: 'tensor<1x3x8x8xf32>' and 'tensor<4x3x3xf32>'}}
  %0 = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x3x8x8xf32>, tensor<4x3x3xf32>) -> tensor<1x4x6x6xf32>
  return
}

// -----

func.func @convTransposeRanks(%x: tensor<1x3x8x8xf32>, %w: tensor<3x4x3xf32>) {
  // expected-error @+1 {{'lepton.conv_transpose' op input and filter differ in rank: 'tensor<1x3x8x8xf32>' and 'tensor<3x4x3xf32>'}}
  %0 = lepton.conv_transpose %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64, output_padding = array<i64: 0, 0>} : (tensor<1x3x8x8xf32>, tensor<3x4x3xf32>) -> tensor<1x4x10x10xf32>
  return
}

// -----

func.func @packedFilterRank(%x: tensor<1x8x8x3xf32>, %w: tensor<1x3x3x3x16xf32>) {
  // expected-error @+1 {{needs a static filter with two dimensions more than the input, got 'tensor<1x3x3x3x16xf32>' for 'tensor<1x8x8x3xf32>'}}
  %0 = lepton.packed_conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels = 16 : i64} : (tensor<1x8x8x3xf32>, tensor<1x3x3x3x16xf32>) -> tensor<1x6x6x16xf32>
  return
}

// -----

func.func @depthwiseFilterRank(%x: tensor<1x8x8x3xf32>, %w: tensor<3x3xf32>) {
  // expected-error @+1 {{needs a static filter with one dimension less than the input, got 'tensor<3x3xf32>' for 'tensor<1x8x8x3xf32>'}}
  %0 = lepton.depthwise_conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x8x8x3xf32>, tensor<3x3xf32>) -> tensor<1x6x6x3xf32>
  return
}

// -----

func.func @poolStrides(%x: tensor<1x4x8x8xf32>) {
  // expected-error @+1 {{needs one stride and one dilation and two pads for each of the 2 kernel dimensions}}
  %0 = lepton.pool max %x {kernel = array<i64: 2, 2>, strides = array<i64: 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, first_spatial = 2 : i64} : (tensor<1x4x8x8xf32>) -> tensor<1x4x7x7xf32>
  return
}

// -----

func.func @poolStrideZero(%x: tensor<1x4x8xf32>) {
  // expected-error @+1 {{has a kernel size, stride or dilation below 1}}
  %0 = lepton.pool max %x {kernel = array<i64: 2>, strides = array<i64: 0>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, first_spatial = 2 : i64} : (tensor<1x4x8xf32>) -> tensor<1x4x7xf32>
  return
}

// -----

func.func @transposedChannels(%x: tensor<1x3x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @+1 {{has 3 input channels, but the filter takes 4}}
  %0 = lepton.conv_transpose %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, group = 1 : i64, output_padding = array<i64: 0>} : (tensor<1x3x8xf32>, tensor<4x2x3xf32>) -> tensor<1x2x10xf32>
  return
}

// -----

func.func @transposedGroups(%x: tensor<1x3x8xf32>, %w: tensor<3x2x3xf32>) {
  // expected-error @+1 {{has 3 input channels, which do not divide into 2 groups}}
  %0 = lepton.conv_transpose %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, group = 2 : i64, output_padding = array<i64: 0>} : (tensor<1x3x8xf32>, tensor<3x2x3xf32>) -> tensor<1x4x10xf32>
  return
}

// -----

func.func @packedInner(%a: tensor<2x3xf32>, %b: tensor<1x4x16xf32>) {
  // expected-error @+1 {{operands differ in the inner dimension: 'tensor<2x3xf32>' and 'tensor<1x4x16xf32>'}}
  %0 = lepton.packed_matmul %a, %b {n = 16 : i64} : (tensor<2x3xf32>, tensor<1x4x16xf32>) -> tensor<2x16xf32>
  return
}

// -----

func.func @packedChannels(%x: tensor<1x8x8x3xf32>, %w: tensor<1x1x3x3x4x16xf32>) {
  // expected-error @+1 {{'lepton.packed_conv' op input and filter differ in their channels: 'tensor<1x8x8x3xf32>' and 'tensor<1x1x3x3x4x16xf32>'}}
  %0 = lepton.packed_conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels = 16 : i64} : (tensor<1x8x8x3xf32>, tensor<1x1x3x3x4x16xf32>) -> tensor<1x6x6x16xf32>
  return
}

// -----

func.func @depthwiseChannels(%x: tensor<1x8x8x3xf32>, %w: tensor<3x3x4xf32>) {
  // expected-error @+1 {{'lepton.depthwise_conv' op input and filter differ in their channels: 'tensor<1x8x8x3xf32>' and 'tensor<3x3x4xf32>'}}
  %0 = lepton.depthwise_conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x8x8x3xf32>, tensor<3x3x4xf32>) -> tensor<1x6x6x3xf32>
  return
}

// -----

func.func @packedTransposedPads(%x: tensor<1x8x3xf32>, %w: tensor<1x1x2x3x16xf32>) {
  // expected-error @+1 {{needs one output padding for each of the 1 spatial dimensions}}
  %0 = lepton.packed_conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64>, channels = 4 : i64} : (tensor<1x8x3xf32>, tensor<1x1x2x3x16xf32>) -> tensor<1x16x4xf32>
  return
}

// -----

func.func @packedTransposedSize(%x: tensor<1x10x3xf32>, %w: tensor<1x1x3x3x16xf32>) {
  // expected-error @+1 {{'lepton.packed_conv_transpose' op}}
  %0 = lepton.packed_conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, output_padding = array<i64: 0>, channels = 4 : i64} : (tensor<1x10x3xf32>, tensor<1x1x3x3x16xf32>) -> tensor<1x20x4xf32>
  return
}
