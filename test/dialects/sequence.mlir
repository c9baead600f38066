// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

!seq = !lepton.sequence<tensor<?x2xf32>>
!opt = !lepton.optional<tensor<!lepton.sequence<tensor<?x2xf32>>>>

// CHECK-LABEL: func @roundTrip
func.func @roundTrip(%x: tensor<4x2xf32>, %i: tensor<i64>, %s: tensor<!seq>, %o: tensor<!opt>, %n: tensor<2xi64>) {
  // CHECK: lepton.sequence_make() {type = !lepton.sequence<tensor<*xf32>, empty = true>} : () -> tensor<!lepton.sequence<tensor<*xf32>, empty = true>>
  %0 = lepton.sequence_make() {type = !lepton.sequence<tensor<*xf32>, empty = true>} : () -> tensor<!lepton.sequence<tensor<*xf32>, empty = true>>
  // A sequence that was empty takes the shape of what comes first; one that was not knows less.
  // CHECK: lepton.sequence_insert {{.*}} -> tensor<!lepton.sequence<tensor<4x2xf32>>>
  %1 = lepton.sequence_insert %0, %x, %i : (tensor<!lepton.sequence<tensor<*xf32>, empty = true>>, tensor<4x2xf32>, tensor<i64>) -> tensor<!lepton.sequence<tensor<4x2xf32>>>
  // CHECK: lepton.sequence_insert {{.*}} -> tensor<!lepton.sequence<tensor<?x2xf32>>>
  %2 = lepton.sequence_insert %s, %x, %i : (tensor<!seq>, tensor<4x2xf32>, tensor<i64>) -> tensor<!seq>
  // CHECK: lepton.sequence_erase
  %3 = lepton.sequence_erase %s, %i : (tensor<!seq>, tensor<i64>) -> tensor<!seq>
  // CHECK: lepton.sequence_length
  %4 = lepton.sequence_length %s : (tensor<!seq>) -> tensor<i64>
  // CHECK: lepton.sequence_shape {{.*}} -> tensor<2xi64>
  %5 = lepton.sequence_shape %s, %i : (tensor<!seq>, tensor<i64>) -> tensor<2xi64>
  // CHECK: lepton.sequence_at {{.*}} -> tensor<?x2xf32>
  %6 = lepton.sequence_at %s, %i, %5 : (tensor<!seq>, tensor<i64>, tensor<2xi64>) -> tensor<?x2xf32>
  // CHECK: lepton.sequence_split {{.*}} {axis = 1 : i64, squeeze}
  %7 = lepton.sequence_split %x, %i {axis = 1 : i64, squeeze} : (tensor<4x2xf32>, tensor<i64>) -> tensor<!lepton.sequence<tensor<4xf32>>>
  // CHECK: lepton.sequence_concat_shape {{.*}} {axis = 0 : i64, stack} {{.*}} -> tensor<3xi64>
  %8 = lepton.sequence_concat_shape %s {axis = 0 : i64, stack} : (tensor<!seq>) -> tensor<3xi64>
  // CHECK: lepton.sequence_concat {{.*}} -> tensor<?x?x2xf32>
  %9 = lepton.sequence_concat %s, %8 {axis = 0 : i64, stack} : (tensor<!seq>, tensor<3xi64>) -> tensor<?x?x2xf32>
  // CHECK: lepton.optional_make(%{{.*}}) {type = !lepton.optional<tensor<!lepton.sequence<tensor<?x2xf32>>>>}
  %10 = lepton.optional_make(%s) {type = !opt} : (tensor<!seq>) -> tensor<!opt>
  // CHECK: lepton.optional_has {{.*}} -> tensor<i1>
  %11 = lepton.optional_has %o : (tensor<!opt>) -> tensor<i1>
  // CHECK: lepton.optional_sequence {{.*}} -> tensor<!lepton.sequence<tensor<?x2xf32>>>
  %12 = lepton.optional_sequence %o : (tensor<!opt>) -> tensor<!seq>
  return
}

// -----

func.func @wrong0(%x: tensor<2xf32>) {
  // expected-error @+1 {{'lepton.sequence_make' op has an element of type 'tensor<2xf32>', but its type is '!lepton.sequence<tensor<?xi64>>'}}
  %0 = lepton.sequence_make(%x) {type = !lepton.sequence<tensor<?xi64>>} : (tensor<2xf32>) -> tensor<!lepton.sequence<tensor<?xi64>>>
  return
}

// -----

func.func @wrong1() {
  // expected-error @+1 {{'lepton.sequence_make' op needs the type of a sequence, got 'f32'}}
  %0 = lepton.sequence_make() {type = f32} : () -> tensor<!lepton.sequence<tensor<?xi64>>>
  return
}

// -----

func.func @wrong2(%x: tensor<2xf32>) {
  // expected-error @+1 {{'lepton.sequence_length' op needs a sequence, got 'tensor<2xf32>'}}
  %0 = lepton.sequence_length %x : (tensor<2xf32>) -> tensor<i64>
  return
}

// -----

func.func @wrong3(%s: tensor<!lepton.sequence<tensor<?xf32>>>, %i: tensor<1xi64>) {
  // expected-error @+1 {{'lepton.sequence_erase' op needs a position of one integer, got 'tensor<1xi64>'}}
  %0 = lepton.sequence_erase %s, %i : (tensor<!lepton.sequence<tensor<?xf32>>>, tensor<1xi64>) -> tensor<!lepton.sequence<tensor<?xf32>>>
  return
}

