// RUN: lepton-opt %s --lepton-lower-control-flow -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: @branch
// CHECK:         %[[FLAG:.*]] = tensor.extract %arg0[] : tensor<i1>
// CHECK:         cf.assert %{{.*}}, "must hold"
// CHECK:         scf.if %{{.*}} -> (tensor<?xf32>)
// CHECK:           tensor.cast %arg1 : tensor<3xf32> to tensor<?xf32>
func.func @branch(%c: tensor<i1>, %a: tensor<3xf32>, %b: tensor<4xf32>) -> tensor<?xf32> {
  lepton.assert %c, "must hold" : tensor<i1>
  %y = lepton.if %c : tensor<i1> -> tensor<?xf32> {
    lepton.yield %a : tensor<3xf32>
  } else {
    lepton.yield %b : tensor<4xf32>
  }
  return %y : tensor<?xf32>
}

// -----

// A loop whose condition is passed through counts; what it collects goes into slices.
// CHECK-LABEL: @counted
// CHECK:         scf.for
// CHECK:           tensor.insert_slice
func.func @counted(%n: tensor<i64>, %h: tensor<3xf32>) -> (tensor<3xf32>, tensor<?x3xf32>) {
  %0:2 = lepton.loop (%n : tensor<i64>) init (%h : tensor<3xf32>) -> tensor<3xf32>, tensor<?x3xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %state: tensor<3xf32>):
    lepton.yield %c, %state, %state : tensor<i1>, tensor<3xf32>, tensor<3xf32>
  } {collected = 1 : i64}
  return %0#0, %0#1 : tensor<3xf32>, tensor<?x3xf32>
}

// -----

// CHECK-LABEL: @conditional
// CHECK:         scf.while
func.func @conditional(%n: tensor<i64>, %go: tensor<i1>, %h: tensor<i1>) -> tensor<i1> {
  %0 = lepton.loop (%n : tensor<i64>) while %go : tensor<i1> init (%h : tensor<i1>) -> tensor<i1> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %state: tensor<i1>):
    lepton.yield %state, %c : tensor<i1>, tensor<i1>
  } {collected = 0 : i64}
  return %0 : tensor<i1>
}

// -----

// A carried value whose size changes: its first size must not be taken for that of all iterations.
// CHECK-LABEL: @growing
// CHECK-NOT:     scf.for
// CHECK:         scf.while
func.func @growing(%n: tensor<i64>, %h: tensor<1xf32>, %x: tensor<3xf32>) -> tensor<?xf32> {
  %0 = lepton.loop (%n : tensor<i64>) init (%h : tensor<1xf32>) -> tensor<?xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %state: tensor<?xf32>):
    lepton.yield %c, %x : tensor<i1>, tensor<3xf32>
  } {collected = 0 : i64}
  return %0 : tensor<?xf32>
}

// -----

func.func @unknown_slices(%n: tensor<i64>, %h: tensor<?xf32>) -> (tensor<?xf32>, tensor<?x?xf32>) {
  // expected-error @+1 {{collects slices whose sizes are known only inside the loop; give the model static sizes (--dim)}}
  %0:2 = lepton.loop (%n : tensor<i64>) init (%h : tensor<?xf32>) -> tensor<?xf32>, tensor<?x?xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %state: tensor<?xf32>):
    lepton.yield %c, %state, %state : tensor<i1>, tensor<?xf32>, tensor<?xf32>
  } {collected = 1 : i64}
  return %0#0, %0#1 : tensor<?xf32>, tensor<?x?xf32>
}

// -----

func.func @no_bound(%go: tensor<i1>, %h: tensor<3xf32>) -> (tensor<3xf32>, tensor<?x3xf32>) {
  // expected-error @+1 {{collects values without a trip count, so their number has no bound; give the loop a trip count}}
  %0:2 = lepton.loop while %go : tensor<i1> init (%h : tensor<3xf32>) -> tensor<3xf32>, tensor<?x3xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %state: tensor<3xf32>):
    lepton.yield %c, %state, %state : tensor<i1>, tensor<3xf32>, tensor<3xf32>
  } {collected = 1 : i64}
  return %0#0, %0#1 : tensor<3xf32>, tensor<?x3xf32>
}

// -----

func.func @more_than_memory_holds(%h: tensor<3xf32>, %x: tensor<1048576xf32>) -> (tensor<3xf32>, tensor<?x1048576xf32>) {
  %n = lepton.constant dense<9223372036854775807> : tensor<i64>
  // expected-error @+1 {{collects up to 9223372036854775807 slices of type 'tensor<1048576xf32>', more than any memory holds; give the loop a smaller trip count}}
  %0:2 = lepton.loop (%n : tensor<i64>) init (%h : tensor<3xf32>) -> tensor<3xf32>, tensor<?x1048576xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %state: tensor<3xf32>):
    lepton.yield %c, %state, %x : tensor<i1>, tensor<3xf32>, tensor<1048576xf32>
  } {collected = 1 : i64}
  return %0#0, %0#1 : tensor<3xf32>, tensor<?x1048576xf32>
}
