// Functions of a GPU become entry points of a module of SPIR-V, which declares the capabilities that it uses.
// RUN: lepton-opt %s --lepton-phase-spirv --split-input-file --verify-diagnostics | FileCheck %s

#vulkan = #lepton.target<cpu = "vulkan", vector_bits = 128, registers = 255, fma = true, shared_memory = 32768>

// CHECK: spirv.module @kernels Logical GLSL450 requires #spirv.vce<{{.*}}, [Shader, Matrix], [SPV_KHR_storage_buffer_storage_class]>
module attributes {lepton.target = #vulkan} {
gpu.module @kernels {
  // Numbers are push constants, addresses storage buffers. What is no instruction is arithmetic.
  // CHECK-DAG: spirv.GlobalVariable @exp_numbers : !spirv.ptr<!spirv.struct<(i32 [0], i32 [4])>, PushConstant>
  // CHECK-DAG: spirv.GlobalVariable @exp_buffer0_f32 bind(0, 0) : !spirv.ptr<!spirv.struct<(!spirv.rtarray<f32, stride=4> [0])>, StorageBuffer>
  // CHECK-DAG: spirv.GlobalVariable @exp_buffer1_f32 bind(0, 1) :
  // CHECK-LABEL: spirv.func @exp()
  // CHECK: spirv.GL.Fma
  // CHECK: spirv.Store "StorageBuffer"
  gpu.func @exp(%from: !llvm.ptr, %n: index, %to: !llvm.ptr, %m: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %x = lrt.view %from(%n) : memref<?x3xf32>
    %y = lrt.view %to(%m) : memref<3x?xf32>
    %i = gpu.thread_id x
    %c2 = arith.constant 2 : index
    %a = memref.load %x[%i, %c2] : memref<?x3xf32>
    %b = math.exp %a : f32
    memref.store %b, %y[%c2, %i] : memref<3x?xf32>
    gpu.return
  }

  // Behind a barrier threads see what others wrote, in shared memory and in a buffer that they read, too.
  // CHECK-DAG: spirv.GlobalVariable @memory_shared0 : !spirv.ptr<!spirv.array<64 x f32>, Workgroup>
  // CHECK-DAG: spirv.GlobalVariable @memory_buffer0_f32 bind(0, 0) {coherent}
  // CHECK-LABEL: spirv.func @memory
  // CHECK: spirv.Variable : !spirv.ptr<!spirv.array<64 x f32>, Function>
  // CHECK: spirv.ControlBarrier <Workgroup>, <Workgroup>, <AcquireRelease|UniformMemory|WorkgroupMemory>
  gpu.func @memory(%address: !llvm.ptr, %j: index) workgroup(%shared: memref<64xf32, #gpu.address_space<workgroup>>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %x = lrt.view %address() : memref<64xf32>
    %i = gpu.thread_id x
    %own = memref.alloca() : memref<64xf32>
    %value = memref.load %x[%i] : memref<64xf32>
    memref.store %value, %own[%i] : memref<64xf32>
    memref.store %value, %shared[%i] : memref<64xf32, #gpu.address_space<workgroup>>
    gpu.barrier
    %a = memref.load %own[%j] : memref<64xf32>
    %b = memref.load %shared[%j] : memref<64xf32, #gpu.address_space<workgroup>>
    %c = arith.addf %a, %b : f32
    memref.store %c, %x[%i] : memref<64xf32>
    gpu.return
  }

  // CHECK: spirv.EntryPoint "GLCompute" @memory, @__builtin__LocalInvocationId__
  // CHECK-NEXT: spirv.ExecutionMode @memory "LocalSize", 64, 1, 1
}
}

// -----

#vulkan = #lepton.target<cpu = "vulkan", vector_bits = 128, registers = 255, fma = true, shared_memory = 32768>

// CHECK: requires #spirv.vce<{{.*}}, [StorageBuffer8BitAccess, Shader, Int8, Matrix], [SPV_KHR_8bit_storage, SPV_KHR_storage_buffer_storage_class]>
module attributes {lepton.target = #vulkan} {
gpu.module @kernels {
  gpu.func @bool(%address: !llvm.ptr) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %i = gpu.thread_id x
    %x = lrt.view %address() : memref<64xi1>
    %a = memref.load %x[%i] : memref<64xi1>
    %true = arith.constant true
    %b = arith.xori %a, %true : i1
    memref.store %b, %x[%i] : memref<64xi1>
    gpu.return
  }
}
}

// -----

#vulkan = #lepton.target<cpu = "vulkan", vector_bits = 128, registers = 255, fma = true, shared_memory = 32768>

