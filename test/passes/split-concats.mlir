// RUN: lepton-opt %s --lepton-split-concats | FileCheck %s

// Sixteen at a time; one that is left over stays a part of the whole, whose type stays as well.
// CHECK-LABEL: func.func @many
// CHECK:         %[[A:.*]] = lepton.concat %arg0, %arg1, %arg0, %arg1, %arg0, %arg1, %arg0, %arg1, %arg0, %arg1, %arg0, %arg1, %arg0, %arg1, %arg0, %arg1 {axis = 1 : i64} {{.*}} -> tensor<2x?xf32>
// CHECK:         %[[B:.*]] = lepton.concat %[[A]], %arg0 {axis = 1 : i64} : (tensor<2x?xf32>, tensor<2x3xf32>) -> tensor<2x?xf32>
// CHECK:         return %[[B]]
func.func @many(%x: tensor<2x3xf32>, %y: tensor<2x?xf32>) -> tensor<2x?xf32> {
  %0 = lepton.concat %x, %y, %x, %y, %x, %y, %x, %y, %x, %y, %x, %y, %x, %y, %x, %y, %x {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x?xf32>, tensor<2x3xf32>, tensor<2x?xf32>, tensor<2x3xf32>, tensor<2x?xf32>, tensor<2x3xf32>, tensor<2x?xf32>, tensor<2x3xf32>, tensor<2x?xf32>, tensor<2x3xf32>, tensor<2x?xf32>, tensor<2x3xf32>, tensor<2x?xf32>, tensor<2x3xf32>, tensor<2x?xf32>, tensor<2x3xf32>) -> tensor<2x?xf32>
  return %0 : tensor<2x?xf32>
}

// CHECK-LABEL: func.func @few
// CHECK:         %[[A:.*]] = lepton.concat %arg0, %arg0, %arg0 {axis = 0 : i64}
// CHECK-NEXT:    return %[[A]]
func.func @few(%x: tensor<2xf32>) -> tensor<6xf32> {
  %0 = lepton.concat %x, %x, %x {axis = 0 : i64} : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<6xf32>
  return %0 : tensor<6xf32>
}
