// RUN: lepton-opt %s --lepton-outline-parallel-loops | FileCheck %s

// CHECK-LABEL: func.func @kernel
// CHECK:         lrt.parallel_for %arg0, @kernel_body, %{{.*}} grain {{[0-9]+}}(%arg1, %arg2)
// CHECK-NOT:     scf.parallel
// CHECK-LABEL: func.func private @kernel_body(%arg0: !llvm.ptr, %arg1: index, %arg2: index
// CHECK:         memref.alloca
// CHECK:         scf.for %{{.*}} = %arg1 to %arg2
// CHECK-NOT:       memref.alloca
func.func @kernel(%ctx: !llvm.ptr, %x: memref<1024x64xf32>, %y: memref<1024x64xf32>) attributes {lepton.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 1024 : index
  %m = arith.constant 64 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %t = memref.alloca() : memref<64xf32>
    scf.for %j = %c0 to %m step %c1 {
      %a = memref.load %x[%i, %j] : memref<1024x64xf32>
      memref.store %a, %t[%j] : memref<64xf32>
    }
    scf.for %j = %c0 to %m step %c1 {
      %a = memref.load %t[%j] : memref<64xf32>
      memref.store %a, %y[%i, %j] : memref<1024x64xf32>
    }
  }
  return
}
