// RUN: lepton compile %s --compile-to=graph -o - | FileCheck %s

// What several branches compute of the same constants is one constant, outside of them.
// CHECK-LABEL: func.func @main
// CHECK:         %[[C:.*]] = lepton.constant dense<{{\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
// CHECK-NOT:     lepton.constant
// CHECK:         lepton.if
// CHECK-NEXT:      lepton.add %{{.*}}, %[[C]]
// CHECK:         } else {
// CHECK-NEXT:      lepton.sub %{{.*}}, %[[C]]
// CHECK-NOT:     lepton.transpose
func.func @main(%flag: tensor<i1>, %x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %y = lepton.if %flag : tensor<i1> -> tensor<2x2xf32> {
    %c = lepton.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
    %t = lepton.transpose %c {perm = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
    %0 = lepton.add %x, %t : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
    lepton.yield %0 : tensor<2x2xf32>
  } else {
    %c = lepton.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
    %t = lepton.transpose %c {perm = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
    %0 = lepton.sub %x, %t : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
    lepton.yield %0 : tensor<2x2xf32>
  }
  return %y : tensor<2x2xf32>
}
