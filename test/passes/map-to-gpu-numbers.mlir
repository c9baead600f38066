// RUN: lepton-opt %s --lepton-map-to-gpu --canonicalize | FileCheck %s

// A number is passed as `index`, whatever its type: that is what a launch can bring to every kind of GPU.
// CHECK: gpu.func @Scale(%{{.*}}: !llvm.ptr, %[[BITS:.*]]: index)
// CHECK: %[[INTEGER:.*]] = arith.index_cast %[[BITS]] : index to i32
// CHECK: %[[FACTOR:.*]] = arith.bitcast %[[INTEGER]] : i32 to f32
// CHECK: arith.mulf %{{.*}}, %[[FACTOR]]
// CHECK: func.func private @Scale
// CHECK: %[[QUOTIENT:.*]] = arith.divf
// CHECK: %[[BITS:.*]] = arith.bitcast %[[QUOTIENT]] : f32 to i32
// CHECK: %[[NUMBER:.*]] = arith.index_cast %[[BITS]] : i32 to index
// CHECK: lrt.launch %{{.*}}, @kernels::@Scale, %{{.*}} threads 256(%{{.*}}, %[[NUMBER]]) : memref<100xf32>, index
module attributes {lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
  func.func private @Scale(%context: !llvm.ptr, %x: memref<?xf32>, %y: memref<100xf32>) attributes {lepton.kernel} {
    %c0 = arith.constant 0 : index
    %n = memref.dim %x, %c0 : memref<?xf32>
    %i = arith.index_cast %n : index to i32
    %f = arith.sitofp %i : i32 to f32
    %one = arith.constant 1.0 : f32
    %factor = arith.divf %one, %f : f32
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%y : memref<100xf32>) attrs = {lepton.launch = #lepton.launch<unit = thread>} {
    ^bb0(%b: f32):
      %p = arith.mulf %b, %factor : f32
      linalg.yield %p : f32
    }
    return
  }
}
