// RUN: lepton-opt %s --lepton-lower-kernels | FileCheck %s

// The producer is computed where the consumer reads it: one loop nest, no temporary. Bools are bytes in memory.
// CHECK-LABEL: func.func private @add_less
// CHECK-SAME:    (%{{.*}}: !llvm.ptr, %[[A:.*]]: tensor<2x3xf32>, %[[B:.*]]: tensor<3xf32>, %[[OUT:.*]]: tensor<2x3xi8>) -> tensor<2x3xi8>
// CHECK-NOT:     = lepton.
// CHECK:         linalg.generic {{.*}} outs(%[[OUT]] : tensor<2x3xi8>)
// CHECK:           tensor.extract %[[A]]
// CHECK:           tensor.extract %[[B]]
// CHECK:           arith.addf
// CHECK:           arith.cmpf
// CHECK:           arith.extui %{{.*}} : i1 to i8
// CHECK-NOT:     linalg.generic
func.func private @add_less(%a: tensor<2x3xf32>, %b: tensor<3xf32>) -> tensor<2x3xi1> attributes {lepton.kernel} {
  %0 = lepton.add %a, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = lepton.less %0, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
  return %1 : tensor<2x3xi1>
}

// A contraction is computed in tiles; what follows it is applied when a tile is written.
// CHECK-LABEL: func.func private @packed_matmul_relu
// CHECK:         scf.forall
// CHECK:           linalg.fill
// CHECK:           linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:           linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK:             arith.select
// CHECK:           tensor.parallel_insert_slice
func.func private @packed_matmul_relu(%a: tensor<8x4xf32>, %b: tensor<2x4x16xf32>) -> tensor<8x32xf32> attributes {lepton.kernel} {
  %0 = lepton.packed_matmul %a, %b {n = 32 : i64} : (tensor<8x4xf32>, tensor<2x4x16xf32>) -> tensor<8x32xf32>
  %1 = lepton.relu %0 : (tensor<8x32xf32>) -> tensor<8x32xf32>
  return %1 : tensor<8x32xf32>
}

// Constants become trailing arguments that are never written; the caller allocates results.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    (%[[CTX:.*]]: !llvm.ptr, %[[X:.*]]: tensor<2x3xf32> {bufferization.writable = false}, %[[C:.*]]: tensor<3xf32> {bufferization.writable = false, lepton.constant = 0 : i64}) -> tensor<2x3xi8>
// CHECK:         %[[EMPTY:.*]] = tensor.empty() : tensor<2x3xi8>
// CHECK:         call @add_less(%[[CTX]], %[[X]], %[[C]], %[[EMPTY]])
func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xi1> {
  %c = lepton.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %0 = lepton.call @add_less(%x, %c) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
  return %0 : tensor<2x3xi1>
}
