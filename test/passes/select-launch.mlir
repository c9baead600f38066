// How each step of a kernel is spread over a GPU.
// RUN: lepton-opt %s --lepton-select-launch | FileCheck %s

#identity = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0) -> (d0)>

// Many elements, in lines of a multiple of four: a thread computes four of them, which are 16 bytes.
// CHECK-LABEL: func.func private @ManyElements
// CHECK: linalg.generic
// CHECK-SAME: lepton.launch = #lepton.launch<unit = thread, width = 4>
func.func private @ManyElements(%context: !llvm.ptr, %x: memref<512x256xf32>, %y: memref<512x256xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#identity, #identity], iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<512x256xf32>) outs(%y : memref<512x256xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}

// Few elements: one each, so that more threads take part.
// CHECK-LABEL: func.func private @FewElements
// CHECK: linalg.generic
// CHECK-SAME: lepton.launch = #lepton.launch<unit = thread>
func.func private @FewElements(%context: !llvm.ptr, %x: memref<8x4xf32>, %y: memref<8x4xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#identity, #identity], iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<8x4xf32>) outs(%y : memref<8x4xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}

// An iteration with parallel work inside gets a block; with little of it, a thread.
// CHECK-LABEL: func.func private @Iterations
// CHECK: linalg.fill
// CHECK: lepton.launch = #lepton.launch<unit = block, threads = 128>
// CHECK: linalg.fill
// CHECK: lepton.launch = #lepton.launch<unit = thread>
func.func private @Iterations(%context: !llvm.ptr, %y: memref<9x100xf32>, %z: memref<9x2xf32>) attributes {lepton.kernel} {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) in (9) {
    %line = memref.subview %y[%i, 0] [1, 100] [1, 1] : memref<9x100xf32> to memref<100xf32, strided<[1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%line : memref<100xf32, strided<[1], offset: ?>>)
  }
  scf.forall (%i) in (9) {
    %line = memref.subview %z[%i, 0] [1, 2] [1, 1] : memref<9x2xf32> to memref<2xf32, strided<[1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%line : memref<2xf32, strided<[1], offset: ?>>)
  }
  return
}

// An outermost loop in order is no step: one block runs the whole kernel.
// CHECK-LABEL: func.func private @InOrder
// CHECK-SAME: lepton.launch = #lepton.launch<unit = block>
// CHECK-NOT: lepton.launch
func.func private @InOrder(%context: !llvm.ptr, %y: memref<9x100xf32>) attributes {lepton.kernel} {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  scf.for %i = %c0 to %c9 step %c1 {
    memref.store %zero, %y[%i, %c0] : memref<9x100xf32>
  }
  return
}

// What was chosen by hand stays.
// CHECK-LABEL: func.func private @ByHand
// CHECK: lepton.launch = #lepton.launch<unit = thread, threads = 64>
func.func private @ByHand(%context: !llvm.ptr, %y: memref<9xf32>) attributes {lepton.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill {lepton.launch = #lepton.launch<unit = thread, threads = 64>} ins(%zero : f32) outs(%y : memref<9xf32>)
  return
}

// A product: of many elements a thread has a tile, whose rows lie along the loop that the left operand has and the innermost loop has not.
// CHECK-LABEL: func.func private @Product
// CHECK: linalg.generic
// CHECK-SAME: lepton.launch = #lepton.launch<unit = thread, rows = 8, columns = 4>
#lhs = affine_map<(i, j, k) -> (i, k)>
#rhs = affine_map<(i, j, k) -> (k, j)>
#sum = affine_map<(i, j, k) -> (i, j)>
func.func private @Product(%context: !llvm.ptr, %a: memref<2048x128xf32>, %b: memref<128x1024xf32>, %c: memref<2048x1024xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : memref<2048x128xf32>, memref<128x1024xf32>) outs(%c : memref<2048x1024xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// Of few elements with long sums several threads share each.
// CHECK-LABEL: func.func private @LongSums
// CHECK: linalg.generic
// CHECK-SAME: lepton.launch = #lepton.launch<unit = thread, parts = 16>
func.func private @LongSums(%context: !llvm.ptr, %a: memref<1x4096xf32>, %b: memref<4096x100xf32>, %c: memref<1x100xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : memref<1x4096xf32>, memref<4096x100xf32>) outs(%c : memref<1x100xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}
