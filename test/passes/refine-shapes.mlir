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

// Padded by what it lacks.
// CHECK-LABEL: func @filled
// CHECK:         lepton.pad {{.*}} -> tensor<2xf32>
func.func @filled(%x: tensor<?xf32>) -> tensor<?xf32> {
  %two = lepton.constant dense<[0, 2]> : tensor<2xi64>
  %zero = lepton.constant dense<0> : tensor<1xi64>
  %d = lepton.shape %x {end = 1 : i64, start = 0 : i64} : (tensor<?xf32>) -> tensor<1xi64>
  %both = lepton.concat %zero, %d {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %p = lepton.sub %two, %both : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %0 = lepton.pad constant %x, %p {axes = array<i64: 0>} : (tensor<?xf32>, tensor<2xi64>) -> tensor<?xf32>
  %1 = lepton.abs %0 : (tensor<?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}
