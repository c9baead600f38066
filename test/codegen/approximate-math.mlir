// RUN: lepton-opt %s --split-input-file --pass-pipeline="builtin.module(any(lepton-approximate-math))" | FileCheck %s

// CHECK-LABEL: func @Polynomials
// CHECK-NOT:     math.exp
// CHECK-NOT:     math.tanh
// CHECK:         math.fma {{.*}} : vector<8xf32>
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v3", vector_bits = 256, registers = 16, fma = true>} {
  func.func @Polynomials(%x: vector<8xf32>, %y: f32) -> (vector<8xf32>, f32) {
    %0 = math.exp %x : vector<8xf32>
    %1 = math.tanh %y : f32
    return %0, %1 : vector<8xf32>, f32
  }
}

// -----

// f64 needs more digits.
// CHECK-LABEL: func @KeepsCalls
// CHECK:         math.exp %{{.*}} : f64
// CHECK:         math.sin %{{.*}} : f64
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v3", vector_bits = 256, registers = 16, fma = true>} {
  func.func @KeepsCalls(%x: f64) -> (f64, f64) {
    %0 = math.exp %x : f64
    %1 = math.sin %x : f64
    return %0, %1 : f64, f64
  }
}

// -----

// In f64, without calls and branches; the last step is to round.
// CHECK-LABEL: func @ComputesInF64
// CHECK-NOT:     math.{{sin|cos|powf}}
// CHECK:         math.fma {{.*}} : vector<8xf64>
// CHECK:         arith.truncf {{.*}} : vector<8xf64> to vector<8xf32>
// CHECK-NOT:     math.{{sin|cos|powf}}
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v3", vector_bits = 256, registers = 16, fma = true>} {
  func.func @ComputesInF64(%x: vector<8xf32>, %y: f32) -> (vector<8xf32>, f32, f32) {
    %0 = math.sin %x : vector<8xf32>
    %1 = math.cos %y : f32
    %2 = math.powf %y, %1 : f32
    return %0, %1, %2 : vector<8xf32>, f32, f32
  }
}

// -----

// CHECK-LABEL: func @WithoutFma
// CHECK-NOT:     math.fma
// CHECK:         arith.mulf {{.*}} : vector<4xf32>
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v2", vector_bits = 128, registers = 16, fma = false>} {
  func.func @WithoutFma(%x: vector<4xf32>) -> vector<4xf32> {
    %0 = math.exp %x : vector<4xf32>
    return %0 : vector<4xf32>
  }
}
