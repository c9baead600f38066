// RUN: lepton compile %s --compile-to=graph -o - | FileCheck %s

// What depends on constants alone is computed by compiling and running it.
// CHECK-LABEL: func.func @main
// CHECK:         %[[C:.*]] = lepton.constant dense<{{\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
// CHECK:         lepton.add %{{.*}}, %[[C]]
// CHECK-NOT:     lepton.transpose
func.func @main(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %c = lepton.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %t = lepton.transpose %c {perm = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = lepton.add %x, %t : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

