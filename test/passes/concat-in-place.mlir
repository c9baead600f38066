// RUN: lepton-opt %s --lepton-concat-in-place --split-input-file | FileCheck %s

// A concatenation that begins another one shares its memory; what reads it reads a slice. A part that no kernel computes is copied.
// CHECK-LABEL: func.func @beginning
// CHECK:         %[[A:.*]] = lepton.relu
// CHECK:         %[[E:.*]] = tensor.empty() : tensor<1x16x16x64xf32>
// CHECK:         %[[B:.*]] = lepton.insert %[[A]], %[[E]] {offsets = array<i64: 0, 0, 0, 0>}
// CHECK:         %[[C:.*]] = lepton.insert %arg1, %[[B]] {offsets = array<i64: 0, 0, 0, 32>}
// CHECK:         %[[S:.*]] = lepton.slice %[[C]]{{.*}} -> tensor<1x16x16x48xf32>
// CHECK:         lepton.neg %[[S]]
// CHECK:         %[[D:.*]] = lepton.sqrt
// CHECK:         %[[W:.*]] = lepton.insert %[[D]], %[[C]] {offsets = array<i64: 0, 0, 0, 48>}
// CHECK-NOT:     lepton.concat
// CHECK:         return %{{.*}}, %[[W]]
func.func @beginning(%x: tensor<1x16x16x32xf32>, %y: tensor<1x16x16x16xf32>) -> (tensor<1x16x16x48xf32>, tensor<1x16x16x64xf32>) {
  %a = lepton.relu %x : (tensor<1x16x16x32xf32>) -> tensor<1x16x16x32xf32>
  %b = lepton.concat %a, %y {axis = 3 : i64} : (tensor<1x16x16x32xf32>, tensor<1x16x16x16xf32>) -> tensor<1x16x16x48xf32>
  %c = lepton.neg %b : (tensor<1x16x16x48xf32>) -> tensor<1x16x16x48xf32>
  %d = lepton.sqrt %y : (tensor<1x16x16x16xf32>) -> tensor<1x16x16x16xf32>
  %e = lepton.concat %a, %y, %d {axis = 3 : i64} : (tensor<1x16x16x32xf32>, tensor<1x16x16x16xf32>, tensor<1x16x16x16xf32>) -> tensor<1x16x16x64xf32>
  return %c, %e : tensor<1x16x16x48xf32>, tensor<1x16x16x64xf32>
}

// -----

