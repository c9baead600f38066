// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

// CHECK-LABEL: func @roundTrip
func.func @roundTrip(%x: tensor<2x5xf32>, %i: tensor<2x3xi64>, %u: tensor<2x3xf32>, %t: tensor<4x1xi64>, %v: tensor<4x5xf32>, %n: tensor<5xi64>, %k: tensor<i64>,
                     %s: tensor<f32>, %cache: tensor<2x8x4xf32>, %new: tensor<2x3x4xf32>, %p: tensor<2xi64>, %columns: tensor<1x5x5xf32>, %b: tensor<2xi64>) {
  // CHECK: lepton.range %{{.*}}, %{{.*}}, %{{.*}} : (tensor<f32>, tensor<f32>, tensor<i64>) -> tensor<?xf32>
  %0 = lepton.range %s, %s, %k : (tensor<f32>, tensor<f32>, tensor<i64>) -> tensor<?xf32>
  // CHECK: lepton.gather_elements {{.*}} {axis = 1 : i64}
  %1 = lepton.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x5xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
  // CHECK: lepton.gather_nd {{.*}} {batch_dims = 0 : i64}
  %2 = lepton.gather_nd %x, %t {batch_dims = 0 : i64} : (tensor<2x5xf32>, tensor<4x1xi64>) -> tensor<4x5xf32>
  // CHECK: lepton.reverse_sequence {{.*}} {batch_axis = 1 : i64, time_axis = 0 : i64}
  %3 = lepton.reverse_sequence %x, %n {batch_axis = 1 : i64, time_axis = 0 : i64} : (tensor<2x5xf32>, tensor<5xi64>) -> tensor<2x5xf32>
  // CHECK: lepton.tensor_scatter {{.*}} {axis = 1 : i64, circular}
  %4 = lepton.tensor_scatter %cache, %new, %p {axis = 1 : i64, circular} : (tensor<2x8x4xf32>, tensor<2x3x4xf32>, tensor<2xi64>) -> tensor<2x8x4xf32>
  // CHECK: lepton.scatter_elements max {{.*}} {axis = 1 : i64}
  %5 = lepton.scatter_elements max %x, %i, %u {axis = 1 : i64} : (tensor<2x5xf32>, tensor<2x3xi64>, tensor<2x3xf32>) -> tensor<2x5xf32>
  // CHECK: lepton.scatter_nd none
  %6 = lepton.scatter_nd none %x, %t, %v : (tensor<2x5xf32>, tensor<4x1xi64>, tensor<4x5xf32>) -> tensor<2x5xf32>
  // CHECK: lepton.cumulate prod {{.*}} {axis = 0 : i64, reverse}
  %7 = lepton.cumulate prod %x {axis = 0 : i64, reverse} : (tensor<2x5xf32>) -> tensor<2x5xf32>
  // CHECK: lepton.top_k {{.*}} {axis = 1 : i64, largest}
  %8 = lepton.top_k %x, %k {axis = 1 : i64, largest} : (tensor<2x5xf32>, tensor<i64>) -> tensor<2x?xi64>
  // CHECK: lepton.col2im
  %9 = lepton.col2im %columns, %p, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<1x5x5xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<1x?x?x?xf32>
  return
}

// -----

func.func @wrong0(%s: tensor<2xf32>, %d: tensor<f32>, %n: tensor<i64>) {
  // expected-error @+1 {{'lepton.range' op needs operands of one element, got 'tensor<2xf32>'}}
  %0 = lepton.range %s, %d, %n : (tensor<2xf32>, tensor<f32>, tensor<i64>) -> tensor<?xf32>
  return
}

// -----

func.func @wrong1(%s: tensor<f64>, %d: tensor<f32>, %n: tensor<i64>) {
  // expected-error @+1 {{'lepton.range' op start and delta differ in element type}}
  %0 = lepton.range %s, %d, %n : (tensor<f64>, tensor<f32>, tensor<i64>) -> tensor<?xf64>
  return
}

// -----

func.func @wrong2(%s: tensor<f32>, %d: tensor<f32>, %n: tensor<f32>) {
  // expected-error @+1 {{'lepton.range' op needs an integer count, got 'tensor<f32>'}}
  %0 = lepton.range %s, %d, %n : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<?xf32>
  return
}

// -----

