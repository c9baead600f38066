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
