// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

// CHECK-LABEL: func @roundTrip
func.func @roundTrip(%x: tensor<?xui8>) {
  // CHECK: lepton.image_size %{{.*}} : (tensor<?xui8>) -> tensor<2xi64>
  %n = lepton.image_size %x : (tensor<?xui8>) -> tensor<2xi64>
  // CHECK: lepton.image_decode %{{.*}}, %{{.*}} {bgr} : (tensor<?xui8>, tensor<2xi64>) -> tensor<?x?x3xui8>
  %0 = lepton.image_decode %x, %n {bgr} : (tensor<?xui8>, tensor<2xi64>) -> tensor<?x?x3xui8>
  // CHECK: lepton.image_decode {{.*}} {grayscale} {{.*}} -> tensor<?x?x1xui8>
  %1 = lepton.image_decode %x, %n {grayscale} : (tensor<?xui8>, tensor<2xi64>) -> tensor<?x?x1xui8>
  return
}

// -----

func.func @wrong0(%x: tensor<?xi8>) {
  // expected-error @+1 {{'lepton.image_size' op needs bytes [n], got 'tensor<?xi8>'}}
  %n = lepton.image_size %x : (tensor<?xi8>) -> tensor<2xi64>
  return
}

// -----

func.func @wrong1(%x: tensor<2x?xui8>, %n: tensor<2xi64>) {
  // expected-error @+1 {{'lepton.image_decode' op needs bytes [n], got 'tensor<2x?xui8>'}}
  %0 = lepton.image_decode %x, %n : (tensor<2x?xui8>, tensor<2xi64>) -> tensor<?x?x3xui8>
  return
}

// -----

func.func @wrong2(%x: tensor<?xui8>, %n: tensor<3xi64>) {
  // expected-error @+1 {{'lepton.image_decode' op needs a size of 2 integers, got 'tensor<3xi64>'}}
  %0 = lepton.image_decode %x, %n : (tensor<?xui8>, tensor<3xi64>) -> tensor<?x?x3xui8>
  return
}

// -----

func.func @wrong3(%x: tensor<?xui8>, %n: tensor<2xi64>) {
  // expected-error @+1 {{'lepton.image_decode' op has one channel with grayscale, which bgr cannot turn round}}
  %0 = lepton.image_decode %x, %n {bgr, grayscale} : (tensor<?xui8>, tensor<2xi64>) -> tensor<?x?x1xui8>
  return
}
