// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

// CHECK-LABEL: func @roundTrip
func.func @roundTrip(%x: tensor<?x4xf32>, %roots: tensor<2xi32>, %nodes: tensor<6x3xi32>, %flagged: tensor<6x4xi32>, %splits: tensor<6xf32>,
                     %targets: tensor<8xi32>, %weights: tensor<8xf32>, %firsts: tensor<9xi32>, %pairs: tensor<?x3x3xf32>) {
  // CHECK: lepton.tree_ensemble sum {{.*}} {features = 4 : i64, modes = array<i64: 0>, outputs = 1 : i64}
  %0 = lepton.tree_ensemble sum %x, %roots, %nodes, %splits, %targets, %weights {modes = array<i64: 0>, outputs = 1 : i64, features = 4 : i64}
    : (tensor<?x4xf32>, tensor<2xi32>, tensor<6x3xi32>, tensor<6xf32>, tensor<8xi32>, tensor<8xf32>) -> tensor<?x1xf32>
  // CHECK: lepton.tree_ensemble max {{.*}}missing
  %1 = lepton.tree_ensemble max %x, %roots, %flagged, %splits, %targets, %weights, %firsts {modes = array<i64: 0, 4>, missing, outputs = 3 : i64, features = 2 : i64}
    : (tensor<?x4xf32>, tensor<2xi32>, tensor<6x4xi32>, tensor<6xf32>, tensor<8xi32>, tensor<8xf32>, tensor<9xi32>) -> tensor<?x3xf32>
  // CHECK: lepton.couple_probabilities
  %2 = lepton.couple_probabilities %pairs : (tensor<?x3x3xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @rows(%x: tensor<4xf32>, %i: tensor<2xi32>, %nodes: tensor<6x3xi32>, %f: tensor<6xf32>) {
  // expected-error @+1 {{needs floating-point rows [rows, features], got 'tensor<4xf32>'}}
  %0 = lepton.tree_ensemble sum %x, %i, %nodes, %f, %i, %f {modes = array<i64: 0>, outputs = 1 : i64, features = 4 : i64}
    : (tensor<4xf32>, tensor<2xi32>, tensor<6x3xi32>, tensor<6xf32>, tensor<2xi32>, tensor<6xf32>) -> tensor<4x1xf32>
  return
}

// -----

func.func @tables(%x: tensor<3x4xf32>, %i: tensor<2xi64>, %nodes: tensor<6x3xi32>, %f: tensor<6xf32>) {
  // expected-error @+1 {{needs tables of 32-bit integers}}
  %0 = lepton.tree_ensemble sum %x, %i, %nodes, %f, %i, %f {modes = array<i64: 0>, outputs = 1 : i64, features = 4 : i64}
    : (tensor<3x4xf32>, tensor<2xi64>, tensor<6x3xi32>, tensor<6xf32>, tensor<2xi64>, tensor<6xf32>) -> tensor<3x1xf32>
  return
}

// -----

func.func @splits(%x: tensor<3x4xf32>, %i: tensor<2xi32>, %nodes: tensor<6x3xi32>, %f: tensor<6xf64>) {
  // expected-error @+1 {{needs splits and weights of the type 'f32'}}
  %0 = lepton.tree_ensemble sum %x, %i, %nodes, %f, %i, %f {modes = array<i64: 0>, outputs = 1 : i64, features = 4 : i64}
    : (tensor<3x4xf32>, tensor<2xi32>, tensor<6x3xi32>, tensor<6xf64>, tensor<2xi32>, tensor<6xf64>) -> tensor<3x1xf32>
  return
}

// -----

func.func @modes(%x: tensor<3x4xf32>, %i: tensor<2xi32>, %nodes: tensor<6x3xi32>, %f: tensor<6xf32>) {
  // expected-error @+1 {{has an unknown mode or no outputs}}
  %0 = lepton.tree_ensemble sum %x, %i, %nodes, %f, %i, %f {modes = array<i64: 6>, outputs = 1 : i64, features = 4 : i64}
    : (tensor<3x4xf32>, tensor<2xi32>, tensor<6x3xi32>, tensor<6xf32>, tensor<2xi32>, tensor<6xf32>) -> tensor<3x1xf32>
  return
}

// -----

func.func @columns(%x: tensor<3x4xf32>, %i: tensor<2xi32>, %nodes: tensor<6x3xi32>, %f: tensor<6xf32>) {
  // expected-error @+1 {{needs nodes of 4 columns, got 'tensor<6x3xi32>'}}
  %0 = lepton.tree_ensemble sum %x, %i, %nodes, %f, %i, %f {modes = array<i64: 0, 1>, outputs = 1 : i64, features = 4 : i64}
    : (tensor<3x4xf32>, tensor<2xi32>, tensor<6x3xi32>, tensor<6xf32>, tensor<2xi32>, tensor<6xf32>) -> tensor<3x1xf32>
  return
}

// -----

func.func @features(%x: tensor<3x4xf32>, %i: tensor<2xi32>, %nodes: tensor<6x3xi32>, %f: tensor<6xf32>) {
  // expected-error @+1 {{compares 5 features, but rows have only 4}}
  %0 = lepton.tree_ensemble sum %x, %i, %nodes, %f, %i, %f {modes = array<i64: 0>, outputs = 1 : i64, features = 5 : i64}
    : (tensor<3x4xf32>, tensor<2xi32>, tensor<6x3xi32>, tensor<6xf32>, tensor<2xi32>, tensor<6xf32>) -> tensor<3x1xf32>
  return
}

// -----

func.func @pairs(%x: tensor<3x4x5xf32>) {
  // expected-error @+1 {{needs floating-point matrices [batch, classes, classes], got 'tensor<3x4x5xf32>'}}
  %0 = lepton.couple_probabilities %x : (tensor<3x4x5xf32>) -> tensor<3x4xf32>
  return
}
