// RUN: lepton-opt %s --lepton-plan-memory | FileCheck %s

// Largest first, the third buffer would lie over the fourth, and the second over both: 512 bytes. What lives at one time is 448, and that is enough.
// CHECK: module attributes {
// CHECK-SAME: lepton.arena_bytes = 448 : i64
// CHECK-SAME: lepton.live_bytes = 448 : i64
module {
  func.func private @f(!llvm.ptr, memref<64xf32>, memref<32xf32>) attributes {lepton.kernel}
  func.func private @g(!llvm.ptr, memref<48xf32>, memref<32xf32>) attributes {lepton.kernel}
  func.func private @h(!llvm.ptr, memref<32xf32>, memref<48xf32>, memref<32xf32>) attributes {lepton.kernel}
  func.func @main(%ctx: !llvm.ptr) {
    %a = memref.alloc() : memref<64xf32>
    %b = memref.alloc() : memref<32xf32>
    call @f(%ctx, %a, %b) : (!llvm.ptr, memref<64xf32>, memref<32xf32>) -> ()
    %c = memref.alloc() : memref<48xf32>
    %d = memref.alloc() : memref<32xf32>
    call @g(%ctx, %c, %d) : (!llvm.ptr, memref<48xf32>, memref<32xf32>) -> ()
    call @h(%ctx, %b, %c, %d) : (!llvm.ptr, memref<32xf32>, memref<48xf32>, memref<32xf32>) -> ()
    return
  }
}
