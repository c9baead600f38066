// RUN: lepton-opt %s --split-input-file --lepton-vectorize-contraction --canonicalize --cse | FileCheck %s

// Columns outside, rows inside, and within the reduction loop only loads of A and B.

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>
#a = affine_map<(m, n0, n1, k) -> (m, k)>
#b = affine_map<(m, n0, n1, k) -> (n0, k, n1)>
#c = affine_map<(m, n0, n1, k) -> (m, n0 * 16 + n1)>

// CHECK-LABEL: func @MatmulKeepsAccumulatorsInRegisters
// CHECK-DAG:     %[[A:.*]] = memref.reinterpret_cast %arg0 to offset: [0], sizes: [768], strides: [1]
// CHECK-DAG:     %[[B:.*]] = memref.reinterpret_cast %arg1 to offset: [0], sizes: [2048], strides: [1]
// CHECK-DAG:     %[[C:.*]] = memref.reinterpret_cast %arg2 to offset: [0], sizes: [384], strides: [1]
// CHECK:         scf.for %{{.*}} = %c0 to %c2 step %c1 {
// CHECK:           scf.for %{{.*}} = %c0 to %c12 step %c6 {
// CHECK-COUNT-12:    vector.load %[[C]]{{.*}} vector<8xf32>
// CHECK-NOT:         vector.load
// CHECK:             %[[R:.*]]:12 = scf.for {{.*}} to %c64 step %c1 iter_args(
// CHECK-NOT:           %[[C]]
// CHECK-COUNT-2:       vector.load %[[B]]{{.*}} vector<8xf32>
// CHECK-NOT:           vector.load
// CHECK:               %[[S:.*]] = memref.load %[[A]]
// CHECK:               %[[V:.*]] = vector.broadcast %[[S]] : f32 to vector<8xf32>
// CHECK-COUNT-2:       vector.fma %[[V]], {{.*}} : vector<8xf32>
// CHECK-COUNT-10:      vector.fma
// CHECK-NEXT:          scf.yield
// CHECK-COUNT-12:    vector.store %[[R]]#{{.*}}, %[[C]]
// CHECK-NOT:         vector.store
// CHECK-NOT:     linalg.generic

