// RUN: lepton-opt %s --lepton-specialize-sizes --lepton-refine-shapes --split-input-file --verify-diagnostics | FileCheck %s

// A copy for each size, chosen by the inputs' sizes; the constant is shared, and the attribute is used up.
// CHECK-LABEL: module {
// CHECK:       func @main(%[[X:.*]]: tensor<?x4xf32>
// CHECK-NEXT:    %[[W:.*]] = lepton.constant dense<5.000000e-01>
// CHECK-NOT:     dense<5.000000e-01>
// CHECK:         %[[ONE:.*]] = lepton.equal {{.*}} -> tensor<1xi1>
// CHECK:         lepton.if %[[ONE]] : tensor<1xi1> -> tensor<?x2xf32> {
// CHECK:           lepton.reshape %[[X]], {{.*}} -> tensor<1x4xf32>
// CHECK:           lepton.matmul {{.*}}, %[[W]] {{.*}} -> tensor<1x2xf32>
// CHECK:         } else {
// CHECK:           %[[EIGHT:.*]] = lepton.equal
// CHECK:           lepton.if %[[EIGHT]] : tensor<1xi1> -> tensor<?x2xf32> {
// CHECK:             lepton.matmul {{.*}}, %[[W]] {{.*}} -> tensor<8x2xf32>
// CHECK:           } else {
// CHECK:             lepton.matmul %[[X]], %[[W]] {{.*}} -> tensor<?x2xf32>
module attributes {lepton.dim_versions = {N = array<i64: 1, 8>}} {
  func.func @main(%x: tensor<?x4xf32> {lepton.dims = ["N", ""]}) -> tensor<?x2xf32> {
    %w = lepton.constant dense<0.5> : tensor<4x2xf32>
    %0 = lepton.matmul %x, %w : (tensor<?x4xf32>, tensor<4x2xf32>) -> tensor<?x2xf32>
    return %0 : tensor<?x2xf32>
  }
}

// -----

// Of two dimensions, each combination; both must fit.
// CHECK-LABEL: module {
// CHECK:         %[[A:.*]] = lepton.equal
// CHECK:         %[[B:.*]] = lepton.equal
// CHECK:         %[[BOTH:.*]] = lepton.bitwise_and %[[A]], %[[B]]
// CHECK:         lepton.if %[[BOTH]]
// CHECK:           lepton.relu {{.*}} -> tensor<2x3xf32>
// CHECK:           lepton.relu {{.*}} -> tensor<2x5xf32>
// CHECK:           lepton.relu {{.*}} -> tensor<?x?xf32>
module attributes {lepton.dim_versions = {H = array<i64: 2>, W = array<i64: 3, 5>}} {
  func.func @main(%x: tensor<?x?xf32> {lepton.dims = ["H", "W"]}) -> tensor<?x?xf32> {
    %0 = lepton.relu %x : (tensor<?x?xf32>) -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// -----

// Nothing has the name: the graph stays.
// CHECK-LABEL: module {
// CHECK-NOT:     lepton.if
// CHECK:         lepton.relu %{{.*}} -> tensor<?xf32>
module attributes {lepton.dim_versions = {M = array<i64: 2>}} {
  func.func @main(%x: tensor<?xf32> {lepton.dims = ["N"]}) -> tensor<?xf32> {
    %0 = lepton.relu %x : (tensor<?xf32>) -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}

// -----

module attributes {lepton.dim_versions = {M = array<i64: 1, 2, 3, 4, 5>, N = array<i64: 1, 2, 3, 4>}} {
  // expected-error @below {{has more than 16 combinations of sizes to compile for; give fewer (--dim)}}
  func.func @main(%x: tensor<?x?xf32> {lepton.dims = ["M", "N"]}) -> tensor<?x?xf32> {
    return %x : tensor<?x?xf32>
  }
}
