// RUN: lepton-opt %s --lepton-refine-shapes | FileCheck %s

// What is inferred spreads; what leaves the function keeps the type that the function declares.
// CHECK-LABEL: func @main
// CHECK:         lepton.relu {{.*}} -> tensor<3xf32>
// CHECK:         lepton.neg {{.*}} -> tensor<3xf32>
// CHECK:         lepton.abs {{.*}} -> tensor<?xf32>
func.func @main(%x: tensor<3xf32>) -> tensor<?xf32> {
  %0 = lepton.relu %x : (tensor<3xf32>) -> tensor<?xf32>
  %1 = lepton.neg %0 : (tensor<?xf32>) -> tensor<?xf32>
  %2 = lepton.abs %1 : (tensor<?xf32>) -> tensor<?xf32>
  return %2 : tensor<?xf32>
}
