// Matrix products by blocks, whose factors lie in shared memory slice by slice.
// RUN: lepton-opt %s --lepton-map-to-gpu | FileCheck %s

#lhs = affine_map<(i, j, k) -> (k)>
#sum = affine_map<(i, j, k) -> (i, j)>

module attributes {lepton.precision = "tf32"} {

// Two slices are on their way before the loop; in it, the third one begins when the first is there for all threads. Rows lie along the depth: ldmatrix; columns of TF32
// do not: number by number. Each warp of four has 16 by 16 of 32 by 32 sums, a thread 8 of them.
// CHECK-LABEL: gpu.func @Tf32(
// CHECK-SAME: workgroup(%{{.*}} : memref<7680xi8, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}, %{{.*}} : memref<7680xi8, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
// CHECK-COUNT-2: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache =  cg, %{{.*}}
// CHECK: nvvm.cp.async.commit.group
// CHECK-COUNT-2: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// CHECK: %[[LOOP:.*]]:8 = scf.for %{{.*}} = %c0{{.*}} to %c3{{.*}} step %c1
// CHECK: nvvm.cp.async.wait.group 1
// CHECK-NEXT: gpu.barrier
// CHECK-COUNT-2: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// CHECK: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>
// CHECK-COUNT-4: nvvm.convert.float.to.tf32
// CHECK-COUNT-4: llvm.load
// CHECK-COUNT-4: nvvm.convert.float.to.tf32
// CHECK-COUNT-4: nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<tf32>{{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 8>
// CHECK: scf.yield
// CHECK-COUNT-8: scf.if
func.func private @Tf32(%context: !llvm.ptr, %x: memref<40x44xf32>, %w: memref<44x100xf32>, %k: memref<44xi8>, %y: memref<40x100xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#lhs, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%k : memref<44xi8>) outs(%y : memref<40x100xf32>)
    attrs = {lepton.launch = #lepton.launch<unit = thread, threads = 128, rows = 32, columns = 32, tensor_cores = true, depth = 16, stages = 3>} {
  ^bb0(%in: i8, %c: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %d = linalg.index 2 : index
    %a = memref.load %x[%i, %d] : memref<40x44xf32>
    %b = memref.load %w[%d, %j] : memref<44x100xf32>
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// What was float16 is multiplied as that, whatever the precision of float32: both factors by ldmatrix, the columns transposed. Where whole tiles are all there is, nothing
// asks whether there is more.
// CHECK-LABEL: gpu.func @Half(
// CHECK: scf.for
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: gpu.barrier
// CHECK: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>
// CHECK: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<col>
// CHECK: nvvm.mma.sync {{.*}} : (vector<2xf16>, vector<2xf16>, f32)
func.func private @Half(%context: !llvm.ptr, %x: memref<32x64xf16>, %w: memref<64x32xf16>, %k: memref<64xi8>, %y: memref<32x32xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#lhs, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%k : memref<64xi8>) outs(%y : memref<32x32xf32>)
    attrs = {lepton.launch = #lepton.launch<unit = thread, threads = 128, rows = 32, columns = 32, tensor_cores = true, depth = 32, stages = 2>} {
  ^bb0(%in: i8, %c: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %d = linalg.index 2 : index
    %a = memref.load %x[%i, %d] : memref<32x64xf16>
    %b = memref.load %w[%d, %j] : memref<64x32xf16>
    %l = arith.extf %a : f16 to f32
    %r = arith.extf %b : f16 to f32
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// What has to be computed first is loaded before the multiplication, and stored after it.
// CHECK-LABEL: gpu.func @Computed(
// CHECK: scf.for
// CHECK: gpu.barrier
// CHECK: math.absf
// CHECK: nvvm.mma.sync
// CHECK: llvm.store
// CHECK: scf.yield
func.func private @Computed(%context: !llvm.ptr, %x: memref<32x64xf32>, %w: memref<64x32xf32>, %k: memref<64xi8>, %y: memref<32x32xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#lhs, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%k : memref<64xi8>) outs(%y : memref<32x32xf32>)
    attrs = {lepton.launch = #lepton.launch<unit = thread, threads = 128, rows = 32, columns = 32, tensor_cores = true, depth = 16, stages = 2>} {
  ^bb0(%in: i8, %c: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %d = linalg.index 2 : index
    %a = memref.load %x[%i, %d] : memref<32x64xf32>
    %b = memref.load %w[%d, %j] : memref<64x32xf32>
    %l = math.absf %a : f32
    %p = arith.mulf %l, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// Without tensor cores a thread multiplies 8 rows by 4 columns. What lies along the depth in memory is copied number by number, so that rows are neighbours in shared memory,
// of which four are one load.
// CHECK-LABEL: gpu.func @Threads(
// CHECK-SAME: workgroup(%{{.*}} : memref<4608xi8, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}, %{{.*}} : memref<4608xi8, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
// CHECK-COUNT-16: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 4, cache =  ca
// CHECK-COUNT-4: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache =  cg
// CHECK: %{{.*}}:32 = scf.for
// CHECK: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64}
// CHECK-COUNT-3: llvm.load %{{.*}} {alignment = 4 : i64}
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64}
// CHECK-COUNT-32: llvm.intr.fma
func.func private @Threads(%context: !llvm.ptr, %x: memref<32x64xf32>, %w: memref<64x32xf32>, %k: memref<64xi8>, %y: memref<32x32xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#lhs, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%k : memref<64xi8>) outs(%y : memref<32x32xf32>)
    attrs = {lepton.launch = #lepton.launch<unit = thread, threads = 32, rows = 32, columns = 32, depth = 16, stages = 2>} {
  ^bb0(%in: i8, %c: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %d = linalg.index 2 : index
    %a = memref.load %x[%i, %d] : memref<32x64xf32>
    %b = memref.load %w[%d, %j] : memref<64x32xf32>
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

}