// -----

func.func @wrong4(%s: tensor<!lepton.sequence<tensor<?xf32>>>, %x: tensor<2xi64>, %i: tensor<i64>) {
  // expected-error @+1 {{'lepton.sequence_insert' op cannot insert 'tensor<2xi64>' into 'tensor<!lepton.sequence<tensor<?xf32>>>'}}
  %0 = lepton.sequence_insert %s, %x, %i : (tensor<!lepton.sequence<tensor<?xf32>>>, tensor<2xi64>, tensor<i64>) -> tensor<!lepton.sequence<tensor<?xf32>>>
  return
}

// -----

func.func @wrong5(%s: tensor<!lepton.sequence<tensor<*xf32>>>, %i: tensor<i64>) {
  // expected-error @+1 {{'lepton.sequence_shape' op reads tensors of unknown rank; declare their shape, sizes may be unknown}}
  %0 = lepton.sequence_shape %s, %i : (tensor<!lepton.sequence<tensor<*xf32>>>, tensor<i64>) -> tensor<1xi64>
  return
}

// -----

func.func @wrong6(%s: tensor<!lepton.sequence<tensor<?xf32>>>, %i: tensor<i64>, %n: tensor<2xi64>) {
  // expected-error @+1 {{'lepton.sequence_at' op needs a shape of 1 integers, got 'tensor<2xi64>'}}
  %0 = lepton.sequence_at %s, %i, %n : (tensor<!lepton.sequence<tensor<?xf32>>>, tensor<i64>, tensor<2xi64>) -> tensor<?xf32>
  return
}

// -----

func.func @wrong7(%x: tensor<f32>, %i: tensor<i64>) {
  // expected-error @+1 {{'lepton.sequence_at' op needs a sequence or an optional, got 'tensor<f32>'}}
  %0 = lepton.sequence_at %x, %i, %i : (tensor<f32>, tensor<i64>, tensor<i64>) -> tensor<f32>
  return
}

// -----

func.func @wrong8(%x: tensor<4xf32>, %i: tensor<i64>) {
  // expected-error @+1 {{'lepton.sequence_split' op has axis 1 out of range for rank 1}}
  %0 = lepton.sequence_split %x, %i {axis = 1 : i64} : (tensor<4xf32>, tensor<i64>) -> tensor<!lepton.sequence<tensor<?xf32>>>
  return
}

// -----

func.func @wrong9(%x: tensor<4xf32>, %i: tensor<i32>) {
  // expected-error @+1 {{'lepton.sequence_split' op needs one size or a list of sizes, got 'tensor<i32>'}}
  %0 = lepton.sequence_split %x, %i {axis = 0 : i64} : (tensor<4xf32>, tensor<i32>) -> tensor<!lepton.sequence<tensor<?xf32>>>
  return
}

// -----

func.func @wrong10(%s: tensor<!lepton.sequence<tensor<?xf32>>>) {
  // expected-error @+1 {{'lepton.sequence_concat_shape' op has axis 1 out of range for rank 1}}
  %0 = lepton.sequence_concat_shape %s {axis = 1 : i64} : (tensor<!lepton.sequence<tensor<?xf32>>>) -> tensor<1xi64>
  return
}

// -----

func.func @wrong11(%x: tensor<4xf32>) {
  // expected-error @+1 {{'lepton.optional_make' op holds one value at most, got 2}}
  %0 = lepton.optional_make(%x, %x) {type = !lepton.optional<tensor<4xf32>>} : (tensor<4xf32>, tensor<4xf32>) -> tensor<!lepton.optional<tensor<4xf32>>>
  return
}

// -----

func.func @wrong12(%x: tensor<4xf32>) {
  // expected-error @+1 {{'lepton.optional_make' op has a content of type 'tensor<4xf32>', but its type is '!lepton.optional<tensor<4xi1>>'}}
  %0 = lepton.optional_make(%x) {type = !lepton.optional<tensor<4xi1>>} : (tensor<4xf32>) -> tensor<!lepton.optional<tensor<4xi1>>>
  return
}

// -----

func.func @wrong13() {
  // expected-error @+1 {{'lepton.optional_make' op needs the type of an optional, got 'f32'}}
  %0 = lepton.optional_make() {type = f32} : () -> tensor<!lepton.optional<tensor<4xf32>>>
  return
}

// -----

func.func @wrong14(%x: tensor<4xf32>) {
  // expected-error @+1 {{'lepton.optional_has' op needs an optional, got 'tensor<4xf32>'}}
  %0 = lepton.optional_has %x : (tensor<4xf32>) -> tensor<i1>
  return
}

// -----

func.func @wrong15(%o: tensor<!lepton.optional<tensor<4xf32>>>) {
  // expected-error @+1 {{'lepton.optional_sequence' op needs an optional of a sequence, got 'tensor<!lepton.optional<tensor<4xf32>>>'}}
  %0 = lepton.optional_sequence %o : (tensor<!lepton.optional<tensor<4xf32>>>) -> tensor<!lepton.sequence<tensor<4xf32>>>
  return
}
