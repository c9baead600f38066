// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

// CHECK-LABEL: func @ResizeRoundTrips
func.func @ResizeRoundTrips(%x: tensor<1x8x?x6xf32>, %sizes: tensor<2xi64>, %factors: tensor<2xf32>, %roi: tensor<4xf32>) {
  // CHECK: lepton.resize nearest asymmetric %arg0 {axes = array<i64: 2, 3>, rounding = #lepton<resize_rounding floor>, scales = array<f64: 2.000000e+00, 5.000000e-01>}
  %0 = lepton.resize nearest asymmetric %x {axes = array<i64: 2, 3>, rounding = #lepton<resize_rounding floor>, scales = array<f64: 2.0, 0.5>}
     : (tensor<1x8x?x6xf32>) -> tensor<1x8x?x3xf32>
  // CHECK: lepton.resize cubic half_pixel %arg0 to %arg1 factors %arg2 {axes = array<i64: 3, 2>, exclude_outside}
  %1 = lepton.resize cubic half_pixel %x to %sizes factors %factors {axes = array<i64: 3, 2>, exclude_outside}
     : (tensor<1x8x?x6xf32>, tensor<2xi64>, tensor<2xf32>) -> tensor<1x8x?x?xf32>
  // CHECK: lepton.resize linear tf_crop_and_resize %arg0 to %arg1 roi %arg3 {axes = array<i64: 2, 3>, extrapolation = 1.000000e+01 : f64}
  %2 = lepton.resize linear tf_crop_and_resize %x to %sizes roi %roi {axes = array<i64: 2, 3>, extrapolation = 10.0 : f64}
     : (tensor<1x8x?x6xf32>, tensor<2xi64>, tensor<4xf32>) -> tensor<1x8x?x?xf32>
  // CHECK: lepton.resize nearest asymmetric %arg0 {axes = array<i64: 2>, rounding = #lepton<resize_rounding by_scale>, scales = array<f64: 5.000000e-01>}
  %3 = lepton.resize nearest asymmetric %x {axes = array<i64: 2>, rounding = #lepton<resize_rounding by_scale>, scales = array<f64: 0.5>}
     : (tensor<1x8x?x6xf32>) -> tensor<1x8x?x6xf32>
  return
}

// -----

// 10 * 0.7 is 7, although 0.7 in single precision lies below it.
// CHECK-LABEL: func @ResizeScaleIsAFraction
func.func @ResizeScaleIsAFraction(%x: tensor<10xf32>) {
  %0 = lepton.resize linear asymmetric %x {axes = array<i64: 0>, scales = array<f64: 0.699999988079071>} : (tensor<10xf32>) -> tensor<7xf32>
  return
}

// -----

func.func @ResizeWithoutAxes(%x: tensor<4xf32>) {
  // expected-error@+1 {{needs at least one axis}}
  %0 = lepton.resize linear asymmetric %x {axes = array<i64>, scales = array<f64>} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @ResizeAxisOutOfRange(%x: tensor<4xf32>) {
  // expected-error@+1 {{has the axis 1 out of range for rank 1}}
  %0 = lepton.resize linear asymmetric %x {axes = array<i64: 1>, scales = array<f64: 2.0>} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @ResizeAxisTwice(%x: tensor<4xf32>) {
  // expected-error@+1 {{has the axis 0 twice}}
  %0 = lepton.resize linear asymmetric %x {axes = array<i64: 0, 0>, scales = array<f64: 2.0, 2.0>} : (tensor<4xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @ResizeWithoutScalesOrSizes(%x: tensor<4xf32>) {
  // expected-error@+1 {{needs either scales or sizes}}
  %0 = lepton.resize linear asymmetric %x {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @ResizeTooFewScales(%x: tensor<4x4xf32>) {
  // expected-error@+1 {{needs 2 scales, one per axis, got 1}}
  %0 = lepton.resize linear asymmetric %x {axes = array<i64: 0, 1>, scales = array<f64: 2.0>} : (tensor<4x4xf32>) -> tensor<8x8xf32>
  return
}

// -----

func.func @ResizeScaleOfZero(%x: tensor<4xf32>) {
  // expected-error@+1 {{which is not positive and finite}}
  %0 = lepton.resize linear asymmetric %x {axes = array<i64: 0>, scales = array<f64: 0.0>} : (tensor<4xf32>) -> tensor<0xf32>
  return
}

// -----

func.func @ResizeSizesOfWrongType(%x: tensor<4xf32>, %s: tensor<1xi32>) {
  // expected-error@+1 {{needs 1 sizes of type i64, one per axis, got 'tensor<1xi32>'}}
  %0 = lepton.resize linear asymmetric %x to %s {axes = array<i64: 0>} : (tensor<4xf32>, tensor<1xi32>) -> tensor<?xf32>
  return
}

// -----

func.func @ResizeFactorsWithoutSizes(%x: tensor<4xf32>, %f: tensor<1xf32>) {
  // expected-error@+1 {{needs 1 factors of type f32, one per axis, beside sizes}}
  %0 = lepton.resize linear asymmetric %x factors %f {axes = array<i64: 0>, scales = array<f64: 2.0>} : (tensor<4xf32>, tensor<1xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @ResizeFitWithoutSizes(%x: tensor<4xf32>) {
  // expected-error@+1 {{keeps the aspect ratio, which needs sizes, and no factors}}
  %0 = lepton.resize linear asymmetric %x {axes = array<i64: 0>, scales = array<f64: 2.0>, fit = #lepton<resize_fit not_larger>} : (tensor<4xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @ResizeCropWithoutRoi(%x: tensor<4xf32>) {
  // expected-error@+1 {{needs a roi with the coordinates tf_crop_and_resize, and only with them}}
  %0 = lepton.resize linear tf_crop_and_resize %x {axes = array<i64: 0>, scales = array<f64: 2.0>} : (tensor<4xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @ResizeRoiOfWrongLength(%x: tensor<4xf32>, %r: tensor<3xf32>) {
  // expected-error@+1 {{needs a roi of 2 elements of type f32, got 'tensor<3xf32>'}}
  %0 = lepton.resize linear tf_crop_and_resize %x roi %r {axes = array<i64: 0>, scales = array<f64: 2.0>} : (tensor<4xf32>, tensor<3xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @ResizeOfBools(%x: tensor<4xi1>) {
  // expected-error@+1 {{cannot interpolate bools}}
  %0 = lepton.resize linear asymmetric %x {axes = array<i64: 0>, scales = array<f64: 2.0>} : (tensor<4xi1>) -> tensor<8xi1>
  return
}

// -----

func.func @ResizeNearestAntialias(%x: tensor<4xf32>) {
  // expected-error@+1 {{antialias needs the mode linear or cubic}}
  %0 = lepton.resize nearest asymmetric %x {axes = array<i64: 0>, scales = array<f64: 2.0>, antialias} : (tensor<4xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @ResizeToNegativeSize(%x: tensor<4xf32>) {
  %s = lepton.constant dense<-1> : tensor<1xi64>
  // expected-error@+1 {{has the negative size -1 for axis 0}}
  %0 = lepton.resize nearest asymmetric %x to %s {axes = array<i64: 0>} : (tensor<4xf32>, tensor<1xi64>) -> tensor<?xf32>
  return
}
