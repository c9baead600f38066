// Which matrix products blocks compute together, and by what tiles.
// RUN: lepton-opt %s --split-input-file --lepton-select-launch | FileCheck %s

#depth = affine_map<(i, j, k) -> (k)>
#sum = affine_map<(i, j, k) -> (i, j)>
#depth4 = affine_map<(n, i, j, k) -> (k)>
#sum4 = affine_map<(n, i, j, k) -> (n, i, j)>

module attributes {lepton.precision = "tf32", lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {

// CHECK-LABEL: func.func private @Large
// CHECK: lepton.launch = #lepton.launch<unit = thread, threads = 128, rows = 128, columns = 64, tensor_cores = true, depth = 16, stages = 3>
func.func private @Large(%context: !llvm.ptr, %x: memref<2048x64xf32>, %w: memref<64x1024xf32>, %k: memref<64xi8>, %y: memref<2048x1024xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#depth, #sum], iterator_types = ["parallel", "parallel", "reduction"]} ins(%k : memref<64xi8>) outs(%y : memref<2048x1024xf32>) {
  ^bb0(%in: i8, %c: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %d = linalg.index 2 : index
    %a = memref.load %x[%i, %d] : memref<2048x64xf32>
    %b = memref.load %w[%d, %j] : memref<64x1024xf32>
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// Smaller tiles, so that there are enough blocks; of a batch the loop that both factors have is no row.
// CHECK-LABEL: func.func private @Batch
// CHECK: lepton.launch = #lepton.launch<unit = thread, threads = 128, rows = 64, row_loop = 1, columns = 64, tensor_cores = true, depth = 16, stages = 3>
func.func private @Batch(%context: !llvm.ptr, %x: memref<8x256x64xf32>, %w: memref<8x64x256xf32>, %k: memref<64xi8>, %y: memref<8x256x256xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#depth4, #sum4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%k : memref<64xi8>) outs(%y : memref<8x256x256xf32>) {
  ^bb0(%in: i8, %c: f32):
    %n = linalg.index 0 : index
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %d = linalg.index 3 : index
    %a = memref.load %x[%n, %i, %d] : memref<8x256x64xf32>
    %b = memref.load %w[%n, %d, %j] : memref<8x64x256xf32>
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// A slice would hold little but zeros.
// CHECK-LABEL: func.func private @Shallow
// CHECK: lepton.launch
// CHECK-NOT: tensor_cores
func.func private @Shallow(%context: !llvm.ptr, %x: memref<2048x20xf32>, %w: memref<20x1024xf32>, %k: memref<20xi8>, %y: memref<2048x1024xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#depth, #sum], iterator_types = ["parallel", "parallel", "reduction"]} ins(%k : memref<20xi8>) outs(%y : memref<2048x1024xf32>) {
  ^bb0(%in: i8, %c: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %d = linalg.index 2 : index
    %a = memref.load %x[%i, %d] : memref<2048x20xf32>
    %b = memref.load %w[%d, %j] : memref<20x1024xf32>
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

}

// -----

#depth = affine_map<(i, j, k) -> (k)>
#sum = affine_map<(i, j, k) -> (i, j)>

module attributes {lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {

// Float32 as such: the threads multiply themselves, two blocks on each processor at least.
// CHECK-LABEL: func.func private @Exact
// CHECK: lepton.launch = #lepton.launch<unit = thread, threads = 128, rows = 64, columns = 64, depth = 16, stages = 3>
func.func private @Exact(%context: !llvm.ptr, %x: memref<1024x64xf32>, %w: memref<64x1024xf32>, %k: memref<64xi8>, %y: memref<1024x1024xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#depth, #sum], iterator_types = ["parallel", "parallel", "reduction"]} ins(%k : memref<64xi8>) outs(%y : memref<1024x1024xf32>) {
  ^bb0(%in: i8, %c: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %d = linalg.index 2 : index
    %a = memref.load %x[%i, %d] : memref<1024x64xf32>
    %b = memref.load %w[%d, %j] : memref<64x1024xf32>
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

}
