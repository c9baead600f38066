// RUN: lepton-opt %s --lepton-lower-kernels --canonicalize | FileCheck %s

// Complex numbers are moved as they are.
// CHECK-LABEL: func.func private @moved
// CHECK-SAME:    tensor<4x3xcomplex<f64>>, %{{.*}}: tensor<3x4xcomplex<f64>>) -> tensor<3x4xcomplex<f64>>
// CHECK:         %[[X:.*]] = tensor.extract %{{.*}} : tensor<4x3xcomplex<f64>>
// CHECK:         linalg.yield %[[X]] : complex<f64>
func.func private @moved(%x: tensor<4x3xcomplex<f64>>) -> tensor<3x4xcomplex<f64>> attributes {lepton.kernel} {
  %0 = lepton.transpose %x {perm = array<i64: 1, 0>} : (tensor<4x3xcomplex<f64>>) -> tensor<3x4xcomplex<f64>>
  return %0 : tensor<3x4xcomplex<f64>>
}

// Products are complex ones.
// CHECK-LABEL: func.func private @multiplied
// CHECK:         complex.mul
func.func private @multiplied(%x: tensor<4xcomplex<f32>>, %i: tensor<3xi64>, %u: tensor<3xcomplex<f32>>) -> tensor<4xcomplex<f32>> attributes {lepton.kernel} {
  %0 = lepton.scatter_elements mul %x, %i, %u {axis = 0 : i64} : (tensor<4xcomplex<f32>>, tensor<3xi64>, tensor<3xcomplex<f32>>) -> tensor<4xcomplex<f32>>
  return %0 : tensor<4xcomplex<f32>>
}

// Sums are those of the parts.
// CHECK-LABEL: func.func private @added
// CHECK-DAG:     %[[A:.*]] = complex.re
// CHECK-DAG:     %[[B:.*]] = complex.re
// CHECK:         arith.addf %{{.*}}, %{{.*}} fastmath<reassoc,contract> : f32
// CHECK:         arith.addf %{{.*}}, %{{.*}} fastmath<reassoc,contract> : f32
// CHECK:         complex.create
func.func private @added(%x: tensor<4xcomplex<f32>>, %i: tensor<3xi64>, %u: tensor<3xcomplex<f32>>) -> tensor<4xcomplex<f32>> attributes {lepton.kernel} {
  %0 = lepton.scatter_elements add %x, %i, %u {axis = 0 : i64} : (tensor<4xcomplex<f32>>, tensor<3xi64>, tensor<3xcomplex<f32>>) -> tensor<4xcomplex<f32>>
  return %0 : tensor<4xcomplex<f32>>
}

// A number is other than 0 where one of its parts is.
// CHECK-LABEL: func.func private @to_bool
// CHECK:         %[[RE:.*]] = arith.cmpf une
// CHECK:         %[[IM:.*]] = arith.cmpf une
// CHECK:         arith.ori %[[RE]], %[[IM]] : i1
func.func private @to_bool(%x: tensor<4xcomplex<f32>>) -> tensor<4xi1> attributes {lepton.kernel} {
  %0 = lepton.cast %x {to = i1} : (tensor<4xcomplex<f32>>) -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// The real part's bits are the lowest.
// CHECK-LABEL: func.func private @bits
// CHECK-DAG:     %[[WIDTH:.*]] = arith.constant 32 : i64
// CHECK-DAG:     %[[RE:.*]] = complex.re
// CHECK-DAG:     %[[IM:.*]] = complex.im
// CHECK:         %[[HIGH:.*]] = arith.shli %{{.*}}, %[[WIDTH]] : i64
// CHECK:         arith.ori %{{.*}}, %[[HIGH]] : i64
func.func private @bits(%x: tensor<4xcomplex<f32>>) -> tensor<4xi64> attributes {lepton.kernel} {
  %0 = lepton.bit_cast %x {to = i64} : (tensor<4xcomplex<f32>>) -> tensor<4xi64>
  return %0 : tensor<4xi64>
}
