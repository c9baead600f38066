// RUN: lepton-opt %s --lepton-form-kernels --split-input-file | FileCheck %s

// A softmax of scaled and masked scores, and its product with the values, are one kernel: the scores never lie in memory as a whole.
// CHECK-LABEL: func.func private @matmul_mul_add_softmax_matmul_f32_2x50x8
// CHECK:         lepton.matmul
// CHECK-NEXT:    lepton.mul
// CHECK-NEXT:    lepton.add
// CHECK-NEXT:    lepton.softmax
// CHECK-NEXT:    lepton.matmul
// CHECK-NEXT:    lepton.relu
func.func @main(%q: tensor<2x50x16xf32>, %k: tensor<2x16x30xf32>, %v: tensor<2x30x8xf32>, %scale: tensor<f32>, %mask: tensor<30xf32>) -> tensor<2x50x8xf32> {
  %0 = lepton.matmul %q, %k : (tensor<2x50x16xf32>, tensor<2x16x30xf32>) -> tensor<2x50x30xf32>
  %1 = lepton.mul %0, %scale : (tensor<2x50x30xf32>, tensor<f32>) -> tensor<2x50x30xf32>
  %2 = lepton.add %1, %mask : (tensor<2x50x30xf32>, tensor<30xf32>) -> tensor<2x50x30xf32>
  %3 = lepton.softmax %2 {axis = 2 : i64} : (tensor<2x50x30xf32>) -> tensor<2x50x30xf32>
  %4 = lepton.matmul %3, %v : (tensor<2x50x30xf32>, tensor<2x30x8xf32>) -> tensor<2x50x8xf32>
  %5 = lepton.relu %4 : (tensor<2x50x8xf32>) -> tensor<2x50x8xf32>
  return %5 : tensor<2x50x8xf32>
}

// -----

// What comes behind reads the scores too, which no other kernel has.
// CHECK-LABEL: func.func private @matmul_mul_f32_30x30
// CHECK-LABEL: func.func private @softmax_f32_30x30
// CHECK-LABEL: func.func private @matmul_add_f32_30x30
func.func @main(%q: tensor<30x30xf32>, %k: tensor<30x30xf32>, %v: tensor<30x30xf32>, %scale: tensor<f32>) -> tensor<30x30xf32> {
  %0 = lepton.matmul %q, %k : (tensor<30x30xf32>, tensor<30x30xf32>) -> tensor<30x30xf32>
  %1 = lepton.mul %0, %scale : (tensor<30x30xf32>, tensor<f32>) -> tensor<30x30xf32>
  %2 = lepton.softmax %1 {axis = 1 : i64} : (tensor<30x30xf32>) -> tensor<30x30xf32>
  %3 = lepton.matmul %2, %v : (tensor<30x30xf32>, tensor<30x30xf32>) -> tensor<30x30xf32>
  %4 = lepton.add %3, %1 : (tensor<30x30xf32>, tensor<30x30xf32>) -> tensor<30x30xf32>
  return %4 : tensor<30x30xf32>
}
