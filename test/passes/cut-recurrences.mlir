// RUN: lepton-opt %s --lepton-cut-recurrences -split-input-file | FileCheck %s
// RUN: lepton-opt %s --lepton-cut-recurrences=threads=1 -split-input-file | FileCheck %s --check-prefix=WHOLE

// The first layer's second part runs beside the second layer's first one, and so on; states go from part to part.

// CHECK-LABEL: @stack
// CHECK: %[[X0:.*]] = lepton.slice %arg0, {{.*}} -> tensor<9x1x128xf32>
// CHECK: %[[A0:.*]]:2 = lepton.loop(%{{.*}} : tensor<i64>) init(%arg3 : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<9x1x128xf32>
// CHECK: lepton.gather %[[X0]],
// CHECK: %[[A1:.*]]:2 = lepton.loop(%{{.*}} : tensor<i64>) init(%[[A0]]#0 : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<9x1x128xf32>
// CHECK: %[[P0:.*]] = lepton.matmul %[[A0]]#1, %arg2 : (tensor<9x1x128xf32>, tensor<128x128xf32>) -> tensor<9x1x128xf32>
// CHECK: %[[B0:.*]]:2 = lepton.loop(%{{.*}} : tensor<i64>) init(%arg3 : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<9x1x128xf32>
// CHECK: lepton.gather %[[P0]],
// CHECK: %[[A2:.*]]:2 = lepton.loop(%{{.*}} : tensor<i64>) init(%[[A1]]#0 : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<8x1x128xf32>
// CHECK: %[[B1:.*]]:2 = lepton.loop(%{{.*}} : tensor<i64>) init(%[[B0]]#0 : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<9x1x128xf32>
// CHECK: %[[A3:.*]]:2 = lepton.loop(%{{.*}} : tensor<i64>) init(%[[A2]]#0
// CHECK: %[[B2:.*]]:2 = lepton.loop(%{{.*}} : tensor<i64>) init(%[[B1]]#0
// CHECK: %[[B3:.*]]:2 = lepton.loop(%{{.*}} : tensor<i64>) init(%[[B2]]#0
// CHECK: %[[Y:.*]] = lepton.concat %[[B0]]#1, %[[B1]]#1, %[[B2]]#1, %[[B3]]#1 {axis = 0 : i64}
// CHECK: return %[[Y]], %[[B3]]#0
// WHOLE-LABEL: @stack
// WHOLE-COUNT-2: lepton.loop
// WHOLE-NOT: lepton.loop
// WHOLE-LABEL: @state_of_the_end
func.func @stack(%x: tensor<34x1x128xf32>, %r: tensor<128x128xf32>, %w: tensor<128x128xf32>, %h: tensor<1x128xf32>) -> (tensor<34x1x128xf32>, tensor<1x128xf32>) {
  %steps = lepton.constant dense<34> : tensor<i64>
  %a:2 = lepton.loop(%steps : tensor<i64>) init(%h : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<34x1x128xf32> {
  ^bb0(%t: tensor<i64>, %c: tensor<i1>, %state: tensor<1x128xf32>):
    %in = lepton.gather %x, %t {axis = 0 : i64} : (tensor<34x1x128xf32>, tensor<i64>) -> tensor<1x128xf32>
    %product = lepton.matmul %state, %r : (tensor<1x128xf32>, tensor<128x128xf32>) -> tensor<1x128xf32>
    %next = lepton.add %in, %product : (tensor<1x128xf32>, tensor<1x128xf32>) -> tensor<1x128xf32>
    lepton.yield %c, %next, %next : tensor<i1>, tensor<1x128xf32>, tensor<1x128xf32>
  } {collected = 1 : i64}
  %p = lepton.matmul %a#1, %w : (tensor<34x1x128xf32>, tensor<128x128xf32>) -> tensor<34x1x128xf32>
  %b:2 = lepton.loop(%steps : tensor<i64>) init(%h : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<34x1x128xf32> {
  ^bb0(%t: tensor<i64>, %c: tensor<i1>, %state: tensor<1x128xf32>):
    %in = lepton.gather %p, %t {axis = 0 : i64} : (tensor<34x1x128xf32>, tensor<i64>) -> tensor<1x128xf32>
    %product = lepton.matmul %state, %r : (tensor<1x128xf32>, tensor<128x128xf32>) -> tensor<1x128xf32>
    %next = lepton.add %in, %product : (tensor<1x128xf32>, tensor<1x128xf32>) -> tensor<1x128xf32>
    lepton.yield %c, %next, %next : tensor<i1>, tensor<1x128xf32>, tensor<1x128xf32>
  } {collected = 1 : i64}
  return %b#1, %b#0 : tensor<34x1x128xf32>, tensor<1x128xf32>
}

// -----

// The second loop begins where the first one ended: there is nothing to run side by side.

// CHECK-LABEL: @state_of_the_end
// CHECK-COUNT-2: lepton.loop
// CHECK-NOT: lepton.loop
func.func @state_of_the_end(%x: tensor<34x1x128xf32>, %r: tensor<128x128xf32>, %h: tensor<1x128xf32>) -> tensor<1x128xf32> {
  %steps = lepton.constant dense<34> : tensor<i64>
  %a:2 = lepton.loop(%steps : tensor<i64>) init(%h : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<34x1x128xf32> {
  ^bb0(%t: tensor<i64>, %c: tensor<i1>, %state: tensor<1x128xf32>):
    %in = lepton.gather %x, %t {axis = 0 : i64} : (tensor<34x1x128xf32>, tensor<i64>) -> tensor<1x128xf32>
    %product = lepton.matmul %state, %r : (tensor<1x128xf32>, tensor<128x128xf32>) -> tensor<1x128xf32>
    %next = lepton.add %in, %product : (tensor<1x128xf32>, tensor<1x128xf32>) -> tensor<1x128xf32>
    lepton.yield %c, %next, %next : tensor<i1>, tensor<1x128xf32>, tensor<1x128xf32>
  } {collected = 1 : i64}
  %b:2 = lepton.loop(%steps : tensor<i64>) init(%a#0 : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<34x1x128xf32> {
  ^bb0(%t: tensor<i64>, %c: tensor<i1>, %state: tensor<1x128xf32>):
    %in = lepton.gather %a#1, %t {axis = 0 : i64} : (tensor<34x1x128xf32>, tensor<i64>) -> tensor<1x128xf32>
    %product = lepton.matmul %state, %r : (tensor<1x128xf32>, tensor<128x128xf32>) -> tensor<1x128xf32>
    %next = lepton.add %in, %product : (tensor<1x128xf32>, tensor<1x128xf32>) -> tensor<1x128xf32>
    lepton.yield %c, %next, %next : tensor<i1>, tensor<1x128xf32>, tensor<1x128xf32>
  } {collected = 1 : i64}
  return %b#0 : tensor<1x128xf32>
}

// -----

// A link that turns time around: step 0 of the second loop needs the last one of the first.

// CHECK-LABEL: @backwards
// CHECK-COUNT-2: lepton.loop
// CHECK-NOT: lepton.loop
func.func @backwards(%x: tensor<34x1x128xf32>, %r: tensor<128x128xf32>, %h: tensor<1x128xf32>) -> tensor<1x128xf32> {
  %steps = lepton.constant dense<34> : tensor<i64>
  %a:2 = lepton.loop(%steps : tensor<i64>) init(%h : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<34x1x128xf32> {
  ^bb0(%t: tensor<i64>, %c: tensor<i1>, %state: tensor<1x128xf32>):
    %in = lepton.gather %x, %t {axis = 0 : i64} : (tensor<34x1x128xf32>, tensor<i64>) -> tensor<1x128xf32>
    %product = lepton.matmul %state, %r : (tensor<1x128xf32>, tensor<128x128xf32>) -> tensor<1x128xf32>
    %next = lepton.add %in, %product : (tensor<1x128xf32>, tensor<1x128xf32>) -> tensor<1x128xf32>
    lepton.yield %c, %next, %next : tensor<i1>, tensor<1x128xf32>, tensor<1x128xf32>
  } {collected = 1 : i64}
  %last = lepton.constant dense<-1> : tensor<1xi64>
  %none = lepton.constant dense<-35> : tensor<1xi64>
  %turned = lepton.slice %a#1, %last, %none, %last {axes = array<i64: 0>} : (tensor<34x1x128xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<34x1x128xf32>
  %b:2 = lepton.loop(%steps : tensor<i64>) init(%h : tensor<1x128xf32>) -> tensor<1x128xf32>, tensor<34x1x128xf32> {
  ^bb0(%t: tensor<i64>, %c: tensor<i1>, %state: tensor<1x128xf32>):
    %in = lepton.gather %turned, %t {axis = 0 : i64} : (tensor<34x1x128xf32>, tensor<i64>) -> tensor<1x128xf32>
    %product = lepton.matmul %state, %r : (tensor<1x128xf32>, tensor<128x128xf32>) -> tensor<1x128xf32>
    %next = lepton.add %in, %product : (tensor<1x128xf32>, tensor<1x128xf32>) -> tensor<1x128xf32>
    lepton.yield %c, %next, %next : tensor<i1>, tensor<1x128xf32>, tensor<1x128xf32>
  } {collected = 1 : i64}
  return %b#0 : tensor<1x128xf32>
}
