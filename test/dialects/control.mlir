// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

// CHECK-LABEL: @branch
func.func @branch(%c: tensor<i1>, %a: tensor<3xf32>, %b: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK: lepton.if %{{.*}} : tensor<i1> -> tensor<3xf32>
  %y = lepton.if %c : tensor<i1> -> tensor<3xf32> {
    lepton.yield %a : tensor<3xf32>
  } else {
    lepton.yield %b : tensor<3xf32>
  }
  // CHECK: lepton.assert %{{.*}}, "must hold" : tensor<i1>
  lepton.assert %c, "must hold" : tensor<i1>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @loop
func.func @loop(%n: tensor<i64>, %zero: tensor<f32>, %x: tensor<f32>) -> tensor<f32> {
  // CHECK: lepton.loop(%{{.*}} : tensor<i64>) init(%{{.*}} : tensor<f32>) -> tensor<f32>
  %sum = lepton.loop (%n : tensor<i64>) init (%zero : tensor<f32>) -> tensor<f32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %acc: tensor<f32>):
    %next = lepton.add %acc, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
    lepton.yield %c, %next : tensor<i1>, tensor<f32>
  } {collected = 0 : i64}
  return %sum : tensor<f32>
}

// -----

func.func @conditionOfManyElements(%c: tensor<2xi1>, %a: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{needs the condition as one element of i1, got 'tensor<2xi1>'}}
  %y = lepton.if %c : tensor<2xi1> -> tensor<f32> {
    lepton.yield %a : tensor<f32>
  } else {
    lepton.yield %a : tensor<f32>
  }
  return %y : tensor<f32>
}

// -----

func.func @branchThatYieldsNothing(%c: tensor<i1>, %a: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{has 0 values of the second branch, expected 1}}
  %y = lepton.if %c : tensor<i1> -> tensor<f32> {
    lepton.yield %a : tensor<f32>
  } else {
    lepton.yield
  }
  return %y : tensor<f32>
}

// -----

func.func @branchOfAnotherType(%c: tensor<i1>, %a: tensor<?xf32>, %b: tensor<3xi64>) -> tensor<3xf32> {
  // expected-error @below {{has 'tensor<3xi64>' as number 0 of the values of the second branch, expected 'tensor<3xf32>'}}
  %y = lepton.if %c : tensor<i1> -> tensor<3xf32> {
    lepton.yield %a : tensor<?xf32>
  } else {
    lepton.yield %b : tensor<3xi64>
  }
  return %y : tensor<3xf32>
}

// -----

func.func @branchThatReturns(%c: tensor<i1>, %a: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{has a region that does not end with lepton.yield}}
  %y = lepton.if %c : tensor<i1> -> tensor<f32> {
    lepton.yield %a : tensor<f32>
  } else {
    %b = lepton.relu %a : (tensor<f32>) -> tensor<f32>
  }
  return %y : tensor<f32>
}

// -----

func.func @yieldOutside(%a: tensor<f32>) {
  // expected-error @below {{expects parent op to be one of 'lepton.if, lepton.loop'}}
  lepton.yield %a : tensor<f32>
}

// -----

func.func @assertOfNumbers(%a: tensor<f32>) {
  // expected-error @below {{needs the condition as one element of i1, got 'tensor<f32>'}}
  lepton.assert %a, "must hold" : tensor<f32>
  return
}

// -----

func.func @tripCountOfFloats(%n: tensor<i64>, %x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{needs the trip count as one element of i64, got 'tensor<3xf32>'}}
  %y = lepton.loop (%x : tensor<3xf32>) init (%x : tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %a: tensor<3xf32>):
    lepton.yield %c, %a : tensor<i1>, tensor<3xf32>
  } {collected = 0 : i64}
  return %y : tensor<3xf32>
}

// -----

