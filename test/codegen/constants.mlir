// RUN: lepton-opt %s --split-input-file --lepton-lower-to-llvm | FileCheck %s

// Constants lie in the artifact, at their offsets from one symbol.

// CHECK-LABEL: llvm.func @lepton_entry
// CHECK-NOT: lepton_rt_weights
// CHECK: %[[W:.*]] = llvm.mlir.addressof @lepton_weights
// CHECK: llvm.getelementptr %[[W]]
func.func @lepton_entry(%context: !llvm.ptr) -> i32 {
  %w = lrt.constant[64] : memref<2xf32>
  %y = lrt.output %context[0] () : memref<2xf32>
  memref.copy %w, %y : memref<2xf32> to memref<2xf32>
  %ok = arith.constant 0 : i32
  return %ok : i32
}

// -----

// Or in a file, which the session has mapped.

// CHECK-LABEL: llvm.func @lepton_entry
// CHECK-SAME: (%[[CONTEXT:.*]]: !llvm.ptr)
// CHECK-NOT: llvm.mlir.addressof @lepton_weights
// CHECK: %[[W:.*]] = llvm.call @lepton_rt_weights(%[[CONTEXT]])
// CHECK: llvm.getelementptr %[[W]]
module attributes {lepton.weights_file} {
  func.func @lepton_entry(%context: !llvm.ptr) -> i32 {
    %w = lrt.constant[64] : memref<2xf32>
    %y = lrt.output %context[0] () : memref<2xf32>
    memref.copy %w, %y : memref<2xf32> to memref<2xf32>
    %ok = arith.constant 0 : i32
    return %ok : i32
  }
}
