// Steps of kernels become functions of the GPU.
// RUN: lepton-opt %s --lepton-map-to-gpu --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s

#identity = affine_map<(d0, d1) -> (d0, d1)>
#kept = affine_map<(d0, d1) -> (d0)>
#row = affine_map<(d0) -> (d0)>
module attributes {lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {

// A sum of each line, and what is made of it, are one launch: what the first step leaves the second is in a register.
// CHECK-LABEL: gpu.func @OneLaunch(
// CHECK-NOT: step
// CHECK: gpu.thread_id x
// CHECK: %[[SUM:.*]] = scf.for
// CHECK-NEXT: memref.load
// CHECK-NEXT: arith.addf
// CHECK: arith.addf
// CHECK: memref.store
// CHECK: gpu.return
func.func private @OneLaunch(%context: !llvm.ptr, %x: memref<100x7xf32>, %y: memref<100xf32>) attributes {lepton.kernel} {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %sum = memref.alloca() : memref<100xf32>
  linalg.fill {lepton.launch = #lepton.launch<unit = thread>} ins(%zero : f32) outs(%sum : memref<100xf32>)
  linalg.generic {indexing_maps = [#identity, #kept], iterator_types = ["parallel", "reduction"]}
    ins(%x : memref<100x7xf32>) outs(%sum : memref<100xf32>) attrs = {lepton.launch = #lepton.launch<unit = thread>} {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %b : f32
    linalg.yield %c : f32
  }
  linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]}
    ins(%sum : memref<100xf32>) outs(%y : memref<100xf32>) attrs = {lepton.launch = #lepton.launch<unit = thread>} {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %one : f32
    linalg.yield %c : f32
  }
  return
}

// A tile of two rows: its sums run side by side, in a loop of which four iterations are one. Where the last thread has no whole tile, one column at a time.
// CHECK-LABEL: gpu.func @Tile(
// CHECK: scf.if
// CHECK: %[[SUMS:.*]]:4 = scf.for %{{.*}} = %c0 to %c8 step %c4
// CHECK-COUNT-16: arith.addf
// CHECK: scf.yield
// CHECK-COUNT-4: memref.store %[[SUMS]]
// CHECK: else
// CHECK: scf.for
// CHECK: scf.for %{{.*}} = %c0 to %c8 step %c4
func.func private @Tile(%context: !llvm.ptr, %x: memref<4x8xf32>, %w: memref<8x100xf32>, %y: memref<4x100xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : memref<4x8xf32>, memref<8x100xf32>) outs(%y : memref<4x100xf32>)
    attrs = {lepton.launch = #lepton.launch<unit = thread, threads = 64, rows = 2, columns = 2>} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// Four threads for each sum: the first begins with what the destination holds, the others with nothing; two halvings, with a barrier in front of each.
// CHECK-LABEL: gpu.func @Parts(
// CHECK-SAME: workgroup(%{{.*}} : memref<1x64xf32, #gpu.address_space<workgroup>>)
// CHECK: arith.select %{{.*}}, %{{.*}}, %cst
// CHECK: scf.for
// CHECK: memref.store
// CHECK-NEXT: gpu.barrier
// CHECK: arith.addf
// CHECK: gpu.barrier
// CHECK: arith.addf
// CHECK-NOT: gpu.barrier
// CHECK: gpu.return
func.func private @Parts(%context: !llvm.ptr, %x: memref<100x64xf32>, %y: memref<100xf32>) attributes {lepton.kernel} {
  linalg.generic {indexing_maps = [#identity, #kept], iterator_types = ["parallel", "reduction"]}
    ins(%x : memref<100x64xf32>) outs(%y : memref<100xf32>) attrs = {lepton.launch = #lepton.launch<unit = thread, threads = 64, parts = 4>} {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    linalg.yield %c : f32
  }
  return
}

// Elements that other threads have written want a launch of their own.
// CHECK-LABEL: gpu.func @Neighbours_step0(
// CHECK-LABEL: gpu.func @Neighbours_step1(
func.func private @Neighbours(%context: !llvm.ptr, %x: memref<100xf32>, %y: memref<100xf32>) attributes {lepton.kernel} {
  %c99 = arith.constant 99 : index
  %copy = memref.alloca() : memref<100xf32>
  memref.copy %x, %copy {lepton.launch = #lepton.launch<unit = thread>} : memref<100xf32> to memref<100xf32>
  linalg.generic {indexing_maps = [#row], iterator_types = ["parallel"]} outs(%y : memref<100xf32>) attrs = {lepton.launch = #lepton.launch<unit = thread>} {
  ^bb0(%b: f32):
    %i = linalg.index 0 : index
    %j = arith.subi %c99, %i : index
    %a = memref.load %copy[%j] : memref<100xf32>
    linalg.yield %a : f32
  }
  return
}

// A block for each iteration: its threads share out the elements, a buffer lies in shared memory, and a barrier stands between what writes it and what reads it.
// CHECK-LABEL: gpu.func @Blocks(
// CHECK-SAME: workgroup(%{{.*}} : memref<64xf32, #gpu.address_space<workgroup>>)
// CHECK: scf.for %{{.*}} = %[[THREAD:.*]] to %c64 step %c32
// CHECK: memref.store
// CHECK: gpu.barrier
// CHECK: scf.for %{{.*}} = %[[THREAD]] to %c64 step %c32
// CHECK: memref.load
// CHECK-NOT: gpu.barrier
// CHECK: gpu.return
func.func private @Blocks(%context: !llvm.ptr, %y: memref<9x64xf32>) attributes {lepton.kernel} {
  %one = arith.constant 1.0 : f32
  %c63 = arith.constant 63 : index
  scf.forall (%i) in (9) {
    %buffer = memref.alloca() : memref<64xf32>
    linalg.fill ins(%one : f32) outs(%buffer : memref<64xf32>)
    %line = memref.subview %y[%i, 0] [1, 64] [1, 1] : memref<9x64xf32> to memref<64xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#row], iterator_types = ["parallel"]} outs(%line : memref<64xf32, strided<[1], offset: ?>>) {
    ^bb0(%b: f32):
      %k = linalg.index 0 : index
      %j = arith.subi %c63, %k : index
      %a = memref.load %buffer[%j] : memref<64xf32>
      linalg.yield %a : f32
    }
  } {lepton.launch = #lepton.launch<unit = block, threads = 32>}
  return
}

// What shared memory cannot hold lies in the GPU's, of which the host allocates as much as there are blocks.
// CHECK-LABEL: gpu.func @Scratch(
// CHECK-NOT: workgroup
// CHECK: gpu.return
func.func private @Scratch(%context: !llvm.ptr, %y: memref<9x16384xf32>) attributes {lepton.kernel} {
  %one = arith.constant 1.0 : f32
  scf.forall (%i) in (9) {
    %buffer = memref.alloca() : memref<16384xf32>
    linalg.fill ins(%one : f32) outs(%buffer : memref<16384xf32>)
    %line = memref.subview %y[%i, 0] [1, 16384] [1, 1] : memref<9x16384xf32> to memref<16384xf32, strided<[1], offset: ?>>
    memref.copy %buffer, %line : memref<16384xf32> to memref<16384xf32, strided<[1], offset: ?>>
  } {lepton.launch = #lepton.launch<unit = block, threads = 32>}
  return
}

// A failed check is a number in a word that the host reads.
// CHECK-LABEL: gpu.func @Check(
// CHECK: %[[FAILS:.*]] = arith.xori
// CHECK-NEXT: scf.if %[[FAILS]]
// CHECK-NEXT: memref.store %c1_i32
func.func private @Check(%context: !llvm.ptr, %at: memref<8xi1>, %y: memref<8xf32>) attributes {lepton.kernel} {
  %one = arith.constant 1.0 : f32
  linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]}
    ins(%at : memref<8xi1>) outs(%y : memref<8xf32>) attrs = {lepton.launch = #lepton.launch<unit = thread>} {
  ^bb0(%ok: i1, %b: f32):
    lrt.check %context, %ok, "an index is out of range"
    linalg.yield %one : f32
  }
  return
}

// The host launches.
// CHECK-LABEL: func.func private @OneLaunch
// CHECK-NOT: lrt.alloc
// CHECK: lrt.launch %{{.*}}, @kernels::@OneLaunch, %c1 threads 256
// CHECK-LABEL: func.func private @Neighbours
// CHECK: lrt.alloc
// CHECK: lrt.launch %{{.*}}, @kernels::@Neighbours_step0
// CHECK: lrt.launch %{{.*}}, @kernels::@Neighbours_step1
// CHECK: lrt.dealloc
// CHECK-LABEL: func.func private @Blocks
// CHECK: lrt.launch %{{.*}}, @kernels::@Blocks, %c9 threads 32
// CHECK-LABEL: func.func private @Scratch
// CHECK: %[[MEMORY:.*]] = lrt.alloc %{{.*}}(%c9) : memref<?x16384xf32>
// CHECK: lrt.launch
// CHECK-SAME: %[[MEMORY]]
// CHECK-LABEL: func.func private @Check
// CHECK: lrt.fault
}

// -----

module attributes {lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
// A constant that two functions read is in the GPU's module, once.
// CHECK-LABEL: gpu.module @kernels
// CHECK: memref.get_global @table
// CHECK: memref.get_global @table
// CHECK: memref.global "private" constant @table
// CHECK-NEXT: }
memref.global "private" constant @table : memref<2xf32> = dense<[2.5, 3.5]>
func.func private @First(%context: !llvm.ptr, %y: memref<2xf32>) attributes {lepton.kernel} {
  %table = memref.get_global @table : memref<2xf32>
  linalg.copy {lepton.launch = #lepton.launch<unit = thread>} ins(%table : memref<2xf32>) outs(%y : memref<2xf32>)
  return
}
func.func private @Second(%context: !llvm.ptr, %y: memref<2xf32>) attributes {lepton.kernel} {
  %table = memref.get_global @table : memref<2xf32>
  linalg.copy {lepton.launch = #lepton.launch<unit = thread>} ins(%table : memref<2xf32>) outs(%y : memref<2xf32>)
  return
}
}

// -----

module attributes {lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
func.func private @Strings(%context: !llvm.ptr, %x: memref<3xi64>, %y: memref<3xi64>) attributes {lepton.kernel} {
  // expected-error @+1 {{is computed by the runtime, on the CPU alone; compile it for a CPU}}
  lrt.call %context, "lepton_rt_string_case" (%x : memref<3xi64>) into (%y : memref<3xi64>) {dtypes = array<i32: 8, 8>, numbers = array<i64: 1>}
  return
}
}

// -----

module attributes {lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
func.func private @UnknownSize(%context: !llvm.ptr, %size: memref<index>, %y: memref<?xf32>) attributes {lepton.kernel, lepton.launch = #lepton.launch<unit = block>} {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = memref.load %size[] : memref<index>
  // expected-error @+1 {{needs memory of a size that only the GPU knows, which there is not yet}}
  %buffer = lrt.alloc %context(%n) : memref<?xf32>
  memref.store %zero, %buffer[%c0] : memref<?xf32>
  memref.copy %buffer, %y : memref<?xf32> to memref<?xf32>
  return
}
}
