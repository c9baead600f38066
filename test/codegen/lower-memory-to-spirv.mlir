// Accesses of memory become those of elements of variables, each of which has a place that is one number.
// RUN: lepton-opt %s --pass-pipeline='builtin.module(gpu.module(expand-strided-metadata,lower-affine,lepton-lower-memory-to-spirv,canonicalize,cse))' --split-input-file --verify-diagnostics | FileCheck %s

gpu.module @kernels {
  // Numbers are push constants, addresses storage buffers, each in their order.
  // CHECK-DAG: spirv.GlobalVariable @transpose_numbers : !spirv.ptr<!spirv.struct<(i32 [0], i32 [4])>, PushConstant>
  // CHECK-DAG: spirv.GlobalVariable @transpose_buffer0_f32 bind(0, 0) : !spirv.ptr<!spirv.struct<(!spirv.rtarray<f32, stride=4> [0])>, StorageBuffer>
  // CHECK-DAG: spirv.GlobalVariable @transpose_buffer1_f32 bind(0, 1) :
  // CHECK-LABEL: gpu.func @transpose()
  // CHECK-DAG: %[[C1:.*]] = spirv.Constant 1 : i32
  // CHECK-DAG: %[[FROM:.*]] = spirv.mlir.addressof @transpose_buffer0_f32
  // CHECK-DAG: %[[TO:.*]] = spirv.mlir.addressof @transpose_buffer1_f32
  // CHECK: spirv.AccessChain %{{.*}}[%[[C1]]]
  // CHECK: %[[SECOND:.*]] = spirv.Load "PushConstant"
  // CHECK: %[[M:.*]] = arith.index_cast %[[SECOND]] : i32 to index
  // CHECK: %[[I:.*]] = gpu.thread_id
  // CHECK: %[[LINE:.*]] = arith.muli %[[I]], %c3
  // CHECK: %[[PLACE:.*]] = arith.addi %[[LINE]], %c2
  // CHECK: %[[NUMBER:.*]] = arith.index_cast %[[PLACE]] : index to i32
  // CHECK: spirv.AccessChain %[[FROM]][%{{.*}}, %[[NUMBER]]]
  // CHECK: %[[COLUMN:.*]] = arith.muli %[[M]], %c2
  // CHECK: arith.addi %[[COLUMN]], %[[I]]
  // CHECK: spirv.AccessChain %[[TO]]
  gpu.func @transpose(%from: !llvm.ptr, %n: index, %to: !llvm.ptr, %m: index) kernel {
    %x = lrt.view %from(%n) : memref<?x3xf32>
    %y = lrt.view %to(%m) : memref<3x?xf32>
    %i = gpu.thread_id x
    %c2 = arith.constant 2 : index
    %a = memref.load %x[%i, %c2] : memref<?x3xf32>
    memref.store %a, %y[%c2, %i] : memref<3x?xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @constant
  // CHECK: %[[VALUES:.*]] = spirv.Constant dense<[2.500000e+00, 3.500000e+00, 4.500000e+00, 5.500000e+00]> : tensor<4xf32> : !spirv.array<4 x f32>
  // CHECK: %[[TABLE:.*]] = spirv.Variable init(%[[VALUES]]) : !spirv.ptr<!spirv.array<4 x f32>, Function>
  // CHECK: spirv.AccessChain %[[TABLE]]
  memref.global "private" constant @table : memref<2x2xf32> = dense<[[2.5, 3.5], [4.5, 5.5]]>
  gpu.func @constant(%address: !llvm.ptr) kernel {
    %x = lrt.view %address() : memref<2xf32>
    %table = memref.get_global @table : memref<2x2xf32>
    %i = gpu.thread_id x
    %a = memref.load %table[%i, %i] : memref<2x2xf32>
    memref.store %a, %x[%i] : memref<2xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // Behind a barrier threads see what others wrote, in a buffer that they read, too.
  // CHECK-DAG: spirv.GlobalVariable @memory_shared0 : !spirv.ptr<!spirv.array<64 x f32>, Workgroup>
  // CHECK-DAG: spirv.GlobalVariable @memory_buffer0_f32 bind(0, 0) {coherent}
  // CHECK-DAG: spirv.GlobalVariable @memory_buffer1_f32 bind(0, 1) : {{.*}}
  // CHECK-LABEL: gpu.func @memory()
  // CHECK-NOT: workgroup
  // CHECK: spirv.Variable : !spirv.ptr<!spirv.array<64 x f32>, Function>
  gpu.func @memory(%address: !llvm.ptr, %other: !llvm.ptr, %j: index) workgroup(%shared: memref<64xf32, #gpu.address_space<workgroup>>) kernel {
    %x = lrt.view %address() : memref<64xf32>
    %y = lrt.view %other() : memref<64xf32>
    %i = gpu.thread_id x
    %own = memref.alloca() : memref<64xf32>
    %value = memref.load %x[%i] : memref<64xf32>
    %more = memref.load %y[%i] : memref<64xf32>
    memref.store %value, %own[%i] : memref<64xf32>
    memref.store %more, %shared[%i] : memref<64xf32, #gpu.address_space<workgroup>>
    gpu.barrier
    %a = memref.load %own[%j] : memref<64xf32>
    %b = memref.load %shared[%j] : memref<64xf32, #gpu.address_space<workgroup>>
    %c = arith.addf %a, %b : f32
    memref.store %c, %x[%i] : memref<64xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // A block's part of a buffer begins where its address says, and a part of that where its own offset does. Views of one address are variables in one place.
  // CHECK-DAG: spirv.GlobalVariable @views_buffer0_f32 bind(0, 0) {aliased}
  // CHECK-DAG: spirv.GlobalVariable @views_buffer0_i8 bind(0, 0) {aliased}
  // CHECK-LABEL: gpu.func @views()
  // CHECK-DAG: %[[F32:.*]] = spirv.mlir.addressof @views_buffer0_f32
  // CHECK-DAG: %[[I8:.*]] = spirv.mlir.addressof @views_buffer0_i8
  // CHECK: %[[THREAD:.*]] = gpu.thread_id
  // CHECK: %[[BLOCK:.*]] = gpu.block_id
  // CHECK: %[[BYTES:.*]] = arith.muli %[[BLOCK]], %c4096
  // CHECK: %[[LINE:.*]] = arith.muli %[[THREAD]], %c16
  // CHECK: %[[OFFSET:.*]] = arith.addi %[[LINE]], %c2
  // CHECK: %[[BEGIN:.*]] = arith.divui %[[BYTES]], %c4
  // CHECK: %[[PART:.*]] = arith.addi %[[BEGIN]], %[[OFFSET]]
  // CHECK: %[[PLACE:.*]] = arith.addi %[[PART]], %[[THREAD]]
  // CHECK: %[[NUMBER:.*]] = arith.index_cast %[[PLACE]]
  // CHECK: spirv.AccessChain %[[F32]][%{{.*}}, %[[NUMBER]]]
  // CHECK: %[[BIT:.*]] = arith.addi %[[BYTES]], %[[THREAD]]
  // CHECK: %[[NUMBER:.*]] = arith.index_cast %[[BIT]]
  // CHECK: spirv.AccessChain %[[I8]][%{{.*}}, %[[NUMBER]]]
  // CHECK: %[[BYTE:.*]] = spirv.Load "StorageBuffer" %{{.*}} : i8
  // CHECK: arith.cmpi ne, %[[BYTE]]
  gpu.func @views(%address: !llvm.ptr, %n: index) kernel {
    %i = gpu.thread_id x
    %block = gpu.block_id x
    %bytes = arith.constant 4096 : index
    %begin = arith.muli %block, %bytes : index
    %wide = arith.index_cast %begin : index to i64
    %own = llvm.getelementptr %address[%wide] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %x = lrt.view %own(%n) : memref<?x16xf32>
    %part = memref.subview %x[%i, 2] [1, 8] [1, 1] : memref<?x16xf32> to memref<8xf32, strided<[1], offset: ?>>
    %bits = lrt.view %own() : memref<64xi1>
    %a = memref.load %part[%i] : memref<8xf32, strided<[1], offset: ?>>
    %zero = arith.constant 0.0 : f32
    %b = memref.load %bits[%i] : memref<64xi1>
    %c = arith.select %b, %a, %zero : f32
    memref.store %c, %part[%i] : memref<8xf32, strided<[1], offset: ?>>
    gpu.return
  }

  // There is no bfloat16: its bits are an integer.
  // CHECK-LABEL: gpu.func @bits
  // CHECK: %[[BITS:.*]] = spirv.Load "StorageBuffer" %{{.*}} : i16
  // CHECK: spirv.Store "StorageBuffer" %{{.*}}, %[[BITS]] : i16
  gpu.func @bits(%address: !llvm.ptr) kernel {
    %x = lrt.view %address() : memref<64xbf16>
    %i = gpu.thread_id x
    %c1 = arith.constant 1 : index
    %a = memref.load %x[%i] : memref<64xbf16>
    memref.store %a, %x[%c1] : memref<64xbf16>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @atomic(%address: !llvm.ptr) kernel {
    %x = lrt.view %address() : memref<256xi32>
    %i = gpu.thread_id x
    %one = arith.constant 1 : i32
    // expected-error @+1 {{comes to memory by 'memref.atomic_rmw', which there is not for Vulkan yet; compile it for a CPU}}
    %a = memref.atomic_rmw addi %one, %x[%i] : (i32, memref<256xi32>) -> i32
    gpu.return
  }
}
