// RUN: lepton-opt %s --lepton-phase-graph --lepton-phase-kernel --lepton-phase-tile --lepton-phase-buffer --lepton-phase-schedule --remarks-filter=.* --remark-format=emitRemark -o /dev/null 2>&1 \
// RUN:   | FileCheck %s
// RUN: lepton-opt %s --lepton-phase-graph --lepton-phase-kernel -o /dev/null 2>&1 | FileCheck %s --check-prefix=SILENT --allow-empty

// Passes say what they decided to who asks.
// CHECK-DAG: remark: [Passed] winograd | Category:AssignLayouts | {{.*}}"conv by Winograd's minimal filtering, in tiles of 4 outputs a dimension"
// CHECK-DAG: remark: [Passed] layout | Category:AssignLayouts | {{.*}}"matmul becomes packed_matmul"
// CHECK-DAG: remark: [Missed] layout | Category:AssignLayouts | {{.*}}"matmul stays as it is, with unpacked weights"
// CHECK-DAG: remark: [Passed] fused | Category:FormKernels | Function=packed_matmul_relu_f32_14x64 | {{.*}}"one pass over memory computes packed_matmul, relu"
// CHECK-DAG: remark: [Analysis] chosen | Category:SelectTiles | Function=packed_matmul_relu_f32_14x64 | {{.*}}"tiles of 64 rows"
// CHECK-DAG: remark: [Analysis] chosen | Category:SelectSchedule | Function=packed_matmul_relu_f32_14x64 | {{.*}}#lepton.schedule<algorithm = register_block
// SILENT-NOT: remark
module attributes {lepton.target = #lepton.target<cpu = "znver3", vector_bits = 256, registers = 16, fma = true>} {
  func.func @main(%image: tensor<1x64x13x13xf32>, %rows: tensor<14x32xf32>, %columns: tensor<64x8xf32>) -> (tensor<1x64x13x13xf32>, tensor<14x8xf32>) {
    %filter = lepton.constant dense<1.0> : tensor<64x64x3x3xf32>
    %c = lepton.conv %image, %filter {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x64x13x13xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x13x13xf32>
    %weights = lepton.constant dense<1.0> : tensor<32x64xf32>
    %p = lepton.matmul %rows, %weights : (tensor<14x32xf32>, tensor<32x64xf32>) -> tensor<14x64xf32>
    %r = lepton.relu %p : (tensor<14x64xf32>) -> tensor<14x64xf32>
    %q = lepton.matmul %r, %columns : (tensor<14x64xf32>, tensor<64x8xf32>) -> tensor<14x8xf32>
    return %c, %q : tensor<1x64x13x13xf32>, tensor<14x8xf32>
  }
}
