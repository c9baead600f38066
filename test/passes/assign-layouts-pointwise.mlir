// RUN: lepton-opt %s --split-input-file --lepton-assign-layouts="panel=16" --canonicalize | FileCheck %s

// What a 3x3 convolution will pad stays an image, so that its kernel can write into the frame: rows of 14 pixels make blocks of 5, 5 and 4 by two vectors.
// CHECK-LABEL: func @LongRows
// CHECK:         lepton.packed_conv {{.*}} tensor<1x14x14x64xf32>
// CHECK-NOT:     packed_matmul
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v3", vector_bits = 256, registers = 16, fma = true, l2 = 524288>} {
  func.func @LongRows(%x: tensor<1x64x14x14xf32>) -> tensor<1x64x7x7xf32> {
    %u = lepton.constant dense<1.0> : tensor<64x64x1x1xf32>
    %w = lepton.constant dense<1.0> : tensor<64x64x3x3xf32>
    %a = lepton.conv %x, %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x14x14xf32>, tensor<64x64x1x1xf32>) -> tensor<1x64x14x14xf32>
    %b = lepton.conv %a, %w {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x14x14xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x7x7xf32>
    return %b : tensor<1x64x7x7xf32>
  }
}

// -----

// Rows of 7 pixels would be blocks of 4 and 3, too few sums to begin two in each cycle; with 32 registers they are one block.
// CHECK-LABEL: func @ShortRows
// CHECK:         lepton.packed_matmul
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v3", vector_bits = 256, registers = 16, fma = true, l2 = 524288>} {
  func.func @ShortRows(%x: tensor<1x64x7x7xf32>) -> tensor<1x64x4x4xf32> {
    %u = lepton.constant dense<1.0> : tensor<64x64x1x1xf32>
    %w = lepton.constant dense<1.0> : tensor<64x64x3x3xf32>
    %a = lepton.conv %x, %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x7x7xf32>, tensor<64x64x1x1xf32>) -> tensor<1x64x7x7xf32>
    %b = lepton.conv %a, %w {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x7x7xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x4x4xf32>
    return %b : tensor<1x64x4x4xf32>
  }
}

// -----

// CHECK-LABEL: func @ShortRowsOfManyRegisters
// CHECK-NOT:     packed_matmul
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v4", vector_bits = 512, registers = 32, fma = true, l2 = 1048576>} {
  func.func @ShortRowsOfManyRegisters(%x: tensor<1x64x7x7xf32>) -> tensor<1x64x4x4xf32> {
    %u = lepton.constant dense<1.0> : tensor<64x64x1x1xf32>
    %w = lepton.constant dense<1.0> : tensor<64x64x3x3xf32>
    %a = lepton.conv %x, %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x7x7xf32>, tensor<64x64x1x1xf32>) -> tensor<1x64x7x7xf32>
    %b = lepton.conv %a, %w {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x7x7xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x4x4xf32>
    return %b : tensor<1x64x4x4xf32>
  }
}
