// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt | FileCheck %s

// CHECK-LABEL: func @Whole
// CHECK:         lepton.winograd_input {{.*}} : (tensor<1x10x14x32xf32>) -> tensor<36x6x32xf32>
// CHECK:         lepton.winograd_conv {{.*}} -> tensor<1x7x12x64xf32>
func.func @Whole(%x: tensor<1x10x14x32xf32>, %u: tensor<2x36x1x32x32xf32>) -> tensor<1x7x12x64xf32> {
  %v = lepton.winograd_input %x {tile = 4 : i64} : (tensor<1x10x14x32xf32>) -> tensor<36x6x32xf32>
  %y = lepton.winograd_conv %v, %u {tile = 4 : i64, kernel = array<i64: 3, 3>, size = array<i64: 7, 12>, channels = 64 : i64}
     : (tensor<36x6x32xf32>, tensor<2x36x1x32x32xf32>) -> tensor<1x7x12x64xf32>
  return %y : tensor<1x7x12x64xf32>
}

// CHECK-LABEL: func @Image
func.func @Image(%x: tensor<1x10x14x32xf32>, %u: tensor<2x36x1x32x32xf32>) -> tensor<1x7x12x64xf32> {
  %y = lepton.winograd_conv %x, %u {tile = 4 : i64, kernel = array<i64: 3, 3>, size = array<i64: 7, 12>, channels = 64 : i64}
     : (tensor<1x10x14x32xf32>, tensor<2x36x1x32x32xf32>) -> tensor<1x7x12x64xf32>
  return %y : tensor<1x7x12x64xf32>
}

// A line of 9 blocks of 4 outputs, and one more that the second group of taps reads.
// CHECK-LABEL: func @Line
func.func @Line(%x: tensor<1x43x32xf32>, %u: tensor<2x7x2x32x32xf32>) -> tensor<1x33x64xf32> {
  %y = lepton.winograd_conv %x, %u {tile = 4 : i64, kernel = array<i64: 7>, size = array<i64: 33>, channels = 64 : i64}
     : (tensor<1x43x32xf32>, tensor<2x7x2x32x32xf32>) -> tensor<1x33x64xf32>
  return %y : tensor<1x33x64xf32>
}

// -----

func.func @ShortLine(%x: tensor<1x42x32xf32>, %u: tensor<2x7x2x32x32xf32>) {
  // expected-error @+1 {{has operands that do not fit}}
  %y = lepton.winograd_conv %x, %u {tile = 4 : i64, kernel = array<i64: 7>, size = array<i64: 33>, channels = 64 : i64}
     : (tensor<1x42x32xf32>, tensor<2x7x2x32x32xf32>) -> tensor<1x33x64xf32>
  return
}

// -----

func.func @FarApart(%x: tensor<1x1430x32xf32>, %u: tensor<2x6x1x32x32xf32>) {
  // expected-error @+1 {{needs a filter of 3 x 3, or a dilated one of one dimension, got 3}}
  %y = lepton.winograd_conv %x, %u {tile = 4 : i64, kernel = array<i64: 3>, dilation = 65 : i64, size = array<i64: 1300>, channels = 64 : i64}
     : (tensor<1x1430x32xf32>, tensor<2x6x1x32x32xf32>) -> tensor<1x1300x64xf32>
  return
}

// -----

func.func @FiveByFive(%x: tensor<1x12x12x32xf32>, %u: tensor<2x64x1x32x32xf32>) {
  // expected-error @+1 {{needs a filter of 3 x 3, or a dilated one of one dimension, got 5, 5}}
  %y = lepton.winograd_conv %x, %u {tile = 4 : i64, kernel = array<i64: 5, 5>, size = array<i64: 8, 8>, channels = 64 : i64}
     : (tensor<1x12x12x32xf32>, tensor<2x64x1x32x32xf32>) -> tensor<1x8x8x64xf32>
  return
}

// -----

func.func @OtherImage(%x: tensor<1x10x18x32xf32>, %u: tensor<2x36x1x32x32xf32>) {
  // expected-error @+1 {{has operands that do not fit}}
  %y = lepton.winograd_conv %x, %u {tile = 4 : i64, kernel = array<i64: 3, 3>, size = array<i64: 7, 12>, channels = 64 : i64}
     : (tensor<1x10x18x32xf32>, tensor<2x36x1x32x32xf32>) -> tensor<1x7x12x64xf32>
  return
}

// -----

func.func @PartOfATile(%x: tensor<1x11x14x32xf32>) {
  // expected-error @+1 {{needs an image of whole tiles of 4 and 2 more}}
  %v = lepton.winograd_input %x {tile = 4 : i64} : (tensor<1x11x14x32xf32>) -> tensor<36x6x32xf32>
  return
}

// -----

func.func @OtherFilter(%v: tensor<36x6x32xf32>, %u: tensor<2x36x1x16x32xf32>) {
  // expected-error @+1 {{has operands that do not fit}}
  %y = lepton.winograd_conv %v, %u {tile = 4 : i64, kernel = array<i64: 3, 3>, size = array<i64: 8, 12>, channels = 64 : i64}
     : (tensor<36x6x32xf32>, tensor<2x36x1x16x32xf32>) -> tensor<1x8x12x64xf32>
  return
}

// -----

func.func @TileOfThree(%x: tensor<1x8x8x32xf32>) {
  // expected-error @+1 {{needs tiles of 2, 4 or 6 and a static channels-last image of floats, got 'tensor<1x8x8x32xf32>'}}
  %v = lepton.winograd_input %x {tile = 3 : i64} : (tensor<1x8x8x32xf32>) -> tensor<25x4x32xf32>
  return
}

// -----

func.func @DynamicTiles(%v: tensor<36x?x32xf32>, %u: tensor<2x36x1x32x32xf32>) {
  // expected-error @+1 {{needs static tiles, a static filter and a size, got 'tensor<36x?x32xf32>' and 'tensor<2x36x1x32x32xf32>'}}
  %y = lepton.winograd_conv %v, %u {tile = 4 : i64, kernel = array<i64: 3, 3>, size = array<i64: 8, 12>, channels = 64 : i64}
     : (tensor<36x?x32xf32>, tensor<2x36x1x32x32xf32>) -> tensor<1x8x12x64xf32>
  return
}
