// RUN: lepton-opt %s --split-input-file --lepton-approximate-math | FileCheck %s

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

// Large arguments need libm, and f64 more digits.
// CHECK-LABEL: func @KeepsCalls
// CHECK-DAG:     math.sin %{{.*}} : f32
// CHECK-DAG:     math.exp %{{.*}} : f64
module attributes {lepton.target = #lepton.target<cpu = "x86-64-v3", vector_bits = 256, registers = 16, fma = true>} {
  func.func @KeepsCalls(%x: f32, %y: f64) -> (f32, f64) {
    %0 = math.sin %x : f32
    %1 = math.exp %y : f64
    return %0, %1 : f32, f64
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
