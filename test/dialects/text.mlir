// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

// CHECK-LABEL: func @roundTrip
func.func @roundTrip(%x: tensor<2x?x!lepton.string>, %s: tensor<!lepton.string>, %b: tensor<9xui8>, %o: tensor<2xi64>, %n: tensor<i64>,
                     %c: tensor<256xui8>, %t: tensor<7x4xi32>, %a: tensor<7xi1>, %f: tensor<3xf32>) {
  // CHECK: lepton.string_literals %{{.*}}, %{{.*}} : (tensor<9xui8>, tensor<2xi64>) -> tensor<2x!lepton.string>
  %0 = lepton.string_literals %b, %o : (tensor<9xui8>, tensor<2xi64>) -> tensor<2x!lepton.string>
  // CHECK: lepton.string_equal {{.*}} -> tensor<2x?xi1>
  %1 = lepton.string_equal %x, %s : (tensor<2x?x!lepton.string>, tensor<!lepton.string>) -> tensor<2x?xi1>
  // CHECK: lepton.string_concat {{.*}} -> tensor<2x?x!lepton.string>
  %2 = lepton.string_concat %s, %x : (tensor<!lepton.string>, tensor<2x?x!lepton.string>) -> tensor<2x?x!lepton.string>
  // CHECK: lepton.string_split_count {{.*}} {maxsplit = -1 : i64}
  %3 = lepton.string_split_count %x, %b {maxsplit = -1 : i64} : (tensor<2x?x!lepton.string>, tensor<9xui8>) -> tensor<2x?xi64>
  // CHECK: lepton.string_split {{.*}} -> tensor<2x?x?x!lepton.string>
  %4 = lepton.string_split %x, %b, %n {maxsplit = 1 : i64} : (tensor<2x?x!lepton.string>, tensor<9xui8>, tensor<i64>) -> tensor<2x?x?x!lepton.string>
  // CHECK: lepton.string_case %{{.*}} {upper}
  %5 = lepton.string_case %s {upper} : (tensor<!lepton.string>) -> tensor<!lepton.string>
  // CHECK: lepton.string_lookup
  %6 = lepton.string_lookup %x, %b, %o : (tensor<2x?x!lepton.string>, tensor<9xui8>, tensor<2xi64>) -> tensor<2x?xi64>
  // CHECK: lepton.string_rank {{.*}} -> tensor<2x?xi64>
  %rank = lepton.string_rank %x : (tensor<2x?x!lepton.string>) -> tensor<2x?xi64>
  // CHECK: lepton.string_match
  %7 = lepton.string_match %x, %c, %t, %a : (tensor<2x?x!lepton.string>, tensor<256xui8>, tensor<7x4xi32>, tensor<7xi1>) -> tensor<2x?xi1>
  // CHECK: lepton.string_to_number %{{.*}} {to = i64}
  %8 = lepton.string_to_number %s {to = i64} : (tensor<!lepton.string>) -> tensor<i64>
  // CHECK: lepton.number_to_string
  %9 = lepton.number_to_string %f : (tensor<3xf32>) -> tensor<3x!lepton.string>
  return
}

// -----

func.func @wrong0(%x: tensor<2xf32>, %o: tensor<2xi64>) {
  // expected-error @+1 {{'lepton.string_literals' op needs bytes [n] and offsets of i64, got 'tensor<2xf32>' and 'tensor<2xi64>'}}
  %0 = lepton.string_literals %x, %o : (tensor<2xf32>, tensor<2xi64>) -> tensor<2x!lepton.string>
  return
}

// -----

func.func @wrong1(%x: tensor<2x!lepton.string>, %y: tensor<3x!lepton.string>) {
  // expected-error @+1 {{'lepton.string_equal' op cannot broadcast 'tensor<2x!lepton.string>' and 'tensor<3x!lepton.string>'}}
  %0 = lepton.string_equal %x, %y : (tensor<2x!lepton.string>, tensor<3x!lepton.string>) -> tensor<2xi1>
  return
}

// -----

func.func @wrong2(%x: tensor<2xf32>) {
  // expected-error @+1 {{'lepton.string_concat' op needs strings, got 'tensor<2xf32>'}}
  %0 = lepton.string_concat %x, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2x!lepton.string>
  return
}

// -----

func.func @wrong3(%x: tensor<2x!lepton.string>, %d: tensor<1xi8>) {
  // expected-error @+1 {{'lepton.string_split_count' op needs a delimiter of bytes [n], got 'tensor<1xi8>'}}
  %0 = lepton.string_split_count %x, %d {maxsplit = 0 : i64} : (tensor<2x!lepton.string>, tensor<1xi8>) -> tensor<2xi64>
  return
}

// -----

func.func @wrong4(%x: tensor<2x!lepton.string>, %d: tensor<1xui8>, %w: tensor<1xi64>) {
  // expected-error @+1 {{'lepton.string_split' op needs a width of one integer, got 'tensor<1xi64>'}}
  %0 = lepton.string_split %x, %d, %w {maxsplit = 0 : i64} : (tensor<2x!lepton.string>, tensor<1xui8>, tensor<1xi64>) -> tensor<2x?x!lepton.string>
  return
}

// -----

func.func @wrong5(%x: tensor<2x!lepton.string>, %b: tensor<9xui8>, %o: tensor<i64>) {
  // expected-error @+1 {{'lepton.string_lookup' op needs bytes [n] and offsets [m] of i64, got 'tensor<9xui8>' and 'tensor<i64>'}}
  %0 = lepton.string_lookup %x, %b, %o : (tensor<2x!lepton.string>, tensor<9xui8>, tensor<i64>) -> tensor<2xi64>
  return
}

// -----

func.func @wrong6(%x: tensor<2x!lepton.string>, %c: tensor<256xui8>, %t: tensor<7x4xi32>, %a: tensor<6xi1>) {
  // expected-error @+1 {{'lepton.string_match' op needs 256 classes, transitions [states, classes] of i32 and accepting [states] of i1, got}}
  %0 = lepton.string_match %x, %c, %t, %a : (tensor<2x!lepton.string>, tensor<256xui8>, tensor<7x4xi32>, tensor<6xi1>) -> tensor<2xi1>
  return
}

// -----

func.func @wrong7(%x: tensor<2x!lepton.string>) {
  // expected-error @+1 {{'lepton.string_to_number' op reads f64 and i64, got 'f32'}}
  %0 = lepton.string_to_number %x {to = f32} : (tensor<2x!lepton.string>) -> tensor<2xf32>
  return
}

// -----

func.func @wrong8(%x: tensor<2xf16>) {
  // expected-error @+1 {{'lepton.number_to_string' op spells f32, f64, i64 and ui64, got 'tensor<2xf16>'}}
  %0 = lepton.number_to_string %x : (tensor<2xf16>) -> tensor<2x!lepton.string>
  return
}
