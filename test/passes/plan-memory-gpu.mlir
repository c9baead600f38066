// RUN: lepton-opt %s --lepton-plan-memory --canonicalize | FileCheck %s

// A GPU does not see a table that lies in the CPU's memory, so that it is a constant of the model.
// CHECK: module attributes {
// CHECK-SAME: lepton.constant_bytes = 128 : i64
// CHECK-SAME: lepton.constant_offsets = array<i64: 0, 64>
// CHECK-SAME: lepton.constants = [dense<1.000000e+00> : tensor<16xf32>, dense<3> : tensor<i64>]
module attributes {lepton.constants = [dense<1.0> : tensor<16xf32>], lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
  memref.global "private" constant @table : memref<i64> = dense<3>
  func.func private @k(!llvm.ptr, memref<16xf32>, memref<i64>, memref<?xf32>) attributes {lepton.kernel}
  // CHECK-LABEL: func.func @lepton_entry
  // CHECK-DAG: %[[W:.*]] = lrt.constant[0] : memref<16xf32>
  // CHECK-DAG: %[[TABLE:.*]] = lrt.constant[64] : memref<i64>
  // CHECK: call @k(%arg0, %[[W]], %[[TABLE]], %[[Y:[0-9]+]])
  // What has another shape lies in one piece as before, by its type.
  // CHECK: %[[VIEW:.*]] = memref.reinterpret_cast %[[Y]] to offset: [0], sizes: [%{{.*}}, %{{.*}}], strides: [%{{.*}}, 1] : memref<?xf32> to memref<?x?xf32>
  // CHECK: memref.copy %[[VIEW]], %{{.*}} : memref<?x?xf32> to memref<?x?xf32>
  func.func @main(%ctx: !llvm.ptr, %y: memref<?xf32>, %sizes: memref<2xindex>, %w: memref<16xf32> {lepton.constant = 0 : i64}) -> memref<?x?xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %table = memref.get_global @table : memref<i64>
    call @k(%ctx, %w, %table, %y) : (!llvm.ptr, memref<16xf32>, memref<i64>, memref<?xf32>) -> ()
    %m = memref.load %sizes[%c0] : memref<2xindex>
    %n = memref.load %sizes[%c1] : memref<2xindex>
    %view = memref.expand_shape %y [[0, 1]] output_shape [%m, %n] : memref<?xf32> into memref<?x?xf32>
    return %view : memref<?x?xf32>
  }
}
