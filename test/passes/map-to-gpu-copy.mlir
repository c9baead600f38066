// RUN: lepton-opt %s --lepton-map-to-gpu --canonicalize | FileCheck %s

// A copy is a step as others are, also where no other op is of the dialect that it becomes.
// CHECK: gpu.func @Copy(
// CHECK: %[[X:.*]] = memref.load
// CHECK: memref.store %[[X]]
// CHECK: func.func private @Copy
// CHECK: lrt.launch
module attributes {lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
  func.func private @Copy(%context: !llvm.ptr, %x: memref<100xf32>, %y: memref<100xf32>) attributes {lepton.kernel} {
    memref.copy %x, %y {lepton.launch = #lepton.launch<unit = thread>} : memref<100xf32> to memref<100xf32>
    return
  }
}
