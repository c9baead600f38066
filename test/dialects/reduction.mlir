// RUN: lepton-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: @round_trip
func.func @round_trip(%x: tensor<2x?xf32>) -> tensor<2x1xf32> {
  // CHECK: lepton.softmax %{{.*}} {axis = 1 : i64}
  %0 = lepton.softmax %x {axis = 1 : i64} : (tensor<2x?xf32>) -> tensor<2x?xf32>
  // CHECK: lepton.normalize
  %1 = lepton.normalize %0 {axes = array<i64: 1>, epsilon = 1.0e-5 : f64} : (tensor<2x?xf32>) -> tensor<2x?xf32>
  // CHECK: lepton.reduce sum %{{.*}} {axes = array<i64: 1>, keepdims}
  %2 = lepton.reduce sum %1 {axes = array<i64: 1>, keepdims} : (tensor<2x?xf32>) -> tensor<2x1xf32>
  return %2 : tensor<2x1xf32>
}

// -----

func.func @axis_out_of_range(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{has the axis 2 out of range for rank 2}}
  %0 = lepton.reduce max %x {axes = array<i64: 2>} : (tensor<2x3xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @softmax_of_integers(%x: tensor<2x3xi32>) -> tensor<2x3xi32> {
  // expected-error @+1 {{needs floating-point numbers, got 'tensor<2x3xi32>'}}
  %0 = lepton.softmax %x {axis = 1 : i64} : (tensor<2x3xi32>) -> tensor<2x3xi32>
  return %0 : tensor<2x3xi32>
}

// -----

// CHECK-LABEL: func @determinant
func.func @determinant(%x: tensor<2x3x3xf32>) {
  // CHECK: lepton.determinant %{{.*}} : (tensor<2x3x3xf32>) -> tensor<2xf32>
  %0 = lepton.determinant %x : (tensor<2x3x3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @determinantOfIntegers(%x: tensor<3x3xi32>) {
  // expected-error @+1 {{'lepton.determinant' op needs floating-point matrices, got 'tensor<3x3xi32>'}}
  %0 = lepton.determinant %x : (tensor<3x3xi32>) -> tensor<i32>
  return
}

// -----

func.func @determinantOfOblong(%x: tensor<3x2xf32>) {
  // expected-error @+1 {{'lepton.determinant' op needs square matrices, got 'tensor<3x2xf32>'}}
  %0 = lepton.determinant %x : (tensor<3x2xf32>) -> tensor<f32>
  return
}

// -----

// CHECK-LABEL: func @inverse
func.func @inverse(%x: tensor<?x3x3xf32>) -> tensor<?x3x3xf32> {
  // CHECK: lepton.inverse %{{.*}} : (tensor<?x3x3xf32>) -> tensor<?x3x3xf32>
  %0 = lepton.inverse %x : (tensor<?x3x3xf32>) -> tensor<?x3x3xf32>
  return %0 : tensor<?x3x3xf32>
}

// -----

func.func @notSquare(%x: tensor<2x3x4xf32>) {
  // expected-error @+1 {{'lepton.inverse' op needs square matrices, got 'tensor<2x3x4xf32>'}}
  %0 = lepton.inverse %x : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return
}