func.func @wrong3(%x: tensor<2x5xf32>, %i: tensor<2x3xi64>) {
  // expected-error @+1 {{'lepton.gather_elements' op has the axis 2 out of range for rank 2}}
  %0 = lepton.gather_elements %x, %i {axis = 2 : i64} : (tensor<2x5xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
  return
}

// -----

func.func @wrong4(%x: tensor<2x5xf32>, %i: tensor<2x3xf32>) {
  // expected-error @+1 {{'lepton.gather_elements' op needs integer indices, got 'tensor<2x3xf32>'}}
  %0 = lepton.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x5xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @wrong5(%x: tensor<2x5xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{'lepton.gather_elements' op needs indices of the input's rank 2, got 'tensor<3xi64>'}}
  %0 = lepton.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x5xf32>, tensor<3xi64>) -> tensor<3xf32>
  return
}

// -----

func.func @wrong6(%x: tensor<2x5xf32>, %i: tensor<4x3xi64>) {
  // expected-error @+1 {{'lepton.gather_elements' op has 4 indices along dimension 0, where the input has only 2 elements}}
  %0 = lepton.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x5xf32>, tensor<4x3xi64>) -> tensor<4x3xf32>
  return
}

// -----

func.func @wrong7(%x: tensor<2x5xf32>, %i: tensor<4x1xi64>) {
  // expected-error @+1 {{'lepton.gather_nd' op has 2 batch dimensions, too many for the ranks 2 and 2}}
  %0 = lepton.gather_nd %x, %i {batch_dims = 2 : i64} : (tensor<2x5xf32>, tensor<4x1xi64>) -> tensor<4x5xf32>
  return
}

// -----

func.func @wrong8(%x: tensor<2x5xf32>, %i: tensor<4x?xi64>) {
  // expected-error @+1 {{'lepton.gather_nd' op needs indices whose last dimension is static, so that the result's rank is known}}
  %0 = lepton.gather_nd %x, %i {batch_dims = 0 : i64} : (tensor<2x5xf32>, tensor<4x?xi64>) -> tensor<4x5xf32>
  return
}

// -----

func.func @wrong9(%x: tensor<2x5xf32>, %i: tensor<4x3xi64>) {
  // expected-error @+1 {{'lepton.gather_nd' op has tuples of 3 indices, too many for the input's rank 2}}
  %0 = lepton.gather_nd %x, %i {batch_dims = 0 : i64} : (tensor<2x5xf32>, tensor<4x3xi64>) -> tensor<4xf32>
  return
}

// -----

func.func @wrong10(%x: tensor<2x5xf32>, %i: tensor<4x1xi64>) {
  // expected-error @+1 {{'lepton.gather_nd' op operands differ in batch dimension 0}}
  %0 = lepton.gather_nd %x, %i {batch_dims = 1 : i64} : (tensor<2x5xf32>, tensor<4x1xi64>) -> tensor<4xf32>
  return
}

// -----

func.func @wrong11(%x: tensor<2x5xf32>, %n: tensor<5xi64>) {
  // expected-error @+1 {{'lepton.reverse_sequence' op has the same axis for batch and time}}
  %0 = lepton.reverse_sequence %x, %n {batch_axis = 1 : i64, time_axis = 1 : i64} : (tensor<2x5xf32>, tensor<5xi64>) -> tensor<2x5xf32>
  return
}

// -----

func.func @wrong12(%x: tensor<2x5xf32>, %n: tensor<2xi64>) {
  // expected-error @+1 {{'lepton.reverse_sequence' op needs one length for each sequence of the batch}}
  %0 = lepton.reverse_sequence %x, %n {batch_axis = 1 : i64, time_axis = 0 : i64} : (tensor<2x5xf32>, tensor<2xi64>) -> tensor<2x5xf32>
  return
}

// -----

func.func @wrong13(%x: tensor<2x8xf32>, %u: tensor<2x3xf32>, %p: tensor<2xi64>) {
  // expected-error @+1 {{'lepton.tensor_scatter' op cannot write along dimension 0, which is the batch}}
  %0 = lepton.tensor_scatter %x, %u, %p {axis = 0 : i64} : (tensor<2x8xf32>, tensor<2x3xf32>, tensor<2xi64>) -> tensor<2x8xf32>
  return
}

// -----

func.func @wrong14(%x: tensor<2x8xf32>, %u: tensor<2x3xf64>, %p: tensor<2xi64>) {
  // expected-error @+1 {{'lepton.tensor_scatter' op cache and update differ in rank or element type}}
  %0 = lepton.tensor_scatter %x, %u, %p {axis = 1 : i64} : (tensor<2x8xf32>, tensor<2x3xf64>, tensor<2xi64>) -> tensor<2x8xf32>
  return
}

// -----

func.func @wrong15(%x: tensor<2x8xf32>, %u: tensor<3x3xf32>, %p: tensor<2xi64>) {
  // expected-error @+1 {{'lepton.tensor_scatter' op cache and update differ in dimension 0, which is not the axis}}
  %0 = lepton.tensor_scatter %x, %u, %p {axis = 1 : i64} : (tensor<2x8xf32>, tensor<3x3xf32>, tensor<2xi64>) -> tensor<2x8xf32>
  return
}

// -----

func.func @wrong16(%x: tensor<2x8xf32>, %u: tensor<2x3xf32>, %p: tensor<3xi64>) {
  // expected-error @+1 {{'lepton.tensor_scatter' op needs one position for each entry of the batch}}
  %0 = lepton.tensor_scatter %x, %u, %p {axis = 1 : i64} : (tensor<2x8xf32>, tensor<2x3xf32>, tensor<3xi64>) -> tensor<2x8xf32>
  return
}

// -----

func.func @wrong17(%x: tensor<2x5xf32>, %i: tensor<3xi64>, %u: tensor<2x3xf32>) {
  // expected-error @+1 {{'lepton.scatter_elements' op needs indices and updates of the input's rank 2}}
  %0 = lepton.scatter_elements none %x, %i, %u {axis = 1 : i64} : (tensor<2x5xf32>, tensor<3xi64>, tensor<2x3xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @wrong18(%x: tensor<2x5xf32>, %i: tensor<2x3xi64>, %u: tensor<2x3xf64>) {
  // expected-error @+1 {{'lepton.scatter_elements' op input and updates differ in element type}}
  %0 = lepton.scatter_elements none %x, %i, %u {axis = 1 : i64} : (tensor<2x5xf32>, tensor<2x3xi64>, tensor<2x3xf64>) -> tensor<2x5xf32>
  return
}

// -----

func.func @wrong19(%x: tensor<2x5xf32>, %i: tensor<2x3xi64>, %u: tensor<2x4xf32>) {
  // expected-error @+1 {{'lepton.scatter_elements' op indices and updates differ in dimension 1}}
  %0 = lepton.scatter_elements none %x, %i, %u {axis = 1 : i64} : (tensor<2x5xf32>, tensor<2x3xi64>, tensor<2x4xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @wrong20(%x: tensor<2x5xf32>, %i: tensor<4x3xi64>, %u: tensor<4x3xf32>) {
  // expected-error @+1 {{'lepton.scatter_elements' op has 4 indices along dimension 0, where the input has only 2 elements}}
  %0 = lepton.scatter_elements none %x, %i, %u {axis = 1 : i64} : (tensor<2x5xf32>, tensor<4x3xi64>, tensor<4x3xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @wrong21(%x: tensor<2x5xf32>, %i: tensor<4x3xi64>, %u: tensor<4xf32>) {
  // expected-error @+1 {{'lepton.scatter_nd' op needs indices whose last dimension is static and at most the input's rank 2}}
  %0 = lepton.scatter_nd none %x, %i, %u : (tensor<2x5xf32>, tensor<4x3xi64>, tensor<4xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @wrong22(%x: tensor<2x5xf32>, %i: tensor<4x1xi64>, %u: tensor<4x5xf64>) {
  // expected-error @+1 {{'lepton.scatter_nd' op input and updates differ in element type}}
  %0 = lepton.scatter_nd none %x, %i, %u : (tensor<2x5xf32>, tensor<4x1xi64>, tensor<4x5xf64>) -> tensor<2x5xf32>
  return
}

// -----

func.func @wrong23(%x: tensor<2x5xf32>, %i: tensor<4x1xi64>, %u: tensor<4xf32>) {
  // expected-error @+1 {{'lepton.scatter_nd' op updates of type 'tensor<4xf32>' do not fit indices}}
  %0 = lepton.scatter_nd none %x, %i, %u : (tensor<2x5xf32>, tensor<4x1xi64>, tensor<4xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @wrong24(%x: tensor<2x5xf32>) {
  // expected-error @+1 {{'lepton.cumulate' op cumulates sums or products, not 'max'}}
  %0 = lepton.cumulate max %x {axis = 1 : i64} : (tensor<2x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @wrong25(%x: tensor<2x5xf32>, %k: tensor<f32>) {
  // expected-error @+1 {{'lepton.top_k' op needs k as one integer, got 'tensor<f32>'}}
  %0 = lepton.top_k %x, %k {axis = 1 : i64} : (tensor<2x5xf32>, tensor<f32>) -> tensor<2x?xi64>
  return
}

// -----

func.func @wrong26(%x: tensor<2x5xf32>) {
  %k = lepton.constant dense<6> : tensor<i64>
  // expected-error @+1 {{'lepton.top_k' op cannot pick 6 elements along dimension 1}}
  %0 = lepton.top_k %x, %k {axis = 1 : i64} : (tensor<2x5xf32>, tensor<i64>) -> tensor<2x6xi64>
  return
}

// -----

func.func @wrong27(%x: tensor<1x5xf32>) {
  %i = lepton.constant dense<5> : tensor<2xi64>
  %b = lepton.constant dense<[1, 5]> : tensor<2xi64>
  // expected-error @+1 {{'lepton.col2im' op needs an input of three dimensions}}
  %0 = lepton.col2im %x, %i, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<1x5xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<1x1x5x5xf32>
  return
}

// -----

func.func @wrong28(%x: tensor<1x5x5xf32>) {
  %i = lepton.constant dense<5> : tensor<2xi64>
  %b = lepton.constant dense<[1, 5]> : tensor<2xi64>
  // expected-error @+1 {{'lepton.col2im' op needs an integer for each of the 1 dimensions of the image and the block}}
  %0 = lepton.col2im %x, %i, %b {strides = array<i64: 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<1x5x5xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<1x1x5x5xf32>
  return
}

// -----

func.func @wrong29(%x: tensor<1x5x5xf32>) {
  %i = lepton.constant dense<5> : tensor<2xi64>
  %b = lepton.constant dense<[1, 5]> : tensor<2xi64>
  // expected-error @+1 {{'lepton.col2im' op needs a dilation and two pads for each of the 2 dimensions of the image}}
  %0 = lepton.col2im %x, %i, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0>} : (tensor<1x5x5xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<1x1x5x5xf32>
  return
}

// -----

func.func @wrong30(%x: tensor<1x5x5xf32>) {
  %i = lepton.constant dense<5> : tensor<2xi64>
  %b = lepton.constant dense<[1, 5]> : tensor<2xi64>
  // expected-error @+1 {{'lepton.col2im' op has a stride or dilation below 1}}
  %0 = lepton.col2im %x, %i, %b {strides = array<i64: 0, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<1x5x5xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<1x1x5x5xf32>
  return
}

// -----

func.func @wrong31(%x: tensor<1x5x6xf32>) {
  %i = lepton.constant dense<5> : tensor<2xi64>
  %b = lepton.constant dense<[1, 5]> : tensor<2xi64>
  // expected-error @+1 {{'lepton.col2im' op has 6 columns, but the image has 5 blocks}}
  %0 = lepton.col2im %x, %i, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<1x5x6xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<1x1x5x5xf32>
  return
}

// -----

func.func @wrong32(%x: tensor<1x6x5xf32>) {
  %i = lepton.constant dense<5> : tensor<2xi64>
  %b = lepton.constant dense<[1, 5]> : tensor<2xi64>
  // expected-error @+1 {{'lepton.col2im' op has columns of 6 elements, no multiple of the block's 5}}
  %0 = lepton.col2im %x, %i, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<1x6x5xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<1x1x5x5xf32>
  return
}

// -----

func.func @largestOfComplexNumbers(%x: tensor<2x5xcomplex<f32>>, %i: tensor<2x3xi64>, %u: tensor<2x3xcomplex<f32>>) {
  // expected-error @+1 {{'lepton.scatter_elements' op has the reduction 'max', but complex numbers have no order}}
  %0 = lepton.scatter_elements max %x, %i, %u {axis = 1 : i64} : (tensor<2x5xcomplex<f32>>, tensor<2x3xi64>, tensor<2x3xcomplex<f32>>) -> tensor<2x5xcomplex<f32>>
  return
}

// -----

func.func @smallestOfComplexNumbers(%x: tensor<5xcomplex<f32>>, %i: tensor<3x1xi64>, %u: tensor<3xcomplex<f32>>) {
  // expected-error @+1 {{'lepton.scatter_nd' op has the reduction 'min', but complex numbers have no order}}
  %0 = lepton.scatter_nd min %x, %i, %u : (tensor<5xcomplex<f32>>, tensor<3x1xi64>, tensor<3xcomplex<f32>>) -> tensor<5xcomplex<f32>>
  return
}
