// Functions of a GPU become functions of the dialects llvm and rocdl, whose buffers are aligned, do not alias, and are global by their types.
// RUN: lepton-opt %s --lepton-phase-rocdl --split-input-file --verify-diagnostics | FileCheck %s

module attributes {lepton.target = #lepton.target<cpu = "gfx942", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
gpu.module @kernels {
  // CHECK-LABEL: llvm.func @exp
  // CHECK-SAME: %[[BUFFER:.*]]: !llvm.ptr<1> {llvm.align = 64 : i64, llvm.noalias}
  // CHECK-SAME: rocdl.kernel
  // CHECK-SAME: rocdl.reqd_work_group_size = array<i32: 256, 1, 1>
  // CHECK: llvm.addrspacecast %[[BUFFER]] : !llvm.ptr<1> to !llvm.ptr
  // CHECK: rocdl.workitem.id.x
  // CHECK-NOT: llvm.call
  // CHECK: llvm.intr.fma
  // CHECK: llvm.store
  gpu.func @exp(%address: !llvm.ptr, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %x = lrt.view %address(%n) : memref<?xf32>
    %i = gpu.thread_id x
    %a = memref.load %x[%i] : memref<?xf32>
    %b = math.exp %a : f32
    memref.store %b, %x[%i] : memref<?xf32>
    gpu.return
  }

  // CHECK: llvm.mlir.global private constant @table(dense<[2.500000e+00, 3.500000e+00]> : tensor<2xf32>) {addr_space = 1 : i32
  // CHECK-LABEL: llvm.func @constant
  // CHECK: %[[TABLE:.*]] = llvm.mlir.addressof @table : !llvm.ptr<1>
  // CHECK: llvm.addrspacecast %[[TABLE]] : !llvm.ptr<1> to !llvm.ptr
  memref.global "private" constant @table : memref<2xf32> = dense<[2.5, 3.5]>
  gpu.func @constant(%address: !llvm.ptr) kernel attributes {known_block_size = array<i32: 2, 1, 1>} {
    %x = lrt.view %address() : memref<2xf32>
    %table = memref.get_global @table : memref<2xf32>
    %i = gpu.thread_id x
    %a = memref.load %table[%i] : memref<2xf32>
    memref.store %a, %x[%i] : memref<2xf32>
    gpu.return
  }

  // A thread's own variables are private memory, a block's shared.
  // CHECK: llvm.mlir.global internal @[[SHARED:.*]]() {addr_space = 3 : i32
  // CHECK-LABEL: llvm.func @memory
  // CHECK-DAG: llvm.mlir.addressof @[[SHARED]] : !llvm.ptr<3>
  // CHECK-DAG: llvm.alloca %{{.*}} x f32 : (i64) -> !llvm.ptr<5>
  // CHECK: rocdl.barrier
  gpu.func @memory(%address: !llvm.ptr, %value: f32, %j: index) workgroup(%shared: memref<64xf32, #gpu.address_space<workgroup>>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %x = lrt.view %address() : memref<64xf32>
    %i = gpu.thread_id x
    %own = memref.alloca() : memref<64xf32>
    memref.store %value, %own[%i] : memref<64xf32>
    memref.store %value, %shared[%i] : memref<64xf32, #gpu.address_space<workgroup>>
    gpu.barrier
    %a = memref.load %own[%j] : memref<64xf32>
    %b = memref.load %shared[%j] : memref<64xf32, #gpu.address_space<workgroup>>
    %c = arith.addf %a, %b : f32
    memref.store %c, %x[%i] : memref<64xf32>
    gpu.return
  }
}
}

// -----

module attributes {lepton.target = #lepton.target<cpu = "gfx1100", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
gpu.module @kernels {
  gpu.func @wide(%address: !llvm.ptr) kernel {
    %x = lrt.view %address() : memref<256xf64>
    %i = gpu.thread_id x
    %a = memref.load %x[%i] : memref<256xf64>
    // expected-error @+1 {{is computed by 'math.exp' of 'f64', which there is not for a GPU yet; compile it for a CPU}}
    %b = math.exp %a : f64
    memref.store %b, %x[%i] : memref<256xf64>
    gpu.return
  }
}
}

// -----

module attributes {lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
// expected-error @+1 {{'sm_80' is no GPU of AMD's}}
gpu.module @kernels {
}
}