func.func @moreCollectedThanResults(%n: tensor<i64>, %x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{has 1 results for 1 carried and 1 collected values}}
  %y = lepton.loop (%n : tensor<i64>) init (%x : tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %a: tensor<3xf32>):
    lepton.yield %c, %a : tensor<i1>, tensor<3xf32>
  } {collected = 1 : i64}
  return %y : tensor<3xf32>
}

// -----

func.func @initialValueOfAnotherRank(%n: tensor<i64>, %x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{has 'tensor<i64>' as number 0 of the initial values, expected 'tensor<3xf32>'}}
  %y = lepton.loop (%n : tensor<i64>) init (%n : tensor<i64>) -> tensor<3xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %a: tensor<3xf32>):
    lepton.yield %c, %a : tensor<i1>, tensor<3xf32>
  } {collected = 0 : i64}
  return %y : tensor<3xf32>
}

// -----

func.func @bodyWithoutCarriedValue(%n: tensor<i64>, %x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{has a body of 2 arguments, expected the iteration, the condition and 1 carried values}}
  %y = lepton.loop (%n : tensor<i64>) init (%x : tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>):
    lepton.yield %c, %x : tensor<i1>, tensor<3xf32>
  } {collected = 0 : i64}
  return %y : tensor<3xf32>
}

// -----

func.func @iterationOfFloats(%n: tensor<i64>, %x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{needs the iteration as one element of i64, got 'tensor<f32>'}}
  %y = lepton.loop (%n : tensor<i64>) init (%x : tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%i: tensor<f32>, %c: tensor<i1>, %a: tensor<3xf32>):
    lepton.yield %c, %a : tensor<i1>, tensor<3xf32>
  } {collected = 0 : i64}
  return %y : tensor<3xf32>
}

// -----

func.func @bodyThatYieldsTooLittle(%n: tensor<i64>, %x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{has a body that yields 1 values, expected the condition and 1 more}}
  %y = lepton.loop (%n : tensor<i64>) init (%x : tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %a: tensor<3xf32>):
    lepton.yield %c : tensor<i1>
  } {collected = 0 : i64}
  return %y : tensor<3xf32>
}

// -----

func.func @yieldedConditionOfFloats(%n: tensor<i64>, %x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{needs the condition that the body yields as one element of i1, got 'tensor<3xf32>'}}
  %y = lepton.loop (%n : tensor<i64>) init (%x : tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %a: tensor<3xf32>):
    lepton.yield %a, %a : tensor<3xf32>, tensor<3xf32>
  } {collected = 0 : i64}
  return %y : tensor<3xf32>
}

// -----

func.func @sliceOfAnotherType(%n: tensor<i64>, %x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{has 'tensor<i64>' as number 0 of the values that the body yields, expected 'tensor<f32>'}}
  %y = lepton.loop (%n : tensor<i64>) -> tensor<3xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>):
    lepton.yield %c, %i : tensor<i1>, tensor<i64>
  } {collected = 1 : i64}
  return %y : tensor<3xf32>
}

// -----

func.func @collectedWithoutDimension(%n: tensor<i64>, %x: tensor<3xf32>) -> tensor<i64> {
  // expected-error @below {{collects slices into 'tensor<i64>', which has no dimension to stack them along}}
  %y = lepton.loop (%n : tensor<i64>) -> tensor<i64> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>):
    lepton.yield %c, %i : tensor<i1>, tensor<i64>
  } {collected = 1 : i64}
  return %y : tensor<i64>
}

// -----

func.func @callOfNothing(%a: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{calls 'kernel', which is no function of the module}}
  %y = lepton.call @kernel(%a) : (tensor<f32>) -> tensor<f32>
  return %y : tensor<f32>
}

// -----

func.func private @kernel(tensor<?xf32>) -> tensor<?xf32>

func.func @callWithAnotherType(%a: tensor<3xi64>) -> tensor<3xf32> {
  // expected-error @below {{has 'tensor<3xi64>' as number 0 of the inputs of the kernel, expected 'tensor<?xf32>'}}
  %y = lepton.call @kernel(%a) : (tensor<3xi64>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
