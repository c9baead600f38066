// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt | FileCheck %s

// CHECK-LABEL: func @Shuffle
// CHECK:         lepton.depth_to_space {{.*}} channels_outside{{.*}} -> tensor<1x2x6x?xf32>
func.func @Shuffle(%x: tensor<1x8x3x?xf32>) -> tensor<1x2x6x?xf32> {
  %y = lepton.depth_to_space %x {block = array<i64: 2, 2>, first_spatial = 2 : i64, channels_outside} : (tensor<1x8x3x?xf32>) -> tensor<1x2x6x?xf32>
  return %y : tensor<1x2x6x?xf32>
}

// The number of channels may be what only the run knows.
// CHECK-LABEL: func @SymbolicChannels
// CHECK:         lepton.depth_to_space {{.*}} -> tensor<1x?x6x6xf32>
func.func @SymbolicChannels(%x: tensor<1x?x3x3xf32>) -> tensor<1x?x6x6xf32> {
  %y = lepton.depth_to_space %x {block = array<i64: 2, 2>, first_spatial = 2 : i64} : (tensor<1x?x3x3xf32>) -> tensor<1x?x6x6xf32>
  return %y : tensor<1x?x6x6xf32>
}

// -----

func.func @Channels(%x: tensor<1x6x3x3xf32>) {
  // expected-error @+1 {{needs a number of channels that divides by 4, got 'tensor<1x6x3x3xf32>'}}
  %y = lepton.depth_to_space %x {block = array<i64: 2, 2>, first_spatial = 2 : i64} : (tensor<1x6x3x3xf32>) -> tensor<1x1x6x6xf32>
  return
}

// -----

func.func @BlockOfOneDimension(%x: tensor<1x8x3x3xf32>) {
  // expected-error @+1 {{needs a positive block size for each spatial dimension, which start at 1 or 2}}
  %y = lepton.depth_to_space %x {block = array<i64: 2>, first_spatial = 2 : i64} : (tensor<1x8x3x3xf32>) -> tensor<1x2x6x6xf32>
  return
}
