// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

// CHECK-LABEL: func @roundTrip
func.func @roundTrip(%x: tensor<1x3x8x8xf32>, %p: tensor<1x5x6x2xf32>, %r: tensor<3x4xf32>, %b: tensor<3xi64>) {
  // CHECK: lepton.sample cubic reflection {{.*}} {reflect_centres} : (tensor<1x3x8x8xf32>, tensor<1x5x6x2xf32>) -> tensor<1x3x5x6xf32>
  %0 = lepton.sample cubic reflection %x, %p {reflect_centres} : (tensor<1x3x8x8xf32>, tensor<1x5x6x2xf32>) -> tensor<1x3x5x6xf32>
  // CHECK: lepton.roi_align {{.*}} {half_pixel, height = 5 : i64, max, sampling_ratio = 0 : i64, spatial_scale = 5.000000e-01 : f64, width = 4 : i64}
  %1 = lepton.roi_align %x, %r, %b {height = 5 : i64, width = 4 : i64, sampling_ratio = 0 : i64, spatial_scale = 0.5 : f64, half_pixel, max}
     : (tensor<1x3x8x8xf32>, tensor<3x4xf32>, tensor<3xi64>) -> tensor<3x3x5x4xf32>
  return
}

// -----

// CHECK-LABEL: func @maxRoiPool
func.func @maxRoiPool(%x: tensor<1x3x8x8xf32>, %r: tensor<?x5xf32>) {
  // CHECK: lepton.max_roi_pool %arg0, %arg1 {height = 5 : i64, spatial_scale = 5.000000e-01 : f64, width = 4 : i64}
  %0 = lepton.max_roi_pool %x, %r {height = 5 : i64, width = 4 : i64, spatial_scale = 0.5 : f64} : (tensor<1x3x8x8xf32>, tensor<?x5xf32>) -> tensor<?x3x5x4xf32>
  return
}

// -----

func.func @maxRoiPoolOfRows(%x: tensor<3x8x8xf32>, %r: tensor<2x5xf32>) {
  // expected-error @+1 {{'lepton.max_roi_pool' op needs a floating-point input of four dimensions, got 'tensor<3x8x8xf32>'}}
  %0 = lepton.max_roi_pool %x, %r {height = 1 : i64, width = 1 : i64, spatial_scale = 1.0 : f64} : (tensor<3x8x8xf32>, tensor<2x5xf32>) -> tensor<2x3x1x1xf32>
  return
}

// -----

func.func @maxRoiPoolWithoutImages(%x: tensor<1x3x8x8xf32>, %r: tensor<2x4xf32>) {
  // expected-error @+1 {{'lepton.max_roi_pool' op needs an image and four corners per region, of the input's element type, got 'tensor<2x4xf32>'}}
  %0 = lepton.max_roi_pool %x, %r {height = 1 : i64, width = 1 : i64, spatial_scale = 1.0 : f64} : (tensor<1x3x8x8xf32>, tensor<2x4xf32>) -> tensor<2x3x1x1xf32>
  return
}

// -----

func.func @maxRoiPoolOfNoBins(%x: tensor<1x3x8x8xf32>, %r: tensor<2x5xf32>) {
  // expected-error @+1 {{'lepton.max_roi_pool' op has a height or width below 1}}
  %0 = lepton.max_roi_pool %x, %r {height = 0 : i64, width = 1 : i64, spatial_scale = 1.0 : f64} : (tensor<1x3x8x8xf32>, tensor<2x5xf32>) -> tensor<2x3x0x1xf32>
  return
}

// -----

func.func @wrong0(%x: tensor<3x8xf32>, %p: tensor<3x5x1xf32>) {
  // expected-error @+1 {{'lepton.sample' op needs an input of at least three dimensions, got 'tensor<3x8xf32>'}}
  %0 = lepton.sample linear zeros %x, %p : (tensor<3x8xf32>, tensor<3x5x1xf32>) -> tensor<3x8x5xf32>
  return
}

// -----

func.func @wrong1(%x: tensor<1x3x8xf32>, %p: tensor<1x5x1xi64>) {
  // expected-error @+1 {{'lepton.sample' op needs floating-point positions, got 'tensor<1x5x1xi64>'}}
  %0 = lepton.sample linear zeros %x, %p : (tensor<1x3x8xf32>, tensor<1x5x1xi64>) -> tensor<1x3x5xf32>
  return
}

