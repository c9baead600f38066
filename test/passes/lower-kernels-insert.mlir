// RUN: lepton-opt %s --lepton-form-kernels --lepton-lower-kernels | FileCheck %s

// The kernel writes its part of a memref, and reads another part of the same memory, which nothing has to be copied for.
// CHECK-LABEL: func.func private @slice_packed_matmul_relu_insert_f32_64x48
// CHECK-SAME:    (%{{.*}}: !llvm.ptr, %[[X:.*]]: tensor<64x48xf32>, %[[W:.*]]: tensor<1x32x16xf32>, %[[OUT:.*]]: memref<64x48xf32>, %[[FROM:.*]]: index)
// CHECK:         %[[PART:.*]] = memref.reinterpret_cast %[[OUT]] to offset: [%[[FROM]]], sizes: [64, 16], strides: [48, 1]
// CHECK:         %[[INIT:.*]] = bufferization.to_tensor %[[PART]] restrict writable
// CHECK:         tensor.extract_slice %[[X]][0, 0] [64, 32] [1, 1]
// CHECK:         scf.forall
// CHECK:         bufferization.materialize_in_destination %{{.*}} in restrict writable %[[PART]]
// CHECK:         return
// CHECK-LABEL: func.func @main
// CHECK:         %[[MEMORY:.*]] = memref.alloc() : memref<64x48xf32>
// CHECK:         call @abs_insert_f32_64x48(%{{.*}}, %{{.*}}, %[[MEMORY]], %c0)
// CHECK:         %[[FIRST:.*]] = bufferization.to_tensor %[[MEMORY]] restrict
// CHECK:         call @slice_packed_matmul_relu_insert_f32_64x48(%{{.*}}, %[[FIRST]], %{{.*}}, %[[MEMORY]], %c32)
// CHECK:         %[[ALL:.*]] = bufferization.to_tensor %[[MEMORY]] restrict
// CHECK:         return %[[ALL]]
func.func @main(%x: tensor<64x32xf32>, %w: tensor<1x32x16xf32>) -> tensor<64x48xf32> {
  %0 = lepton.constant dense<0> : tensor<1xi64>
  %1 = lepton.constant dense<1> : tensor<1xi64>
  %32 = lepton.constant dense<32> : tensor<1xi64>
  %e = tensor.empty() : tensor<64x48xf32>
  %a = lepton.abs %x : (tensor<64x32xf32>) -> tensor<64x32xf32>
  %b = lepton.insert %a, %e {offsets = array<i64: 0, 0>} : (tensor<64x32xf32>, tensor<64x48xf32>) -> tensor<64x48xf32>
  %s = lepton.slice %b, %0, %32, %1 {axes = array<i64: 1>} : (tensor<64x48xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<64x32xf32>
  %m = lepton.packed_matmul %s, %w {n = 16 : i64} : (tensor<64x32xf32>, tensor<1x32x16xf32>) -> tensor<64x16xf32>
  %r = lepton.relu %m : (tensor<64x16xf32>) -> tensor<64x16xf32>
  %c = lepton.insert %r, %b {offsets = array<i64: 0, 32>} : (tensor<64x16xf32>, tensor<64x48xf32>) -> tensor<64x48xf32>
  return %c : tensor<64x48xf32>
}