// CHECK: requires #spirv.vce<{{.*}}, [Int64, Shader, Matrix],
module attributes {lepton.target = #vulkan} {
gpu.module @kernels {
  // An index that is out of range stays so, where it has 32 bits; and products and sums become one only where they may.
  // CHECK-LABEL: spirv.func @arithmetic
  // CHECK: %[[NUMBER:.*]] = spirv.Load "StorageBuffer" %{{.*}} : i64
  // CHECK: spirv.GL.SMax %[[NUMBER]]
  // CHECK: spirv.GL.SMin
  // CHECK: spirv.SConvert %{{.*}} : i64 to i32
  // CHECK: spirv.FMul {{.*}} {no_contraction} : f32
  // CHECK: spirv.FAdd {{.*}} {no_contraction} : f32
  // CHECK: spirv.FMul %{{[^ ]*}}, %{{[^ ]*}} : f32
  // CHECK: spirv.FAdd %{{[^ ]*}}, %{{[^ ]*}} : f32
  gpu.func @arithmetic(%from: !llvm.ptr, %to: !llvm.ptr) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %i = gpu.thread_id x
    %at = lrt.view %from() : memref<64xi64>
    %x = lrt.view %to() : memref<64xf32>
    %n = memref.load %at[%i] : memref<64xi64>
    %k = arith.index_cast %n : i64 to index
    %a = memref.load %x[%i] : memref<64xf32>
    %b = arith.mulf %a, %a : f32
    %c = arith.addf %b, %a : f32
    %d = arith.mulf %c, %a fastmath<contract> : f32
    %e = arith.addf %d, %a fastmath<contract> : f32
    memref.store %e, %x[%k] : memref<64xf32>
    gpu.return
  }
}
}

// -----

#vulkan = #lepton.target<cpu = "vulkan", vector_bits = 128, registers = 255, fma = true, shared_memory = 32768>

module attributes {lepton.target = #vulkan} {
gpu.module @kernels {
  // A loop without an iteration leaves what it began with; one that has some for certain needs no look at that.
  // CHECK-LABEL: spirv.func @sum
  // CHECK: %[[C7:.*]] = spirv.Constant 7.0
  // CHECK: %[[COUNT:.*]] = spirv.Load "PushConstant"
  // CHECK: spirv.mlir.loop
  // CHECK: spirv.mlir.merge
  // CHECK: %[[LAST:.*]] = spirv.Load "Function"
  // CHECK: %[[RUNS:.*]] = spirv.SGreaterThan %[[COUNT]]
  // CHECK: %[[FIRST:.*]] = spirv.Select %[[RUNS]], %[[LAST]], %[[C7]]
  // CHECK: spirv.mlir.loop
  // CHECK: spirv.mlir.merge
  // CHECK: %[[SECOND:.*]] = spirv.Load "Function"
  // CHECK-NOT: spirv.Select
  // CHECK: spirv.FMul %[[FIRST]], %[[SECOND]]
  gpu.func @sum(%address: !llvm.ptr, %n: index) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %seven = arith.constant 7.0 : f32
    %x = lrt.view %address() : memref<64xf32>
    %a = scf.for %i = %c0 to %n step %c1 iter_args(%sum = %seven) -> f32 {
      %v = memref.load %x[%i] : memref<64xf32>
      %next = arith.addf %sum, %v : f32
      scf.yield %next : f32
    }
    %b = scf.for %i = %c0 to %c8 step %c1 iter_args(%sum = %seven) -> f32 {
      %v = memref.load %x[%i] : memref<64xf32>
      %next = arith.addf %sum, %v : f32
      scf.yield %next : f32
    }
    %c = arith.mulf %a, %b : f32
    memref.store %c, %x[%c0] : memref<64xf32>
    gpu.return
  }

  // What there is no instruction for, or one that says too little of special numbers.
  // CHECK-LABEL: spirv.func @remainder
  // CHECK-NOT: spirv.FRem
  // CHECK: spirv.GL.Floor
  // CHECK: spirv.GL.Fma {{.*}} {no_contraction}
  gpu.func @remainder(%address: !llvm.ptr) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %i = gpu.thread_id x
    %x = lrt.view %address() : memref<64xf32>
    %a = memref.load %x[%i] : memref<64xf32>
    %b = math.trunc %a : f32
    %c = arith.remf %a, %b : f32
    memref.store %c, %x[%i] : memref<64xf32>
    gpu.return
  }
}
}

// -----

module attributes {lepton.target = #lepton.target<cpu = "vulkan", vector_bits = 128, registers = 255, fma = true, shared_memory = 32768>} {
gpu.module @kernels {
  gpu.func @wide(%address: !llvm.ptr) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
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