func.func @MatmulKeepsAccumulatorsInRegisters(%A: memref<12x64xf32>, %B: memref<2x64x16xf32>, %C: memref<12x32xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<12x64xf32>, memref<2x64x16xf32>) outs(%C : memref<12x32xf32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b fastmath<contract> : f32
    %s = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// The accumulators go through every reduction loop, so C is read and written once; the same rows of pixels are the block.

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>
#x = affine_map<(n, oh, ow, oc0, oc1, kh, kw, ic) -> (n, oh * 2 + kh, ow * 2 + kw, ic)>
#w = affine_map<(n, oh, ow, oc0, oc1, kh, kw, ic) -> (oc0, kh, kw, ic, oc1)>
#y = affine_map<(n, oh, ow, oc0, oc1, kh, kw, ic) -> (n, oh, ow, oc0 * 16 + oc1)>

// CHECK-LABEL: func @ConvolutionCarriesAccumulatorsThroughAllReductions
// CHECK-DAG:     %[[Y:.*]] = memref.reinterpret_cast %arg2
// CHECK:         scf.for {{.*}} to %c4 step %c1 {
// CHECK:           scf.for {{.*}} to %c12 step %c1 {
// CHECK:             scf.for {{.*}} to %c12 step %c6 {
// CHECK-COUNT-12:      vector.load %[[Y]]
// CHECK:               %[[R:.*]]:12 = scf.for {{.*}} to %c3 step %c1 iter_args(
// CHECK-NEXT:            arith.muli
// CHECK:                 %[[R1:.*]]:12 = scf.for {{.*}} to %c3 step %c1 iter_args(
// CHECK:                   %[[R2:.*]]:12 = scf.for {{.*}} to %c32 step %c1 iter_args(
// CHECK-NOT:                 %[[Y]]
// CHECK-COUNT-12:            vector.fma
// CHECK:                     scf.yield
// CHECK:                   scf.yield %[[R2]]#0
// CHECK:                 scf.yield %[[R1]]#0
// CHECK-COUNT-12:      vector.store %[[R]]#{{.*}}, %[[Y]]
// CHECK-NOT:     vector.fma
func.func @ConvolutionCarriesAccumulatorsThroughAllReductions(%X: memref<1x25x25x32xf32>, %W: memref<4x3x3x32x16xf32>,
                                                              %Y: memref<1x12x12x64xf32>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel",
                                                                  "reduction", "reduction", "reduction"]}
      ins(%X, %W : memref<1x25x25x32xf32>, memref<4x3x3x32x16xf32>) outs(%Y : memref<1x12x12x64xf32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %c : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Three channels need no loop.

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>
#x = affine_map<(oh, ow, oc, kh, kw, ic) -> (oh + kh, ow + kw, ic)>
#w = affine_map<(oh, ow, oc, kh, kw, ic) -> (kh, kw, ic, oc)>
#y = affine_map<(oh, ow, oc, kh, kw, ic) -> (oh, ow, oc)>

// CHECK-LABEL: func @ShortReductionLoopsDisappear
// CHECK:         scf.for {{.*}} to %c7 step %c1 iter_args(
// CHECK:           scf.for {{.*}} to %c7 step %c1 iter_args(
// CHECK-NOT:         scf.for
// CHECK-COUNT-36:    vector.fma
// CHECK-NEXT:        scf.yield
func.func @ShortReductionLoopsDisappear(%X: memref<12x12x3xf32>, %W: memref<7x7x3x16xf32>, %Y: memref<6x6x16xf32>) {
  linalg.generic {indexing_maps = [#x, #w, #y],
                  iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%X, %W : memref<12x12x3xf32>, memref<7x7x3x16xf32>) outs(%Y : memref<6x6x16xf32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// 8 rows are one block of 6 and one of exactly 2; 19 columns are two vectors and three lanes of a third.

// CHECK-LABEL: func @StaticEdgesGetBlocksOfTheirOwn
// CHECK:         %[[MASK:.*]] = {{arith.constant dense|vector.constant_mask}}
// CHECK:         %{{.*}}:12 = scf.for {{.*}} iter_args
// CHECK:         %{{.*}}:4 = scf.for {{.*}} iter_args
// CHECK-COUNT-6: vector.maskedload
// CHECK:         %{{.*}}:6 = scf.for {{.*}} iter_args
// CHECK:           vector.maskedload
// CHECK-COUNT-6:   vector.fma
// CHECK-COUNT-6: vector.maskedstore
// CHECK:         %{{.*}}:2 = scf.for {{.*}} iter_args
// CHECK-COUNT-2: vector.maskedstore

// Without masks: vectors of 2 and 1 lanes.
func.func @StaticEdgesGetBlocksOfTheirOwn(%A: memref<8x64xf32>, %B: memref<64x19xf32>, %C: memref<8x19xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<8x64xf32>, memref<64x19xf32>) outs(%C : memref<8x19xf32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// CHECK-LABEL: func @DynamicEdgesShrinkByPowersOfTwo
// CHECK-DAG:     %[[M:.*]] = memref.dim %arg0, %c0
// CHECK-DAG:     %[[K:.*]] = memref.dim %arg0, %c1
// CHECK-DAG:     arith.remui %[[M]], %c6
// CHECK:         scf.for {{.*}} step %c6 {
// CHECK:           %{{.*}}:12 = scf.for {{.*}} to %[[K]] step %c1 iter_args
// CHECK:         scf.for {{.*}} step %c4 {
// CHECK:           %{{.*}}:8 = scf.for {{.*}} to %[[K]] step %c1 iter_args
// CHECK:         scf.for {{.*}} step %c2 {
// CHECK:           %{{.*}}:4 = scf.for {{.*}} to %[[K]] step %c1 iter_args
// CHECK:         scf.for {{.*}} step %c1 {
// CHECK:           %{{.*}}:2 = scf.for {{.*}} to %[[K]] step %c1 iter_args
// CHECK:         vector.create_mask
// CHECK:         vector.maskedstore
func.func @DynamicEdgesShrinkByPowersOfTwo(%A: memref<?x?xf32>, %B: memref<?x?xf32>, %C: memref<?x?xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<?x?xf32>, memref<?x?xf32>) outs(%C : memref<?x?xf32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>

// B is contiguous along k only: six rows times two columns of dot products, 32 elements by vectors and 3 under a mask.

// CHECK-LABEL: func @TransposedMatrixTakesDotProducts
// CHECK:         %[[R:.*]]:12 = scf.for {{.*}} to %c32 step %c8 iter_args
// CHECK-COUNT-8:   vector.load
// CHECK-NOT:       vector.load
// CHECK:           scf.yield
// CHECK-COUNT-8: vector.maskedload
// CHECK:         vector.fma {{.*}}, %[[R]]#
// CHECK:         %[[SUM:.*]] = vector.reduction <add>, %{{.*}} fastmath<reassoc> : vector<8xf32> into f32
// CHECK-NEXT:    %[[OLD:.*]] = memref.load
// CHECK-NEXT:    %[[NEW:.*]] = arith.addf %[[OLD]], %[[SUM]]
// CHECK-NEXT:    memref.store %[[NEW]]
func.func @TransposedMatrixTakesDotProducts(%A: memref<6x35xf32>, %B: memref<2x35xf32>, %C: memref<6x2xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<6x35xf32>, memref<2x35xf32>) outs(%C : memref<6x2xf32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// The extension of A and its zero point run on the scalar, before the broadcast.

// CHECK-LABEL: func @ExtensionsStayInTheLoop
// CHECK:         scf.for {{.*}} iter_args
// CHECK:           %[[B:.*]] = vector.load {{.*}} vector<8xi8>
// CHECK:           arith.extsi %[[B]] : vector<8xi8> to vector<8xi32>
// CHECK:           %[[A:.*]] = memref.load
// CHECK:           %[[E:.*]] = arith.extui %[[A]] : i8 to i32
// CHECK:           %[[Z:.*]] = arith.subi %[[E]], %arg3 : i32
// CHECK:           vector.broadcast %[[Z]] : i32 to vector<8xi32>
// CHECK:           %[[P:.*]] = arith.muli {{.*}} vector<8xi32>
// CHECK:           arith.addi {{.*}}, %[[P]] : vector<8xi32>
func.func @ExtensionsStayInTheLoop(%A: memref<6x64xi8>, %B: memref<64x16xi8>, %C: memref<6x16xi32>, %zero: i32) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<6x64xi8>, memref<64x16xi8>) outs(%C : memref<6x16xi32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %az = arith.subi %ax, %zero : i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %az, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  }
  return
}

// -----

#schedule = #lepton.schedule<algorithm = register_block, lanes = 4, rows = 2, vectors = 1>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// Two steps of the reduction at a time: two vectors of B interleave, two elements of A are broadcast as one, neighbouring products are added. The last of
// an odd number of steps goes alone.

// CHECK-LABEL: func @IntegersMultiplyInPairs
// CHECK:         scf.for {{.*}} to %c64 step %c2 iter_args
// CHECK-COUNT-2:   vector.load {{.*}} vector<4xi16>
// CHECK:           vector.interleave {{.*}} : vector<4xi16> -> vector<8xi16>
// CHECK:           %[[B:.*]] = arith.extsi {{.*}} : vector<8xi16> to vector<8xi32>
// CHECK:           vector.load {{.*}} vector<2xi16>
// CHECK:           vector.broadcast {{.*}} : i32 to vector<4xi32>
// CHECK:           %[[A:.*]] = arith.extsi {{.*}} : vector<8xi16> to vector<8xi32>
// CHECK:           %[[P:.*]] = arith.muli %[[A]], %[[B]] : vector<8xi32>
// CHECK-DAG:       vector.shuffle %[[P]], %[[P]] [0, 2, 4, 6]
// CHECK-DAG:       vector.shuffle %[[P]], %[[P]] [1, 3, 5, 7]
// CHECK-COUNT-2:   arith.addi {{.*}} vector<4xi32>
// CHECK:         memref.load {{.*}} memref<{{.*}}xi16
// CHECK-NOT:     vector.shuffle
func.func @IntegersMultiplyInPairs(%A: memref<2x65xi16>, %B: memref<65x4xi16>, %C: memref<2x4xi32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<2x65xi16>, memref<65x4xi16>) outs(%C : memref<2x4xi32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: i16, %b: i16, %c: i32):
    %ax = arith.extsi %a : i16 to i32
    %bx = arith.extsi %b : i16 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  }
  return
}

// -----

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>
#x = affine_map<(oh, ow, c, kh, kw) -> (oh + kh, ow + kw, c)>
#w = affine_map<(oh, ow, c, kh, kw) -> (kh, kw, c)>
#y = affine_map<(oh, ow, c, kh, kw) -> (oh, ow, c)>

// CHECK-LABEL: func @DepthwiseLoadsVectorsOfBoth
// CHECK-NOT:     vector.broadcast
// CHECK-COUNT-108: vector.fma
// CHECK-NOT:     vector.fma
func.func @DepthwiseLoadsVectorsOfBoth(%X: memref<8x8x32xf32>, %W: memref<3x3x32xf32>, %Y: memref<6x6x32xf32>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%X, %W : memref<8x8x32xf32>, memref<3x3x32xf32>) outs(%Y : memref<6x6x32xf32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @OtherReductionsStay
// CHECK:         linalg.generic
func.func @OtherReductionsStay(%A: memref<6x64xf32>, %B: memref<64x16xf32>, %C: memref<6x16xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<6x64xf32>, memref<64x16xf32>) outs(%C : memref<6x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.maximumf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// After a fill with zero nothing is loaded from C, and the fill goes.

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @StartsAtZero
// CHECK-NOT:     linalg.fill
// CHECK:         %[[Z:.*]] = arith.constant dense<0.000000e+00> : vector<8xf32>
// CHECK:         scf.for {{.*}} iter_args(%{{.*}} = %[[Z]], %{{.*}} = %[[Z]],
func.func @StartsAtZero(%A: memref<6x64xf32>, %B: memref<64x16xf32>, %C: memref<6x16xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%C : memref<6x16xf32>)
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<6x64xf32>, memref<64x16xf32>) outs(%C : memref<6x16xf32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// A sum of 1201 products is one of two sums of 401, and what is left; the totals go through the loop over those alone.

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 2, vectors = 1>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @LongSumsGoByParts
// CHECK:         %[[T:.*]]:2 = scf.for %[[FROM:.*]] = %c0 to %c802 step %c401 iter_args(%[[T0:.*]] = %{{.*}}, %[[T1:.*]] = %{{.*}})
// CHECK:           %[[TO:.*]] = arith.addi %[[FROM]], %c401
// CHECK:           %[[S:.*]]:2 = scf.for %{{.*}} = %[[FROM]] to %[[TO]] step %c1 iter_args(%{{.*}} = %cst, %{{.*}} = %cst)
// CHECK-COUNT-2:     vector.fma
// CHECK:           arith.addf %[[T0]], %[[S]]#0
// CHECK:           arith.addf %[[T1]], %[[S]]#1
// CHECK:         %[[R:.*]]:2 = scf.for %{{.*}} = %c802 to %c1201 step %c1 iter_args(%{{.*}} = %[[T]]#0, %{{.*}} = %[[T]]#1)
// CHECK:         vector.store %[[R]]#0
func.func @LongSumsGoByParts(%A: memref<2x1201xf32>, %B: memref<1201x8xf32>, %C: memref<2x8xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<2x1201xf32>, memref<1201x8xf32>) outs(%C : memref<2x8xf32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b fastmath<contract> : f32
    %s = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// A batch of sums is minimal filtering's, which needs them more exact.

#schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 1, vectors = 1>
#a = affine_map<(b, m, n, k) -> (b, m, k)>
#b = affine_map<(b, m, n, k) -> (b, k, n)>
#c = affine_map<(b, m, n, k) -> (b, m, n)>

// CHECK-LABEL: func @SumsOfABatchGoByShorterParts
// CHECK:         scf.for %{{.*}} = %c0 to %c36 step %c1 {
// CHECK:           %[[T:.*]] = scf.for %{{.*}} = %c0 to %c256 step %c128 iter_args(
// CHECK:           vector.store %[[T]]
func.func @SumsOfABatchGoByShorterParts(%A: memref<36x1x256xf32>, %B: memref<36x256x8xf32>, %C: memref<36x1x8xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<36x1x256xf32>, memref<36x256x8xf32>) outs(%C : memref<36x1x8xf32>) attrs = {lepton.schedule = #schedule} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b fastmath<contract> : f32
    %s = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %s : f32
  }
  return
}
