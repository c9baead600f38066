// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

// CHECK-LABEL: func @roundTrip
func.func @roundTrip(%x: tensor<2x5xf32>, %n: tensor<i64>, %t: tensor<2x9x3xf16>, %b: tensor<1x6x4xf32>, %o: tensor<1x2x6xi64>, %c: tensor<1x2x6xi1>, %s: tensor<f32>) {
  // CHECK: lepton.nonzero %{{.*}}, %{{.*}} : (tensor<2x5xf32>, tensor<i64>) -> tensor<2x?xi64>
  %0 = lepton.nonzero %x, %n : (tensor<2x5xf32>, tensor<i64>) -> tensor<2x?xi64>
  // CHECK: lepton.arg_sort %{{.*}} {descending} : (tensor<2x9x3xf16>) -> tensor<2x9xi64>
  %1 = lepton.arg_sort %t {descending} : (tensor<2x9x3xf16>) -> tensor<2x9xi64>
  // CHECK: lepton.suppress_boxes
  %2 = lepton.suppress_boxes %b, %o, %c, %n, %s : (tensor<1x6x4xf32>, tensor<1x2x6xi64>, tensor<1x2x6xi1>, tensor<i64>, tensor<f32>) -> tensor<1x2x6xi1>
  return
}

// -----

// A count that is known is a size that is known.
// CHECK-LABEL: func @knownCount
func.func @knownCount(%x: tensor<7xi1>) -> tensor<1x3xi64> {
  %n = lepton.constant dense<3> : tensor<i64>
  %0 = lepton.nonzero %x, %n : (tensor<7xi1>, tensor<i64>) -> tensor<1x3xi64>
  return %0 : tensor<1x3xi64>
}

// -----

func.func @wrong0(%x: tensor<f32>, %n: tensor<i64>) {
  // expected-error @+1 {{'lepton.nonzero' op needs an input of at least one dimension, got 'tensor<f32>'}}
  %0 = lepton.nonzero %x, %n : (tensor<f32>, tensor<i64>) -> tensor<0x?xi64>
  return
}

// -----

func.func @wrong1(%x: tensor<3xf32>, %n: tensor<2xi64>) {
  // expected-error @+1 {{'lepton.nonzero' op needs the count as one integer, got 'tensor<2xi64>'}}
  %0 = lepton.nonzero %x, %n : (tensor<3xf32>, tensor<2xi64>) -> tensor<1x?xi64>
  return
}

// -----

func.func @wrong2(%x: tensor<3xf32>) {
  // expected-error @+1 {{'lepton.arg_sort' op needs an input of rows and columns, got 'tensor<3xf32>'}}
  %0 = lepton.arg_sort %x : (tensor<3xf32>) -> tensor<3xi64>
  return
}

// -----

func.func @wrong3(%b: tensor<1x6x3xf32>, %o: tensor<1x2x6xi64>, %c: tensor<1x2x6xi1>, %n: tensor<i64>, %s: tensor<f32>) {
  // expected-error @+1 {{needs floating-point boxes [batch, n, 4], got 'tensor<1x6x3xf32>'}}
  %0 = lepton.suppress_boxes %b, %o, %c, %n, %s : (tensor<1x6x3xf32>, tensor<1x2x6xi64>, tensor<1x2x6xi1>, tensor<i64>, tensor<f32>) -> tensor<1x2x6xi1>
  return
}

// -----

func.func @wrong4(%b: tensor<1x6x4xf32>, %o: tensor<1x6xi64>, %c: tensor<1x2x6xi1>, %n: tensor<i64>, %s: tensor<f32>) {
  // expected-error @+1 {{needs an order of integers [batch, classes, n], got 'tensor<1x6xi64>'}}
  %0 = lepton.suppress_boxes %b, %o, %c, %n, %s : (tensor<1x6x4xf32>, tensor<1x6xi64>, tensor<1x2x6xi1>, tensor<i64>, tensor<f32>) -> tensor<1x2x6xi1>
  return
}

// -----

func.func @wrong5(%b: tensor<1x6x4xf32>, %o: tensor<1x2x6xi64>, %c: tensor<1x2x6xi8>, %n: tensor<i64>, %s: tensor<f32>) {
  // expected-error @+1 {{needs candidates of bools [batch, classes, n], got 'tensor<1x2x6xi8>'}}
  %0 = lepton.suppress_boxes %b, %o, %c, %n, %s : (tensor<1x6x4xf32>, tensor<1x2x6xi64>, tensor<1x2x6xi8>, tensor<i64>, tensor<f32>) -> tensor<1x2x6xi1>
  return
}

// -----

func.func @wrong6(%b: tensor<1x6x4xf32>, %o: tensor<1x2x6xi64>, %c: tensor<1x2x6xi1>, %n: tensor<i64>, %s: tensor<f64>) {
  // expected-error @+1 {{needs the limit as one integer and the threshold as one number of the boxes' type, got 'tensor<i64>' and 'tensor<f64>'}}
  %0 = lepton.suppress_boxes %b, %o, %c, %n, %s : (tensor<1x6x4xf32>, tensor<1x2x6xi64>, tensor<1x2x6xi1>, tensor<i64>, tensor<f64>) -> tensor<1x2x6xi1>
  return
}

// -----

// CHECK-LABEL: func @find
func.func @find(%x: tensor<2x?xi64>, %keys: tensor<9xi64>) -> tensor<2x?xi64> {
  // CHECK: lepton.find %{{.*}}, %{{.*}} : (tensor<2x?xi64>, tensor<9xi64>) -> tensor<2x?xi64>
  %0 = lepton.find %x, %keys : (tensor<2x?xi64>, tensor<9xi64>) -> tensor<2x?xi64>
  return %0 : tensor<2x?xi64>
}

// -----

func.func @keys(%x: tensor<2xi64>, %keys: tensor<9xi32>) {
  // expected-error @+1 {{'lepton.find' op needs a list of keys of the input's type, got 'tensor<9xi32>' for 'tensor<2xi64>'}}
  %0 = lepton.find %x, %keys : (tensor<2xi64>, tensor<9xi32>) -> tensor<2xi64>
  return
}

// -----

func.func @boxesAndOrder(%b: tensor<1x5x4xf32>, %o: tensor<1x2x6xi64>, %c: tensor<1x2x6xi1>, %n: tensor<i64>, %s: tensor<f32>) {
  // expected-error @+1 {{'lepton.suppress_boxes' op has operands that do not fit: 'tensor<1x5x4xf32>', 'tensor<1x2x6xi64>' and 'tensor<1x2x6xi1>'}}
  %0 = lepton.suppress_boxes %b, %o, %c, %n, %s : (tensor<1x5x4xf32>, tensor<1x2x6xi64>, tensor<1x2x6xi1>, tensor<i64>, tensor<f32>) -> tensor<1x2x6xi1>
  return
}
