// Weights lie as the rows of a thread's tile read them.
// RUN: lepton-opt %s --lepton-interleave-constants | FileCheck %s

#lhs = affine_map<(i, j, k) -> (k)>
#sum = affine_map<(i, j, k) -> (i, j)>

// The filter has its rows, 0 3, 1 4 and 2 5, innermost. What is read otherwise too stays.
// CHECK: lepton.constants = [dense<{{\[\[}}0.000000e+00, 3.000000e+00], [1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00]]> : tensor<3x2xf32>, dense<{{\[\[}}0.000000e+00, 1.000000e+00], [2.000000e+00, 3.000000e+00]]> : tensor<2x2xf32>]
module attributes {lepton.constants = [dense<[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]> : tensor<2x3xf32>, dense<[[0.0, 1.0], [2.0, 3.0]]> : tensor<2x2xf32>],
                   lepton.constant_offsets = array<i64: 0, 64>} {

// CHECK-LABEL: func.func private @Rows(
// CHECK-SAME: %[[W:[a-z0-9]+]]: memref<3x2xf32>, %[[OTHER:[a-z0-9]+]]: memref<2x2xf32>,
// CHECK: %[[ROW:[0-9]+]] = linalg.index 0
// CHECK: %[[DEPTH:[0-9]+]] = linalg.index 2
// CHECK: memref.load %[[W]][%[[DEPTH]], %[[ROW]]]
func.func private @Rows(%context: !llvm.ptr, %w: memref<2x3xf32>, %other: memref<2x2xf32>, %y: memref<2x4xf32>) attributes {lepton.kernel} {
  %taps = memref.alloca() : memref<3xi8>
  linalg.generic {indexing_maps = [#lhs, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%taps : memref<3xi8>) outs(%y : memref<2x4xf32>) attrs = {lepton.launch = #lepton.launch<unit = thread, rows = 2>} {
  ^bb0(%unused: i8, %z: f32):
    %i = linalg.index 0 : index
    %k = linalg.index 2 : index
    %a = memref.load %w[%i, %k] : memref<2x3xf32>
    %b = memref.load %other[%i, %i] : memref<2x2xf32>
    %c = arith.addf %a, %b : f32
    %s = arith.addf %z, %c : f32
    linalg.yield %s : f32
  }
  return
}

// CHECK-LABEL: func.func @lepton_entry
// CHECK: lrt.constant[0] : memref<3x2xf32>
// CHECK: lrt.constant[64] : memref<2x2xf32>
func.func @lepton_entry(%context: !llvm.ptr) {
  %w = lrt.constant[0] : memref<2x3xf32>
  %other = lrt.constant[64] : memref<2x2xf32>
  %y = lrt.output %context[0] () : memref<2x4xf32>
  call @Rows(%context, %w, %other, %y) : (!llvm.ptr, memref<2x3xf32>, memref<2x2xf32>, memref<2x4xf32>) -> ()
  return
}
}
