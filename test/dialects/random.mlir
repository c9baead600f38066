// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

// CHECK-LABEL: func @roundTrip
func.func @roundTrip(%n: tensor<i64>) {
  // CHECK: lepton.random %{{.*}} {normal, seed = 7 : i64} : (tensor<i64>) -> tensor<?xf64>
  %0 = lepton.random %n {seed = 7 : i64, normal} : (tensor<i64>) -> tensor<?xf64>
  return
}

// -----

func.func @wrong0(%n: tensor<f32>) {
  // expected-error @+1 {{'lepton.random' op needs the count as one integer, got 'tensor<f32>'}}
  %0 = lepton.random %n {seed = 7 : i64} : (tensor<f32>) -> tensor<?xf64>
  return
}
