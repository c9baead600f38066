// RUN: lepton-opt %s --lepton-map-to-gpu --canonicalize | FileCheck %s

#line = affine_map<(d0) -> (d0)>
#one = affine_map<(d0) -> ()>

module attributes {lepton.target = #lepton.target<cpu = "vulkan", vector_bits = 128, registers = 255, fma = true, shared_memory = 32768>} {
  // The sum of a line is one of each subgroup's, of whatever width, and of these.
  // CHECK-LABEL: gpu.func @Sum(
  // CHECK-SAME: workgroup(%{{.*}} : memref<256xf32, #gpu.address_space<workgroup>>
  // CHECK: %[[SUM:.*]] = gpu.subgroup_reduce add %{{.*}} : (f32) -> f32
  // CHECK: %[[LANE:.*]] = gpu.lane_id
  // CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[LANE]], %c0
  // CHECK: %[[SUBGROUP:.*]] = gpu.subgroup_id
  // CHECK: scf.if %[[FIRST]]
  // CHECK: memref.store %[[SUM]], %[[SHARED:.*]][%[[SUBGROUP]]]
  // CHECK: gpu.barrier
  // CHECK: %[[COUNT:.*]] = gpu.num_subgroups
  // CHECK: %[[INITIAL:.*]] = memref.load %[[SHARED]][%c0]
  // CHECK: scf.for %{{.*}} = %c1 to %[[COUNT]] step %c1 iter_args(%{{.*}} = %[[INITIAL]])
  // CHECK-NOT: gpu.barrier
  // CHECK: gpu.return
  func.func private @Sum(%context: !llvm.ptr, %x: memref<9x4096xf32>, %y: memref<9xf32>) attributes {lepton.kernel} {
    scf.forall (%i) in (9) {
      %part = memref.subview %x[%i, 0] [1, 4096] [1, 1] : memref<9x4096xf32> to memref<4096xf32, strided<[1], offset: ?>>
      %sum = memref.subview %y[%i] [1] [1] : memref<9xf32> to memref<f32, strided<[], offset: ?>>
      linalg.generic {indexing_maps = [#line, #one], iterator_types = ["reduction"]} ins(%part : memref<4096xf32, strided<[1], offset: ?>>) outs(%sum : memref<f32, strided<[], offset: ?>>) {
      ^bb0(%a: f32, %b: f32):
        %c = arith.addf %b, %a : f32
        linalg.yield %c : f32
      }
    } {lepton.launch = #lepton.launch<unit = block, threads = 256>}
    return
  }

  // What is no number has to stay so: the largest of integers in the order of the floats, of which that is the last.
  // CHECK-LABEL: gpu.func @Largest(
  // CHECK: %[[SIGN:.*]] = arith.shrsi %[[BITS:.*]], %c31_i32
  // CHECK: %[[MASK:.*]] = arith.andi %[[SIGN]], %c2147483647_i32
  // CHECK: %[[ORDER:.*]] = arith.xori %[[BITS]], %[[MASK]]
  // CHECK: %[[NAN:.*]] = arith.cmpf uno
  // CHECK: %[[KEY:.*]] = arith.select %[[NAN]], %c2147483647_i32, %[[ORDER]]
  // CHECK: gpu.subgroup_reduce maxsi %[[KEY]] : (i32) -> i32
  // CHECK: arith.bitcast %{{.*}} : i32 to f32
  // CHECK: gpu.return
  func.func private @Largest(%context: !llvm.ptr, %x: memref<9x4096xf32>, %y: memref<9xf32>) attributes {lepton.kernel} {
    scf.forall (%i) in (9) {
      %part = memref.subview %x[%i, 0] [1, 4096] [1, 1] : memref<9x4096xf32> to memref<4096xf32, strided<[1], offset: ?>>
      %most = memref.subview %y[%i] [1] [1] : memref<9xf32> to memref<f32, strided<[], offset: ?>>
      linalg.generic {indexing_maps = [#line, #one], iterator_types = ["reduction"]} ins(%part : memref<4096xf32, strided<[1], offset: ?>>) outs(%most : memref<f32, strided<[], offset: ?>>) {
      ^bb0(%a: f32, %b: f32):
        %c = arith.maximumf %b, %a : f32
        linalg.yield %c : f32
      }
    } {lepton.launch = #lepton.launch<unit = block, threads = 256>}
    return
  }
}
