// RUN: lepton-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: @round_trip
func.func @round_trip(%a: tensor<2x3xf32>, %b: tensor<3xf32>, %c: tensor<2x1xi1>) -> tensor<2x3xf32> {
  // CHECK: lepton.add %{{.*}}, %{{.*}} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %0 = lepton.add %a, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  // CHECK: lepton.where
  %1 = lepton.where %c, %0, %b : (tensor<2x1xi1>, tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  // CHECK: lepton.leaky_relu %{{.*}} {alpha = 1.000000e-01 : f64}
  %2 = lepton.leaky_relu %1 {alpha = 1.0e-01 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}

// -----

func.func @no_broadcast(%a: tensor<2x3xf32>, %b: tensor<2xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{operands do not broadcast: 'tensor<2x3xf32>' and 'tensor<2xf32>'}}
  %0 = lepton.add %a, %b : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

func.func @different_types(%a: tensor<3xf32>, %b: tensor<3xi32>) -> tensor<3xf32> {
  // expected-error @+1 {{operands have different element types 'f32' and 'i32'; insert a cast}}
  %0 = lepton.mul %a, %b : (tensor<3xf32>, tensor<3xi32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

func.func @condition_is_bool(%a: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{condition has element type 'f32', expected a bool}}
  %0 = lepton.where %a, %a, %a : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

func.func @wrong_result_type(%a: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{result 0 has element type 'f32', expected 'i1'}}
  %0 = lepton.equal %a, %a : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

func.func @wrong_result_shape(%a: tensor<3xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{result 0 has type 'tensor<4xf32>', expected the shape [3]}}
  %0 = lepton.relu %a : (tensor<3xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @wrong_rank(%a: tensor<3xf32>) -> tensor<1x3xf32> {
  // expected-error @+1 {{result 0 has rank 2, expected the shape [3]}}
  %0 = lepton.relu %a : (tensor<3xf32>) -> tensor<1x3xf32>
  return %0 : tensor<1x3xf32>
}

// -----

// CHECK-LABEL: func @bitCast
func.func @bitCast(%x: tensor<3xf32>) {
  // CHECK: lepton.bit_cast %{{.*}} {to = ui32} : (tensor<3xf32>) -> tensor<3xui32>
  %0 = lepton.bit_cast %x {to = ui32} : (tensor<3xf32>) -> tensor<3xui32>
  return
}

// -----

func.func @bitCastOfAnotherWidth(%x: tensor<3xf32>) {
  // expected-error @+1 {{'lepton.bit_cast' op casts bits of 'f32' to 'i64', which is not as wide}}
  %0 = lepton.bit_cast %x {to = i64} : (tensor<3xf32>) -> tensor<3xi64>
  return
}

// -----

// CHECK-LABEL: func @complexNumbers
func.func @complexNumbers(%x: tensor<2x3xcomplex<f32>>, %c: tensor<3xi1>) -> tensor<2x3xcomplex<f32>> {
  // CHECK: lepton.complex_part %{{.*}} : (tensor<2x3xcomplex<f32>>) -> tensor<2x3xf32>
  %0 = lepton.complex_part %x : (tensor<2x3xcomplex<f32>>) -> tensor<2x3xf32>
  // CHECK: lepton.complex_part %{{.*}} {imaginary} : (tensor<2x3xcomplex<f32>>) -> tensor<2x3xf32>
  %1 = lepton.complex_part %x {imaginary} : (tensor<2x3xcomplex<f32>>) -> tensor<2x3xf32>
  // CHECK: lepton.bit_cast %{{.*}} {to = ui64} : (tensor<2x3xcomplex<f32>>) -> tensor<2x3xui64>
  %2 = lepton.bit_cast %x {to = ui64} : (tensor<2x3xcomplex<f32>>) -> tensor<2x3xui64>
  // CHECK: lepton.constant dense<(1.000000e+00,-2.000000e+00)> : tensor<complex<f32>>
  %3 = lepton.constant dense<(1.0, -2.0)> : tensor<complex<f32>>
  // CHECK: lepton.where
  %4 = lepton.where %c, %x, %3 : (tensor<3xi1>, tensor<2x3xcomplex<f32>>, tensor<complex<f32>>) -> tensor<2x3xcomplex<f32>>
  return %4 : tensor<2x3xcomplex<f32>>
}

// -----

func.func @partOfAReal(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{'lepton.complex_part' op needs complex numbers, got 'f32'}}
  %0 = lepton.complex_part %x : (tensor<3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

func.func @bitCastOfAWideComplex(%x: tensor<3xcomplex<f64>>) {
  // expected-error @+1 {{'lepton.bit_cast' op casts bits of 'complex<f64>' to 'i64', which is not as wide}}
  %0 = lepton.bit_cast %x {to = i64} : (tensor<3xcomplex<f64>>) -> tensor<3xi64>
  return
}
