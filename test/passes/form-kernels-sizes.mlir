// RUN: lepton-opt %s --split-input-file --lepton-form-kernels | FileCheck %s

// A value that sizes are read from is no inner value of a kernel, although a kernel would take it.
// CHECK-LABEL: func.func @main
// CHECK:         %[[READ:.*]] = lepton.call @cast_i64_2
// CHECK:         lepton.call @mul_i64_2(%[[READ]])
// CHECK:         tensor.extract %[[READ]]
// CHECK:         lepton.call @expand_f32_dxd
func.func @main(%x: tensor<1x1xf32>, %n: tensor<2xf32>) -> tensor<?x?xf32> {
  %i = lepton.cast %n {to = i64} : (tensor<2xf32>) -> tensor<2xi64>
  %s = lepton.mul %i, %i : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %y = lepton.expand %x, %s : (tensor<1x1xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// One element of a vector whose size only the run knows, as a scalar: the view is one of a size that is known.
// CHECK-LABEL: func.func @main
// CHECK:         %[[ONE:.*]] = tensor.cast %arg0 : tensor<?xf32> to tensor<1xf32>
// CHECK:         tensor.collapse_shape %[[ONE]] [] : tensor<1xf32> into tensor<f32>
func.func @main(%x: tensor<?xf32>) -> tensor<f32> {
  %s = lepton.constant dense<> : tensor<0xi64>
  %y = lepton.reshape %x, %s : (tensor<?xf32>, tensor<0xi64>) -> tensor<f32>
  return %y : tensor<f32>
}

// -----

// What only a view's sizes used is gone, along with the inner values of kernels that it used itself.
// CHECK-LABEL: func.func @main
// CHECK:         lepton.call @equal_where_i64_3
// CHECK-NOT:     lepton.where
func.func @main(%x: tensor<1x6xf32>, %p: tensor<3xi64>, %a: tensor<i64>) -> (tensor<?x?x?xf32>, tensor<3xi64>) {
  %n = lepton.constant dense<[1, 2, 3]> : tensor<3xi64>
  %e = lepton.equal %p, %a : (tensor<3xi64>, tensor<i64>) -> tensor<3xi1>
  %w = lepton.where %e, %n, %p : (tensor<3xi1>, tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>
  %s = lepton.where %e, %a, %n : (tensor<3xi1>, tensor<i64>, tensor<3xi64>) -> tensor<3xi64>
  %y = lepton.reshape %x, %s {allowzero} : (tensor<1x6xf32>, tensor<3xi64>) -> tensor<?x?x?xf32>
  return %y, %w : tensor<?x?x?xf32>, tensor<3xi64>
}
