// Where there are no floats of 16 bits: arithmetic of f32, conversions in integers of as many lanes, movement of integers.

// RUN: lepton-opt %s --lepton-lower-to-llvm | FileCheck %s --implicit-check-not=f16

module attributes {lepton.no_half_floats} {

// CHECK-LABEL: llvm.func {{.*}}@Widened(
// CHECK: llvm.zext {{.*}} vector<8xi16> to vector<8xi32>
// CHECK: llvm.fmul {{.*}} : vector<8xf32>
func.func private @Widened(%context: !llvm.ptr, %x: vector<8xf16>) -> vector<8xf32> {
  %y = arith.extf %x : vector<8xf16> to vector<8xf32>
  return %y : vector<8xf32>
}

// CHECK-LABEL: llvm.func {{.*}}@Computed(
// CHECK: llvm.fcmp "olt" {{.*}} : vector<8xf32>
// CHECK: llvm.select {{.*}} : vector<8xi1>, vector<8xi16>
func.func private @Computed(%x: vector<8xf16>, %y: vector<8xf16>) -> vector<8xf16> {
  %c = arith.cmpf olt, %x, %y : vector<8xf16>
  %least = arith.select %c, %x, %y : vector<8xi1>, vector<8xf16>
  return %least : vector<8xf16>
}

// 1.5 is 0x3e00 in float16, 0x3fc0 in bfloat16.
// CHECK-LABEL: llvm.func {{.*}}@Moved(
// CHECK-DAG: llvm.mlir.constant(dense<15872> : vector<4xi16>)
// CHECK-DAG: llvm.mlir.constant(16320 : i16)
func.func private @Moved(%halves: memref<9xf16>, %brains: memref<9xbf16>, %i: index) {
  %half = arith.constant dense<1.5> : vector<4xf16>
  %brain = arith.constant 1.5 : bf16
  vector.store %half, %halves[%i] : memref<9xf16>, vector<4xf16>
  memref.store %brain, %brains[%i] : memref<9xbf16>
  return
}

// A number between two of f32 is rounded to the odd one, which is no tie of float16.
// CHECK-LABEL: llvm.func {{.*}}@NarrowedTwice(
// CHECK: llvm.fptrunc {{.*}} f64 to f32
// CHECK: llvm.fcmp "one"
// CHECK: llvm.trunc {{.*}} : i32 to i16
func.func private @NarrowedTwice(%x: f64) -> f16 {
  %y = arith.truncf %x : f64 to f16
  return %y : f16
}

func.func @lepton_entry(%context: !llvm.ptr) -> i32 {
  %ok = arith.constant 0 : i32
  return %ok : i32
}
}
