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
// CHECK:           linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK:           linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK:             arith.select
// CHECK:           tensor.parallel_insert_slice
func.func private @packed_matmul_relu(%a: tensor<8x4xf32>, %b: tensor<2x4x16xf32>) -> tensor<8x32xf32> attributes {lepton.kernel} {
  %0 = lepton.packed_matmul %a, %b {n = 32 : i64} : (tensor<8x4xf32>, tensor<2x4x16xf32>) -> tensor<8x32xf32>
  %1 = lepton.relu %0 : (tensor<8x32xf32>) -> tensor<8x32xf32>
  return %1 : tensor<8x32xf32>
}

// A single row by one block of columns would wait for its own sums: an item takes 4 blocks.
// CHECK-LABEL: func.func private @one_row
// CHECK:         scf.forall {{.*}} in (2, 1)
// CHECK:           tensor.extract_slice {{.*}} : tensor<8x4x16xf32> to tensor<4x4x16xf32>
func.func private @one_row(%a: tensor<1x4xf32>, %b: tensor<8x4x16xf32>) -> tensor<1x128xf32> attributes {lepton.kernel} {
  %0 = lepton.packed_matmul %a, %b {n = 128 : i64} : (tensor<1x4xf32>, tensor<8x4x16xf32>) -> tensor<1x128xf32>
  return %0 : tensor<1x128xf32>
}

// The borders, then the input between them, where nothing is asked.
// CHECK-LABEL: func.func private @padded
// CHECK:         tensor.extract_slice %{{.*}}[0] [1] [1]
// CHECK:         tensor.extract_slice %{{.*}}[9] [2] [1]
// CHECK:         tensor.extract_slice %{{.*}}[1] [8] [1]
// CHECK:         linalg.generic
// CHECK-NOT:       arith.select
// CHECK:           tensor.extract %{{.*}} : tensor<8xf32>
// CHECK-NOT:       arith.select
// CHECK:           linalg.yield
func.func private @padded(%x: tensor<8xf32>) -> tensor<11xf32> attributes {lepton.kernel} {
  %pads = lepton.constant dense<[1, 2]> : tensor<2xi64>
  %0 = lepton.pad constant %x, %pads {axes = array<i64: 0>} : (tensor<8xf32>, tensor<2xi64>) -> tensor<11xf32>
  return %0 : tensor<11xf32>
}

// An index that is the same for all elements is read and checked once.
// CHECK-LABEL: func.func private @gathered
// CHECK:         tensor.extract %{{.*}} : tensor<i64>
// CHECK:         cf.assert
// CHECK:         linalg.generic
// CHECK-NOT:       cf.assert
// CHECK:           linalg.yield
func.func private @gathered(%x: tensor<8x4xf32>, %i: tensor<i64>) -> tensor<4xf32> attributes {lepton.kernel} {
  %0 = lepton.gather %x, %i {axis = 0 : i64} : (tensor<8x4xf32>, tensor<i64>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
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
