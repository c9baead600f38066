// Verifiers come to an end where values depend on themselves: they run before dominance is checked.
// RUN: not lepton-opt --split-input-file %s 2>&1 | FileCheck %s

// -----

// CHECK: error: operand #0 does not dominate this use
func.func @sizes(%n: tensor<?xf32>) -> tensor<?xf32> {
  %0 = lepton.relu %1 : (tensor<?xf32>) -> tensor<?xf32>
  %1 = lepton.neg %0 : (tensor<?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

// CHECK: error: operand #1 does not dominate this use
func.func @elements(%x: tensor<?xf32>, %one: tensor<1xi64>) -> tensor<?xf32> {
  %0 = lepton.add %one, %1 : (tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %1 = lepton.neg %0 : (tensor<1xi64>) -> tensor<1xi64>
  %2 = lepton.expand %x, %1 : (tensor<?xf32>, tensor<1xi64>) -> tensor<?xf32>
  return %2 : tensor<?xf32>
}
