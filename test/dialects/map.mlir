// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

!numbers = !lepton.map<i64, f32>
!words = !lepton.map<!lepton.string, !lepton.string>

// CHECK-LABEL: func @roundTrip
func.func @roundTrip(%k: tensor<3xi64>, %x: tensor<?x3xf32>, %m: tensor<!numbers>, %w: tensor<!words>, %f: tensor<f32>,
                     %s: tensor<!lepton.string>, %t: tensor<?x2x!lepton.string>, %n: tensor<i64>) {
  // CHECK: lepton.map_zip {{.*}} -> tensor<!lepton.sequence<tensor<!lepton.map<i64, f32>>>>
  %0 = lepton.map_zip %k, %x : (tensor<3xi64>, tensor<?x3xf32>) -> tensor<!lepton.sequence<tensor<!numbers>>>
  // CHECK: lepton.map_length {{.*}} -> tensor<i64>
  %1 = lepton.map_length %w : (tensor<!words>) -> tensor<i64>
  // CHECK: lepton.map_values {{.*}} -> tensor<?xf32>
  %2 = lepton.map_values %m, %n : (tensor<!numbers>, tensor<i64>) -> tensor<?xf32>
  // CHECK: lepton.map_at {{.*}} -> tensor<3xf32>
  %3 = lepton.map_at %m, %k, %f : (tensor<!numbers>, tensor<3xi64>, tensor<f32>) -> tensor<3xf32>
  // CHECK: lepton.map_at {{.*}} -> tensor<?x2x!lepton.string>
  %4 = lepton.map_at %w, %t, %s : (tensor<!words>, tensor<?x2x!lepton.string>, tensor<!lepton.string>) -> tensor<?x2x!lepton.string>
  return
}

// -----

// expected-error @+1 {{has keys of type 'f32'; int64 and strings are allowed}}
func.func private @wrongKey(%m: tensor<!lepton.map<f32, f32>>)

// -----

// expected-error @+1 {{has values of type 'i8'; float, double, int64 and strings are allowed}}
func.func private @wrongValue(%m: tensor<!lepton.map<i64, i8>>)

// -----

func.func @wrong0(%k: tensor<2xi64>, %x: tensor<?x3xf32>) {
  // expected-error @+1 {{'lepton.map_zip' op needs keys [n] and values [maps, n], got 'tensor<2xi64>' and 'tensor<?x3xf32>'}}
  %0 = lepton.map_zip %k, %x : (tensor<2xi64>, tensor<?x3xf32>) -> tensor<!lepton.sequence<tensor<!lepton.map<i64, f32>>>>
  return
}

// -----

func.func @wrong1(%x: tensor<f32>) {
  // expected-error @+1 {{'lepton.map_length' op needs a map, got 'tensor<f32>'}}
  %0 = lepton.map_length %x : (tensor<f32>) -> tensor<i64>
  return
}

// -----

func.func @wrong2(%m: tensor<!lepton.map<!lepton.string, f32>>, %n: tensor<i64>) {
  // expected-error @+1 {{'lepton.map_values' op needs keys that are integers, got '!lepton.map<!lepton.string, f32>'}}
  %0 = lepton.map_values %m, %n : (tensor<!lepton.map<!lepton.string, f32>>, tensor<i64>) -> tensor<?xf32>
  return
}

// -----

func.func @wrong3(%m: tensor<!lepton.map<i64, f32>>, %n: tensor<1xi64>) {
  // expected-error @+1 {{'lepton.map_values' op needs a length of one integer, got 'tensor<1xi64>'}}
  %0 = lepton.map_values %m, %n : (tensor<!lepton.map<i64, f32>>, tensor<1xi64>) -> tensor<?xf32>
  return
}

// -----

func.func @wrong4(%m: tensor<!lepton.map<i64, f32>>, %k: tensor<2x!lepton.string>, %f: tensor<f32>) {
  // expected-error @+1 {{'lepton.map_at' op looks for keys of type 'tensor<2x!lepton.string>' in '!lepton.map<i64, f32>'}}
  %0 = lepton.map_at %m, %k, %f : (tensor<!lepton.map<i64, f32>>, tensor<2x!lepton.string>, tensor<f32>) -> tensor<2xf32>
  return
}

// -----

func.func @wrong5(%m: tensor<!lepton.map<i64, f32>>, %k: tensor<2xi64>, %f: tensor<1xf32>) {
  // expected-error @+1 {{'lepton.map_at' op needs one 'f32' for missing keys, got 'tensor<1xf32>'}}
  %0 = lepton.map_at %m, %k, %f : (tensor<!lepton.map<i64, f32>>, tensor<2xi64>, tensor<1xf32>) -> tensor<2xf32>
  return
}
