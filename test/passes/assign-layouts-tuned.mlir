// RUN: lepton-opt %s --lepton-assign-layouts="panel=16 list" --canonicalize | FileCheck %s

// A convolution says how else it could be computed, the default first, and obeys what was found by measurement; another one of these sizes does, too. What the database
// says of others, or cannot be, changes nothing.
// CHECK-LABEL: func @Tuned
// CHECK-SAME:    lepton.layers = [{candidates = ["winograd_4", "direct", "winograd_6", "winograd_6_inside", "winograd_4_inside", "winograd_2", "winograd_2_inside"], chosen = "winograd_2_inside", hash = "[[HASH:.*]]", name = "conv_1x64x13x13_by_64x64x3x3", nodes = ["a"]},
// CHECK-SAME:                     {{{.*}}chosen = "winograd_2_inside", hash = "[[HASH]]", {{.*}}nodes = [""]},
// CHECK-SAME:                     {candidates = ["rows", "direct"], chosen = "rows", {{.*}}]
// CHECK-NOT:     lepton.winograd_input
// CHECK:         lepton.winograd_conv {{.*}}tile = 2
// CHECK:         lepton.winograd_conv {{.*}}tile = 2
// CHECK:         lepton.packed_matmul
module attributes {lepton.tuned = {"e1f45395f80c85f21c495caaeaecce22" = [{algorithm = "winograd_2_inside"}], "0b" = [{algorithm = "direct"}]}} {
  func.func @Tuned(%x: tensor<1x64x13x13xf32>) -> tensor<1x64x13x13xf32> {
    %w = lepton.constant dense<1.0> : tensor<64x64x3x3xf32>
    %u = lepton.constant dense<1.0> : tensor<64x64x1x1xf32>
    %a = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x13x13xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x13x13xf32> loc("a")
    %b = lepton.conv %a, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x13x13xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x13x13xf32>
    %c = lepton.conv %b, %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x13x13xf32>, tensor<64x64x1x1xf32>) -> tensor<1x64x13x13xf32>
    return %c : tensor<1x64x13x13xf32>
  }
}
