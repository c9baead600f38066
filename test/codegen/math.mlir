// Math becomes intrinsics, which vectorize, and calls of libm only where LLVM has no intrinsic; bfloat16 is converted in integers.

// RUN: lepton-opt %s --lepton-phase-llvm | FileCheck %s

// CHECK-LABEL: llvm.func {{.*}}@intrinsics
func.func @intrinsics(%ctx: !llvm.ptr, %x: f32, %y: f32, %z: f64) -> (f32, f32, f32, f64) {
  // CHECK-DAG: llvm.intr.fma
  // CHECK-DAG: llvm.intr.floor
  // CHECK-DAG: llvm.intr.sqrt
  // CHECK-DAG: llvm.intr.exp{{.*}} : (f64) -> f64
  %0 = math.fma %x, %y, %x : f32
  %1 = math.floor %x : f32
  %2 = math.sqrt %x : f32
  %3 = math.exp %z : f64
  return %0, %1, %2, %3 : f32, f32, f32, f64
}

// CHECK-LABEL: llvm.func {{.*}}@calls
func.func @calls(%ctx: !llvm.ptr, %x: f64, %y: f32) -> (f64, f32) {
  // CHECK-DAG: llvm.call @erf
  // CHECK-DAG: llvm.call @cbrtf
  %0 = math.erf %x : f64
  %1 = math.cbrt %y : f32
  return %0, %1 : f64, f32
}

// CHECK-LABEL: llvm.func {{.*}}@bfloat16
// CHECK-NOT: llvm.fptrunc
// CHECK-NOT: llvm.fpext
func.func @bfloat16(%ctx: !llvm.ptr, %x: f32, %y: bf16) -> (bf16, f32) {
  %0 = arith.truncf %x : f32 to bf16
  %1 = arith.extf %y : bf16 to f32
  return %0, %1 : bf16, f32
}

// CHECK-LABEL: llvm.func {{.*}}@integer_power
// CHECK: llvm.call @__mlir_math_ipowi_i32
func.func @integer_power(%ctx: !llvm.ptr, %x: i32, %y: i32) -> i32 {
  %0 = math.ipowi %x, %y : i32
  return %0 : i32
}
