// Functions of a GPU become functions of the dialects llvm and nvvm, whose buffers are aligned and do not alias.
// RUN: lepton-opt %s --lepton-phase-nvvm --split-input-file --verify-diagnostics | FileCheck %s

module attributes {lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
gpu.module @kernels {
  // CHECK-LABEL: llvm.func @exp
  // CHECK-SAME: %{{.*}}: !llvm.ptr {llvm.align = 64 : i64, llvm.noalias}
  // CHECK-SAME: nvvm.kernel
  // CHECK-SAME: nvvm.maxntid = array<i32: 256, 1, 1>
  // CHECK: nvvm.read.ptx.sreg.tid.x
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
}
}

// -----

module attributes {lepton.target = #lepton.target<cpu = "sm_80", vector_bits = 128, registers = 255, fma = true, shared_memory = 49152>} {
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
