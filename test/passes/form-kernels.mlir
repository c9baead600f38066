// RUN: lepton-opt %s --lepton-form-kernels | FileCheck %s
// RUN: lepton-opt %s --lepton-form-kernels="fuse=false" | FileCheck %s --check-prefix=ALONE

// Elementwise chains are one kernel; equal kernels are one function.
// CHECK-LABEL: func.func private @add_relu_f32_dx3
// CHECK-SAME:    lepton.dims = ["d0", ""]
// CHECK:         lepton.add
// CHECK-NEXT:    lepton.relu
// CHECK-LABEL: func.func private @matmul_f32_dx3
// CHECK-LABEL: func.func private @matmul_add_f32_dx3
// CHECK:         lepton.matmul
// CHECK-NEXT:    lepton.add
// CHECK-LABEL: func.func @main
// CHECK:         lepton.call @add_relu_f32_dx3
// CHECK:         lepton.call @add_relu_f32_dx3
// CHECK:         lepton.call @matmul_f32_dx3
// CHECK:         lepton.call @matmul_add_f32_dx3
// CHECK-NOT:     {{lepton.reshape|@concat}}
// CHECK:         tensor.expand_shape
// ALONE:         lepton.call @add_f32_dx3
// ALONE:         lepton.call @relu_f32_dx3
func.func @main(%x: tensor<?x3xf32> {lepton.dims = ["batch", ""]}, %y: tensor<?x3xf32> {lepton.dims = ["batch", ""]}, %b: tensor<3xf32>, %w: tensor<3x3xf32>) -> tensor<?x1x3xf32> {
  %0 = lepton.add %x, %b : (tensor<?x3xf32>, tensor<3xf32>) -> tensor<?x3xf32>
  %1 = lepton.relu %0 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %2 = lepton.add %y, %b : (tensor<?x3xf32>, tensor<3xf32>) -> tensor<?x3xf32>
  %3 = lepton.relu %2 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %4 = lepton.matmul %1, %w : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %6 = lepton.matmul %3, %w : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %5 = lepton.add %4, %6 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %s = lepton.shape %5 {start = 0 : i64, end = 1 : i64} : (tensor<?x3xf32>) -> tensor<1xi64>
  %r = lepton.constant dense<[1, 3]> : tensor<2xi64>
  %t = lepton.concat %s, %r {axis = 0 : i64} : (tensor<1xi64>, tensor<2xi64>) -> tensor<3xi64>
  %7 = lepton.reshape %5, %t : (tensor<?x3xf32>, tensor<3xi64>) -> tensor<?x1x3xf32>
  return %7 : tensor<?x1x3xf32>
}
