// RUN: lepton-opt %s --lepton-lower-kernels --canonicalize | FileCheck %s --check-prefix=TILE
// RUN: lepton-opt %s --lepton-lower-kernels --canonicalize --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --canonicalize | FileCheck %s --check-prefix=BUFFER

// An op that the runtime computes is a call on the operands' memory: the result's destination comes last, handles are i64.
// TILE-LABEL: func.func private @case
// TILE-SAME: (%[[CONTEXT:.*]]: !llvm.ptr, %[[X:.*]]: tensor<?xi64>, %[[Y:.*]]: tensor<?xi64>)
// TILE: lrt.call %[[CONTEXT]], "lepton_rt_string_case"(%[[X]] : tensor<?xi64>) into(%[[Y]] : tensor<?xi64>) {dtypes = array<i32: 8, 8>, numbers = array<i64: 1>} -> tensor<?xi64>
// BUFFER: lrt.call %{{.*}}, "lepton_rt_string_case"(%[[X:.*]] : memref<?xi64>) into(%[[Y:.*]] : memref<?xi64>) {dtypes = array<i32: 8, 8>, numbers = array<i64: 1>}
// BUFFER-NOT: memref.copy
func.func private @case(%x: tensor<?x!lepton.string> {lepton.dims = ["d0"]}) -> tensor<?x!lepton.string> attributes {lepton.kernel} {
  %0 = lepton.string_case %x {upper} : (tensor<?x!lepton.string>) -> tensor<?x!lepton.string>
  return %0 : tensor<?x!lepton.string>
}

// Types that only differ in what is known of a sequence's tensors are one in memory.
// TILE-LABEL: func.func @main
// TILE-NOT: unrealized_conversion_cast
// TILE: return %{{.*}} : tensor<?xi64>, tensor<i64>
func.func @main(%x: tensor<?x!lepton.string>, %s: tensor<!lepton.sequence<tensor<2xf32>>>) -> (tensor<?x!lepton.string>, tensor<!lepton.sequence<tensor<?xf32>>>) {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x!lepton.string>
  %0 = lepton.call @case(%x) dims(%d) : (tensor<?x!lepton.string>) -> tensor<?x!lepton.string>
  %1 = builtin.unrealized_conversion_cast %s : tensor<!lepton.sequence<tensor<2xf32>>> to tensor<!lepton.sequence<tensor<?xf32>>>
  return %0, %1 : tensor<?x!lepton.string>, tensor<!lepton.sequence<tensor<?xf32>>>
}
