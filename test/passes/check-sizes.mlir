// RUN: lepton-opt %s --split-input-file --lepton-form-kernels | FileCheck %s

// The conditions on sizes stand in front of the kernels that rely on them, each once.

// CHECK-LABEL: func @main
// CHECK-DAG:     %[[A:.*]] = tensor.dim %arg0
// CHECK-DAG:     %[[B:.*]] = tensor.dim %arg1
// CHECK:         arith.cmpi eq, %[[A]], %[[B]]
// CHECK:         cf.assert %{{.*}}, "the sizes of its inputs do not fit in this run ([2,?] and [?,3]); give the model inputs of sizes that fit"
// CHECK:         lepton.call @matmul
// CHECK-NOT:     cf.assert
func.func @main(%a: tensor<2x?xf32> {lepton.dims = ["", "K"]}, %b: tensor<?x3xf32> {lepton.dims = ["L", ""]}) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %0 = lepton.matmul %a, %b : (tensor<2x?xf32>, tensor<?x3xf32>) -> tensor<2x3xf32>
  %1 = lepton.relu %0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = lepton.matmul %a, %b : (tensor<2x?xf32>, tensor<?x3xf32>) -> tensor<2x3xf32>
  return %1, %2 : tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// One name is one size: nothing to check.
// CHECK-LABEL: func @main
// CHECK-NOT:     cf.assert
// CHECK:         return
func.func @main(%a: tensor<2x?xf32> {lepton.dims = ["", "K"]}, %b: tensor<?x3xf32> {lepton.dims = ["K", ""]}) -> tensor<2x3xf32> {
  %0 = lepton.matmul %a, %b : (tensor<2x?xf32>, tensor<?x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
