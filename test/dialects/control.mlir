// RUN: lepton-opt %s | FileCheck %s
// RUN: lepton-opt %s -emit-bytecode | lepton-opt | FileCheck %s

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
