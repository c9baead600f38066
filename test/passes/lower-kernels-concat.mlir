// RUN: lepton-opt %s --lepton-lower-kernels | FileCheck %s

// An operand without elements has no place in the result.
// CHECK-LABEL: func.func private @concat
// CHECK:         tensor.extract_slice %{{.*}}[0] [3] [1]
// CHECK:         linalg.generic
// CHECK:         tensor.insert_slice
// CHECK-NOT:     linalg.generic
func.func private @concat(%a: tensor<3xf32>, %none: tensor<0xf32>) -> tensor<3xf32> attributes {lepton.kernel} {
  %0 = lepton.concat %a, %none {axis = 0 : i64} : (tensor<3xf32>, tensor<0xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

func.func @main(%x: tensor<3xf32>, %none: tensor<0xf32>) -> tensor<3xf32> {
  %y = lepton.call @concat(%x, %none) : (tensor<3xf32>, tensor<0xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
