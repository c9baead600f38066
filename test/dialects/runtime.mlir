// RUN: lepton-opt %s --split-input-file --verify-diagnostics | lepton-opt --split-input-file | FileCheck %s

// CHECK-LABEL: func @RoundTrip
func.func @RoundTrip(%context: !llvm.ptr, %d: index, %ok: i1) {
  // CHECK: lrt.alloc %{{.*}}(%{{.*}}) : memref<?x3xf32>
  %t = lrt.alloc %context(%d) : memref<?x3xf32>
  // CHECK: lrt.output %{{.*}}[0] (%{{.*}}) : memref<?xf32>
  %y = lrt.output %context[0](%d) : memref<?xf32>
  // CHECK: lrt.check %{{.*}}, %{{.*}}, "too long"
  lrt.check %context, %ok, "too long"
  // CHECK: lrt.require %{{.*}}, %{{.*}}, "too short"
  lrt.require %context, %ok, "too short"
  // CHECK: lrt.parallel_for %{{.*}}, @Body, %{{.*}} grain 16(%{{.*}}) : memref<?xf32>
  lrt.parallel_for %context, @Body, %d grain 16 (%y) : memref<?xf32>
  // CHECK: %[[SLOTS:.*]] = lrt.slots 2
  %slots = lrt.slots 2
  // CHECK: lrt.hold %[[SLOTS]][1], %{{.*}} : memref<?x3xf32>
  lrt.hold %slots[1], %t : memref<?x3xf32>
  // CHECK: lrt.collect %{{.*}}, %[[SLOTS]][0, 2] keep(%{{.*}}) : memref<?x3xf32>
  lrt.collect %context, %slots[0, 2] keep(%t) : memref<?x3xf32>
  // CHECK: lrt.dealloc %{{.*}}, %{{.*}} : memref<?x3xf32>
  lrt.dealloc %context, %t : memref<?x3xf32>
  return
}
func.func private @Body(!llvm.ptr, index, index, memref<?xf32>)

// -----

func.func @BodyThatIsNowhere(%context: !llvm.ptr, %n: index, %y: memref<?xf32>) {
  // expected-error @+1 {{refers to no function: @Nowhere}}
  lrt.parallel_for %context, @Nowhere, %n grain 16 (%y) : memref<?xf32>
  return
}

// -----

// CHECK-LABEL: func @Launch
func.func @Launch(%context: !llvm.ptr, %n: index, %y: memref<?xf32>) {
  // CHECK: lrt.fault %{{.*}} : memref<1xi32>
  %word = lrt.fault %context : memref<1xi32>
  // CHECK: lrt.launch %{{.*}}, @kernels::@fill, %{{.*}} threads 256(%{{.*}}, %{{.*}}) : memref<?xf32>, memref<1xi32>
  lrt.launch %context, @kernels::@fill, %n threads 256 (%y, %word) : memref<?xf32>, memref<1xi32>
  return
}
gpu.module @kernels {
  gpu.func @fill(%address: !llvm.ptr, %n: index) kernel {
    // CHECK: lrt.view %{{.*}}(%{{.*}}) : memref<?xf32>
    %y = lrt.view %address(%n) : memref<?xf32>
    gpu.return
  }
}

// -----

func.func @KernelThatIsNowhere(%context: !llvm.ptr, %n: index, %y: memref<?xf32>) {
  // expected-error @+1 {{refers to no kernel: @kernels::@nowhere}}
  lrt.launch %context, @kernels::@nowhere, %n threads 256 (%y) : memref<?xf32>
  return
}
