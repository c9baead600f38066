// RUN: lepton-opt %s --lepton-separate-buffers | FileCheck %s

// Two calls that share a tensor.empty get one each; what a kernel does inside is its own affair.
module {
  // CHECK-LABEL: func.func private @k
  // CHECK:         %[[SHARED:.*]] = tensor.empty
  // CHECK:         linalg.fill {{.*}} outs(%[[SHARED]]
  // CHECK:         linalg.fill {{.*}} outs(%[[SHARED]]
  func.func private @k(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) attributes {lepton.kernel} {
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %e = tensor.empty() : tensor<4xf32>
    %a = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %b = linalg.fill ins(%one : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    return %a, %b : tensor<4xf32>, tensor<4xf32>
  }
  func.func private @f(tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK-LABEL: func.func @main
  // CHECK:         %[[A:.*]] = tensor.empty
  // CHECK-NEXT:    call @f(%arg0, %[[A]])
  // CHECK:         %[[B:.*]] = tensor.empty
  // CHECK-NEXT:    call @f(%arg1, %[[B]])
  func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    %e = tensor.empty() : tensor<4xf32>
    %a = call @f(%x, %e) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %b = call @f(%y, %e) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    return %a, %b : tensor<4xf32>, tensor<4xf32>
  }
}
