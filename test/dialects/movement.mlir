// RUN: lepton-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: @round_trip
func.func @round_trip(%x: tensor<?x4xf32>, %i: tensor<2xi64>) -> tensor<2x4xf32> {
  // CHECK: lepton.constant dense<[2, -1]> : tensor<2xi64>
  %s = lepton.constant dense<[2, -1]> : tensor<2xi64>
  // CHECK: lepton.reshape
  %0 = lepton.reshape %x, %s : (tensor<?x4xf32>, tensor<2xi64>) -> tensor<2x?xf32>
  // CHECK: lepton.transpose %{{.*}} {perm = array<i64: 1, 0>}
  %1 = lepton.transpose %0 {perm = array<i64: 1, 0>} : (tensor<2x?xf32>) -> tensor<?x2xf32>
  // CHECK: lepton.gather %{{.*}}, %{{.*}} {axis = 0 : i64}
  %2 = lepton.gather %x, %i {axis = 0 : i64} : (tensor<?x4xf32>, tensor<2xi64>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// -----

func.func @elements_do_not_divide(%x: tensor<2x3xf32>) -> tensor<4x?xf32> {
  %s = lepton.constant dense<[4, -1]> : tensor<2xi64>
  // expected-error @+1 {{cannot infer size 1: 6 elements do not divide by 4}}
  %0 = lepton.reshape %x, %s : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<4x?xf32>
  return %0 : tensor<4x?xf32>
}

// -----

func.func @elements_differ(%x: tensor<2x3xf32>) -> tensor<4x2xf32> {
  %s = lepton.constant dense<[4, 2]> : tensor<2xi64>
  // expected-error @+1 {{turns 6 elements into 8}}
  %0 = lepton.reshape %x, %s : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}

// -----

func.func @two_inferred(%x: tensor<6xf32>) -> tensor<?x?xf32> {
  %s = lepton.constant dense<[-1, -1]> : tensor<2xi64>
  // expected-error @+1 {{has more than one -1 in the shape}}
  %0 = lepton.reshape %x, %s : (tensor<6xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @squeeze_larger(%x: tensor<2x3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{squeezes dimension 0 of size 2; only a size of 1 can go}}
  %0 = lepton.squeeze %x {axes = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

func.func @no_permutation(%x: tensor<2x3xf32>) -> tensor<2x2xf32> {
  // expected-error @+1 {{perm is no permutation of the input's 2 dimensions}}
  %0 = lepton.transpose %x {perm = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// -----

func.func @zero_step(%x: tensor<9xf32>, %b: tensor<1xi64>) -> tensor<?xf32> {
  %step = lepton.constant dense<0> : tensor<1xi64>
  // expected-error @+1 {{has a step of 0 on axis 0}}
  %0 = lepton.slice %x, %b, %b, %step {axes = array<i64: 0>} : (tensor<9xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

func.func @concat_sizes_clash(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>) -> tensor<4x3xf32> {
  // expected-error @+1 {{inputs differ in dimension 1, which is not the axis: 3 and 4}}
  %0 = lepton.concat %a, %b {axis = 0 : i64} : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// -----

func.func @pad_count(%x: tensor<3xf32>, %p: tensor<3xi64>) -> tensor<?xf32> {
  // expected-error @+1 {{needs 2 pads for 1 axes}}
  %0 = lepton.pad constant %x, %p {axes = array<i64: 0>} : (tensor<3xf32>, tensor<3xi64>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

func.func @gather_axis(%x: tensor<3xf32>, %i: tensor<1xi64>) -> tensor<1xf32> {
  // expected-error @+1 {{has the axis 1 out of range for rank 1}}
  %0 = lepton.gather %x, %i {axis = 1 : i64} : (tensor<3xf32>, tensor<1xi64>) -> tensor<1xf32>
  return %0 : tensor<1xf32>
}

// -----

func.func @shape_of_unknown_length(%x: tensor<6xf32>, %s: tensor<?xi64>) {
  // expected-error @+1 {{needs a shape operand of one dimension and static length, so that the result's rank is known, got 'tensor<?xi64>'}}
  %0 = lepton.reshape %x, %s : (tensor<6xf32>, tensor<?xi64>) -> tensor<6xf32>
  return
}

// -----

func.func @shape_of_many_dimensions(%x: tensor<f32>, %s: tensor<65xi64>) {
  // expected-error @+1 {{asks for 65 dimensions; at most 64 are supported}}
  %0 = lepton.expand %x, %s : (tensor<f32>, tensor<65xi64>) -> tensor<f32>
  return
}

// -----

func.func @dimensions_past_the_rank(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{asks for dimensions past rank 2}}
  %0 = lepton.shape %x {start = 1 : i64, end = 3 : i64} : (tensor<2x3xf32>) -> tensor<2xi64>
  return
}

// -----

func.func @sizes_that_do_not_broadcast(%x: tensor<2x3xf32>) {
  %s = lepton.constant dense<[2, 4]> : tensor<2xi64>
  // expected-error @+1 {{cannot broadcast size 3 to 4}}
  %0 = lepton.expand %x, %s : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2x4xf32>
  return
}

// -----

func.func @bounds_without_axes(%x: tensor<2x3xf32>, %s: tensor<2xi64>) {
  // expected-error @+1 {{starts, ends and steps must have one entry for each of the 1 axes, got 'tensor<2xi64>'}}
  %0 = lepton.slice %x, %s, %s, %s {axes = array<i64: 0>} : (tensor<2x3xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<?x3xf32>
  return
}

// -----

func.func @nothing_to_join() {
  // expected-error @+1 {{needs at least one input}}
  %0 = "lepton.concat"() {axis = 0 : i64} : () -> tensor<0xf32>
  return
}

// -----

func.func @ranks_to_join(%a: tensor<2x3xf32>, %b: tensor<3xf32>) {
  // expected-error @+1 {{inputs differ in rank or element type: 'tensor<2x3xf32>' and 'tensor<3xf32>'}}
  %0 = lepton.concat %a, %b {axis = 0 : i64} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @pads_that_remove_all(%x: tensor<3xf32>) {
  %p = lepton.constant dense<-2> : tensor<2xi64>
  // expected-error @+1 {{removes more than there is along axis 0}}
  %0 = lepton.pad constant %x, %p {axes = array<i64: 0>} : (tensor<3xf32>, tensor<2xi64>) -> tensor<?xf32>
  return
}
