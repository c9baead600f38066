// RUN: lepton-opt %s --lepton-lower-kernels --canonicalize | FileCheck %s

// Types that the processor lacks are bytes in kernels. A float is rounded in integer arithmetic: halves to even, by a carry into the bits that are
// kept; numbers below the smallest normal one by an addition in f32.
// CHECK-LABEL: func.func private @to_e4m3fn
// CHECK-SAME:    tensor<4xf32>, %{{.*}}: tensor<4xi8>) -> tensor<4xi8>
// CHECK-DAG:     %[[LARGEST:.*]] = arith.constant 126 : i32
// CHECK-DAG:     %[[NAN:.*]] = arith.constant 127 : i32
// CHECK:         %[[BITS:.*]] = arith.bitcast %{{.*}} : f32 to i32
// CHECK:         arith.shrui
// CHECK:         arith.addf
// CHECK:         %[[CODE:.*]] = arith.select
// CHECK:         %[[ABOVE:.*]] = arith.cmpi ugt, %[[CODE]], %[[LARGEST]]
// CHECK:         %[[NONE:.*]] = arith.ori %{{.*}}, %[[ABOVE]] : i1
// CHECK:         arith.select %[[NONE]], %[[NAN]], %[[CODE]]
// CHECK:         arith.trunci %{{.*}} : i32 to i8
// CHECK-NOT:     call
func.func private @to_e4m3fn(%x: tensor<4xf32>) -> tensor<4xf8E4M3FN> attributes {lepton.kernel} {
  %0 = lepton.cast %x {saturate = false, to = f8E4M3FN} : (tensor<4xf32>) -> tensor<4xf8E4M3FN>
  return %0 : tensor<4xf8E4M3FN>
}

// The same with saturation, which needs no test for what is too large but one select.
// CHECK-LABEL: func.func private @saturated
// CHECK:         %[[ABOVE:.*]] = arith.cmpi ugt, %[[CODE:.*]], %c126_i32
// CHECK:         arith.select %[[ABOVE]], %c126_i32, %[[CODE]]
func.func private @saturated(%x: tensor<4xf32>) -> tensor<4xf8E4M3FN> attributes {lepton.kernel} {
  %0 = lepton.cast %x {to = f8E4M3FN} : (tensor<4xf32>) -> tensor<4xf8E4M3FN>
  return %0 : tensor<4xf8E4M3FN>
}

// f64 passes through f32 rounded to odd, so that it is rounded once in effect.
// CHECK-LABEL: func.func private @from_f64
// CHECK:         arith.truncf %{{.*}} : f64 to f32
// CHECK:         arith.ori %{{.*}}, %c1_i32 : i32
func.func private @from_f64(%x: tensor<4xf64>) -> tensor<4xf4E2M1FN> attributes {lepton.kernel} {
  %0 = lepton.cast %x {to = f4E2M1FN} : (tensor<4xf64>) -> tensor<4xf4E2M1FN>
  return %0 : tensor<4xf4E2M1FN>
}

// CHECK-LABEL: func.func private @to_e8m0
// CHECK-DAG:     %[[HALFWAY:.*]] = arith.constant 4194303 : i32
// CHECK-DAG:     %[[LARGEST:.*]] = arith.constant 254 : i32
// CHECK:         arith.cmpi ugt, %{{.*}}, %[[HALFWAY]]
// CHECK:         arith.cmpi ugt, %{{.*}}, %[[LARGEST]]
func.func private @to_e8m0(%x: tensor<4xf32>) -> tensor<4xf8E8M0FNU> attributes {lepton.kernel} {
  %0 = lepton.cast %x {rounding = #lepton<cast_rounding nearest>, to = f8E8M0FNU} : (tensor<4xf32>) -> tensor<4xf8E8M0FNU>
  return %0 : tensor<4xf8E8M0FNU>
}

// CHECK-LABEL: func.func private @from_e5m2
// CHECK:         arith.extui %{{.*}} : i8 to i32
// CHECK:         arith.bitcast %{{.*}} : i32 to f32
func.func private @from_e5m2(%x: tensor<4xf8E5M2>) -> tensor<4xf32> attributes {lepton.kernel} {
  %0 = lepton.cast %x {to = f32} : (tensor<4xf8E5M2>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Small integers are extended from their low bits, computed in bytes, and cut to their low bits again.
// CHECK-LABEL: func.func private @sum_of_int4
// CHECK:         arith.shli
// CHECK:         arith.shrsi
// CHECK:         %[[SUM:.*]] = arith.addi %{{.*}}, %{{.*}} : i8
// CHECK:         arith.andi %[[SUM]], %c15_i8
func.func private @sum_of_int4(%x: tensor<4xi4>, %y: tensor<4xi4>) -> tensor<4xi4> attributes {lepton.kernel} {
  %0 = lepton.add %x, %y : (tensor<4xi4>, tensor<4xi4>) -> tensor<4xi4>
  return %0 : tensor<4xi4>
}

// What only moves elements moves bytes.
// CHECK-LABEL: func.func private @transpose
// CHECK-NOT:     arith
// CHECK:         linalg.yield %{{.*}} : i8
func.func private @transpose(%x: tensor<2x3xui2>) -> tensor<3x2xui2> attributes {lepton.kernel} {
  %0 = lepton.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xui2>) -> tensor<3x2xui2>
  return %0 : tensor<3x2xui2>
}
