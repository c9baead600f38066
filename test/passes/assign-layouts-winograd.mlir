// RUN: lepton-opt %s --split-input-file --lepton-assign-layouts="panel=16" --canonicalize | FileCheck %s

// A 3x3 filter of stride 1 with channels enough is computed by minimal filtering, its image padded to whole tiles: 13 + 1 + 4 = 18 = 4 * 4 + 2.
// CHECK-LABEL: func @Large
// CHECK:         lepton.pad {{.*}} -> tensor<1x18x18x64xf32>
// CHECK:         lepton.winograd_input {{.*}} -> tensor<36x16x64xf32>
// CHECK:         lepton.winograd_conv {{.*}} size = array<i64: 13, 13>
func.func @Large(%x: tensor<1x64x13x13xf32>) -> tensor<1x64x13x13xf32> {
  %w = lepton.constant dense<1.0> : tensor<64x64x3x3xf32>
  %y = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
     : (tensor<1x64x13x13xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x13x13xf32>
  return %y : tensor<1x64x13x13xf32>
}

// A large image is transformed within the kernel.
// CHECK-LABEL: func @LargeImage
// CHECK-NOT:     lepton.winograd_input
// CHECK:         lepton.winograd_conv {{.*}} : (tensor<1x130x130x32xf32>, tensor<2x36x1x32x16xf32>) -> tensor<1x128x128x32xf32>
func.func @LargeImage(%x: tensor<1x32x128x128xf32>) -> tensor<1x32x128x128xf32> {
  %w = lepton.constant dense<1.0> : tensor<32x32x3x3xf32>
  %y = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
     : (tensor<1x32x128x128xf32>, tensor<32x32x3x3xf32>) -> tensor<1x32x128x128xf32>
  return %y : tensor<1x32x128x128xf32>
}

// Over few pixels the filter of large tiles, four times as large as the given one, takes longer to read than it saves: tiles are small, and over very few there are none.
// CHECK-LABEL: func @FewPixels
// CHECK:         lepton.winograd_input {{.*}} {tile = 2 : i64} : (tensor<1x10x10x512xf32>) -> tensor<16x16x512xf32>
// CHECK-NOT:     winograd_input
// CHECK:         lepton.packed_conv
func.func @FewPixels(%x: tensor<1x512x7x7xf32>, %less: tensor<1x512x3x3xf32>) -> (tensor<1x512x7x7xf32>, tensor<1x512x3x3xf32>) {
  %w = lepton.constant dense<1.0> : tensor<512x512x3x3xf32>
  %y = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
     : (tensor<1x512x7x7xf32>, tensor<512x512x3x3xf32>) -> tensor<1x512x7x7xf32>
  %z = lepton.conv %less, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
     : (tensor<1x512x3x3xf32>, tensor<512x512x3x3xf32>) -> tensor<1x512x3x3xf32>
  return %y, %z : tensor<1x512x7x7xf32>, tensor<1x512x3x3xf32>
}

// With few channels the transforms take longer than they save; an image of unknown size has no tiles.
// CHECK-LABEL: func @FewChannels
// CHECK-NOT:     winograd
// CHECK:         lepton.packed_conv
// CHECK-NOT:     winograd
// CHECK:         lepton.packed_conv
// CHECK-NOT:     winograd
func.func @FewChannels(%few: tensor<1x3x64x64xf32>, %any: tensor<1x64x?x?xf32>) -> (tensor<1x8x64x64xf32>, tensor<1x64x?x?xf32>) {
  %v = lepton.constant dense<1.0> : tensor<8x3x3x3xf32>
  %z = lepton.conv %few, %v {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
     : (tensor<1x3x64x64xf32>, tensor<8x3x3x3xf32>) -> tensor<1x8x64x64xf32>
  %u = lepton.constant dense<1.0> : tensor<64x64x3x3xf32>
  %a = lepton.conv %any, %u {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
     : (tensor<1x64x?x?xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x?x?xf32>
  return %z, %a : tensor<1x8x64x64xf32>, tensor<1x64x?x?xf32>
}

// Lines too; 7 taps are two groups of 4. 100 outputs are 9 blocks of 4 * 3, and the window of the last group reaches a block further: (9 + 2 - 2) * 4 + 7 pixels
// of every third.
// CHECK-LABEL: func @Line
// CHECK:         lepton.pad {{.*}} -> tensor<1x129x64xf32>
// CHECK-NOT:     lepton.winograd_input
// CHECK:         lepton.winograd_conv {{.*}} {channels = 64 : i64, dilation = 3 : i64, kernel = array<i64: 7>, size = array<i64: 100>, tile = 4 : i64} : (tensor<1x129x64xf32>, tensor<4x7x2x64x16xf32>) -> tensor<1x100x64xf32>
func.func @Line(%x: tensor<1x64x100xf32>) -> tensor<1x64x100xf32> {
  %w = lepton.constant dense<1.0> : tensor<64x64x7xf32>
  %y = lepton.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 9, 9>, dilations = array<i64: 3>, group = 1 : i64}
     : (tensor<1x64x100xf32>, tensor<64x64x7xf32>) -> tensor<1x64x100xf32>
  return %y : tensor<1x64x100xf32>
}

// -----

// Lines of 3 taps are cut into tiles of 6, if there are many: 3 items of 57 make 1026 + 2 pixels. A few read no larger filter than that of tiles of 4.
// CHECK-LABEL: func @LineOfThreeTaps
// CHECK:         lepton.winograd_conv {{.*}} tile = 6 : i64} : (tensor<1x1028x64xf32>, tensor<4x8x1x64x16xf32>) -> tensor<1x1020x64xf32>
// CHECK:         lepton.winograd_conv {{.*}} tile = 4 : i64} : (tensor<1x62x64xf32>, tensor<4x6x1x64x16xf32>) -> tensor<1x60x64xf32>
func.func @LineOfThreeTaps(%long: tensor<1x64x1022xf32>, %short: tensor<1x64x62xf32>) -> (tensor<1x64x1020xf32>, tensor<1x64x60xf32>) {
  %w = lepton.constant dense<1.0> : tensor<64x64x3xf32>
  %y = lepton.conv %long, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, group = 1 : i64}
     : (tensor<1x64x1022xf32>, tensor<64x64x3xf32>) -> tensor<1x64x1020xf32>
  %z = lepton.conv %short, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, group = 1 : i64}
     : (tensor<1x64x62xf32>, tensor<64x64x3xf32>) -> tensor<1x64x60xf32>
  return %y, %z : tensor<1x64x1020xf32>, tensor<1x64x60xf32>
}

// -----

// With 32 registers for its transforms a still larger image is cut into tiles of 6: 38 of them make 228 + 2 pixels.
// CHECK-LABEL: func @LargestImage
// CHECK:         lepton.winograd_conv {{.*}}tile = 6 : i64} : (tensor<1x230x230x64xf32>, tensor<4x64x1x64x16xf32>) -> tensor<1x224x224x64xf32>
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v4", vector_bits = 512, registers = 32, fma = true, l2 = 1048576>} {
  func.func @LargestImage(%x: tensor<1x64x224x224xf32>) -> tensor<1x64x224x224xf32> {
    %w = lepton.constant dense<1.0> : tensor<64x64x3x3xf32>
    %y = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x224x224xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x224x224xf32>
    return %y : tensor<1x64x224x224xf32>
  }
}