// -----

func.func @wrong2(%x: tensor<1x3x8x8xf32>, %p: tensor<1x5x6x3xf32>) {
  // expected-error @+1 {{needs positions whose last dimension is 2, the number of spatial dimensions, got 'tensor<1x5x6x3xf32>'}}
  %0 = lepton.sample linear zeros %x, %p : (tensor<1x3x8x8xf32>, tensor<1x5x6x3xf32>) -> tensor<1x3x5x6xf32>
  return
}

// -----

func.func @wrong3(%x: tensor<2x3x8xf32>, %p: tensor<1x5x1xf32>) {
  // expected-error @+1 {{'lepton.sample' op has positions for 1 images, but 2 images}}
  %0 = lepton.sample linear zeros %x, %p : (tensor<2x3x8xf32>, tensor<1x5x1xf32>) -> tensor<2x3x5xf32>
  return
}

// -----

func.func @wrong4(%x: tensor<1x3x8xi1>, %p: tensor<1x5x1xf32>) {
  // expected-error @+1 {{'lepton.sample' op cannot interpolate bools}}
  %0 = lepton.sample linear zeros %x, %p : (tensor<1x3x8xi1>, tensor<1x5x1xf32>) -> tensor<1x3x5xi1>
  return
}

// -----

func.func @wrong5(%x: tensor<1x3x8xf32>, %r: tensor<3x4xf32>, %b: tensor<3xi64>) {
  // expected-error @+1 {{'lepton.roi_align' op needs a floating-point input of four dimensions, got 'tensor<1x3x8xf32>'}}
  %0 = lepton.roi_align %x, %r, %b {height = 1 : i64, width = 1 : i64, sampling_ratio = 0 : i64, spatial_scale = 1.0 : f64} : (tensor<1x3x8xf32>, tensor<3x4xf32>, tensor<3xi64>) -> tensor<3x3x1x1xf32>
  return
}

// -----

func.func @wrong6(%x: tensor<1x3x8x8xf32>, %r: tensor<3x5xf32>, %b: tensor<3xi64>) {
  // expected-error @+1 {{'lepton.roi_align' op needs four corners per region, of the input's element type, got 'tensor<3x5xf32>'}}
  %0 = lepton.roi_align %x, %r, %b {height = 1 : i64, width = 1 : i64, sampling_ratio = 0 : i64, spatial_scale = 1.0 : f64} : (tensor<1x3x8x8xf32>, tensor<3x5xf32>, tensor<3xi64>) -> tensor<3x3x1x1xf32>
  return
}

// -----

func.func @wrong7(%x: tensor<1x3x8x8xf32>, %r: tensor<3x4xf32>, %b: tensor<3xf32>) {
  // expected-error @+1 {{'lepton.roi_align' op needs an image's number per region, got 'tensor<3xf32>'}}
  %0 = lepton.roi_align %x, %r, %b {height = 1 : i64, width = 1 : i64, sampling_ratio = 0 : i64, spatial_scale = 1.0 : f64} : (tensor<1x3x8x8xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<3x3x1x1xf32>
  return
}

// -----

func.func @wrong8(%x: tensor<1x3x8x8xf32>, %r: tensor<3x4xf32>, %b: tensor<2xi64>) {
  // expected-error @+1 {{'lepton.roi_align' op has 3 regions, but the images of 2}}
  %0 = lepton.roi_align %x, %r, %b {height = 1 : i64, width = 1 : i64, sampling_ratio = 0 : i64, spatial_scale = 1.0 : f64} : (tensor<1x3x8x8xf32>, tensor<3x4xf32>, tensor<2xi64>) -> tensor<3x3x1x1xf32>
  return
}

// -----

func.func @wrong9(%x: tensor<1x3x8x8xf32>, %r: tensor<3x4xf32>, %b: tensor<3xi64>) {
  // expected-error @+1 {{'lepton.roi_align' op has a height or width below 1, or a negative sampling ratio}}
  %0 = lepton.roi_align %x, %r, %b {height = 0 : i64, width = 1 : i64, sampling_ratio = 0 : i64, spatial_scale = 1.0 : f64} : (tensor<1x3x8x8xf32>, tensor<3x4xf32>, tensor<3xi64>) -> tensor<3x3x0x1xf32>
  return
}