// The frame moves to the parts, whose other readers read what is inside of it.
// CHECK-LABEL: func.func @frame
// CHECK:         %[[A:.*]] = lepton.relu
// CHECK:         %[[P:.*]] = lepton.pad constant %[[A]]
// CHECK:         %[[B:.*]] = lepton.insert %[[P]]
// CHECK:         %[[S:.*]] = lepton.slice %[[B]]{{.*}} {axes = array<i64: 1, 2, 3>} : (tensor<1x10x10x16xf32>{{.*}} -> tensor<1x8x8x8xf32>
// CHECK:         %[[D:.*]] = lepton.neg %[[S]]
// CHECK:         %[[Q:.*]] = lepton.pad constant %[[D]]
// CHECK:         %[[C:.*]] = lepton.insert %[[Q]], %[[B]] {offsets = array<i64: 0, 0, 0, 8>}
// CHECK-NOT:     lepton.pad
// CHECK:         return %[[C]]
func.func @frame(%x: tensor<1x8x8x8xf32>) -> tensor<1x10x10x16xf32> {
  %pads = lepton.constant dense<1> : tensor<4xi64>
  %a = lepton.relu %x : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %b = lepton.neg %a : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %c = lepton.concat %a, %b {axis = 3 : i64} : (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x16xf32>
  %d = lepton.pad constant %c, %pads {axes = array<i64: 1, 2>} : (tensor<1x8x8x16xf32>, tensor<4xi64>) -> tensor<1x10x10x16xf32>
  return %d : tensor<1x10x10x16xf32>
}

// -----

// Rows of a matrix are inserted into the whole as a matrix; slices of a tensor that follow each other are that tensor.
// CHECK-LABEL: func.func @rows
// CHECK:         %[[M:.*]] = lepton.packed_matmul
// CHECK:         %[[E:.*]] = lepton.reshape %{{.*}} -> tensor<64x24xf32>
// CHECK:         %[[B:.*]] = lepton.insert %[[M]], %[[E]] {offsets = array<i64: 0, 0>}
// CHECK:         %[[W:.*]] = lepton.reshape %[[B]]{{.*}} -> tensor<1x8x8x24xf32>
// CHECK:         lepton.insert %{{.*}}, %[[W]] {offsets = array<i64: 0, 0, 0, 16>}
func.func @rows(%x: tensor<64x4xf32>, %w: tensor<1x4x16xf32>, %y: tensor<1x8x8x8xf32>) -> tensor<1x8x8x24xf32> {
  %shape = lepton.constant dense<[1, 8, 8, 16]> : tensor<4xi64>
  %0 = lepton.constant dense<0> : tensor<1xi64>
  %1 = lepton.constant dense<1> : tensor<1xi64>
  %8 = lepton.constant dense<8> : tensor<1xi64>
  %16 = lepton.constant dense<16> : tensor<1xi64>
  %m = lepton.packed_matmul %x, %w {n = 16 : i64} : (tensor<64x4xf32>, tensor<1x4x16xf32>) -> tensor<64x16xf32>
  %a = lepton.reshape %m, %shape : (tensor<64x16xf32>, tensor<4xi64>) -> tensor<1x8x8x16xf32>
  %b = lepton.slice %a, %0, %8, %1 {axes = array<i64: 3>} : (tensor<1x8x8x16xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1x8x8x8xf32>
  %c = lepton.slice %a, %8, %16, %1 {axes = array<i64: 3>} : (tensor<1x8x8x16xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1x8x8x8xf32>
  %d = lepton.concat %b, %c, %y {axis = 3 : i64} : (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x24xf32>
  return %d : tensor<1x8x8x24xf32>
}

// -----

// Nothing is computed here, and a softmax is no kernel that writes anywhere: what would be left is a copy for each part.
// CHECK-LABEL: func.func @copies
// CHECK-NOT:     lepton.insert
func.func @copies(%x: tensor<1x8x8x8xf32>, %y: tensor<1x8x8x8xf32>) -> tensor<1x8x8x16xf32> {
  %a = lepton.softmax %x {axis = 3 : i64} : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %b = lepton.concat %a, %y {axis = 3 : i64} : (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x16xf32>
  return %b : tensor<1x8x8x16xf32>
}

// -----

// The first part leaves the function: it is computed on its own, and copied.
// CHECK-LABEL: func.func @leaves
// CHECK:         %[[A:.*]] = lepton.relu
// CHECK:         lepton.insert %[[A]]
// CHECK:         return %[[A]]
func.func @leaves(%x: tensor<1x8x8x8xf32>, %y: tensor<1x8x8x8xf32>) -> (tensor<1x8x8x8xf32>, tensor<1x8x8x16xf32>) {
  %a = lepton.relu %x : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %b = lepton.neg %y : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %c = lepton.concat %a, %b {axis = 3 : i64} : (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x16xf32>
  return %a, %c : tensor<1x8x8x8xf32>, tensor<1x8x8x16xf32>
}

// -----

// A slice that is nothing but an address is made for each op that reads it.
// CHECK-LABEL: func.func @slices
// CHECK-COUNT-2: lepton.slice
func.func @slices(%x: tensor<1x8x8x16xf32>) -> (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) {
  %0 = lepton.constant dense<0> : tensor<1xi64>
  %1 = lepton.constant dense<1> : tensor<1xi64>
  %8 = lepton.constant dense<8> : tensor<1xi64>
  %b = lepton.slice %x, %0, %8, %1 {axes = array<i64: 3>} : (tensor<1x8x8x16xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1x8x8x8xf32>
  %c = lepton.relu %b : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %d = lepton.neg %b : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  return %c, %d : tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>
}

// -----

// What is inside of a frame is read there.
// CHECK-LABEL: func.func @inside
// CHECK:         %[[A:.*]] = lepton.relu
// CHECK-NEXT:    %[[P:.*]] = lepton.pad constant %[[A]]
// CHECK:         %[[S:.*]] = lepton.slice %[[P]]{{.*}} {axes = array<i64: 1, 2>} : (tensor<1x10x10x8xf32>{{.*}} -> tensor<1x8x8x8xf32>
// CHECK:         lepton.neg %[[S]]
func.func @inside(%x: tensor<1x8x8x8xf32>) -> (tensor<1x8x8x8xf32>, tensor<1x10x10x8xf32>) {
  %a = lepton.relu %x : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %b = lepton.neg %a : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %pads = lepton.constant dense<1> : tensor<4xi64>
  %c = lepton.pad constant %a, %pads {axes = array<i64: 1, 2>} : (tensor<1x8x8x8xf32>, tensor<4xi64>) -> tensor<1x10x10x8xf32>
  return %b, %c : tensor<1x8x8x8xf32>, tensor<1x10x10x8xf32>
}

// -----

// Nested concatenations are one.
// CHECK-LABEL: func.func @nested
// CHECK-COUNT-3: lepton.insert
// CHECK-NOT:     lepton.insert
func.func @nested(%x: tensor<1x8x8x8xf32>) -> tensor<1x8x8x24xf32> {
  %a = lepton.relu %x : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %b = lepton.neg %a : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %c = lepton.concat %a, %b {axis = 3 : i64} : (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x16xf32>
  %d = lepton.sqrt %a : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %e = lepton.concat %c, %d {axis = 3 : i64} : (tensor<1x8x8x16xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x24xf32>
  return %e : tensor<1x8x8x24xf32>
}
