// RUN: lepton-opt %s --lepton-refine-shapes --split-input-file --verify-diagnostics

// Each result is checked when it is imported, but sizes that a constant tells may be known only later.
func.func @main(%x: tensor<4194304x1xf32>) -> tensor<?x?xf32> {
  %s = lepton.constant dense<[4194304, 1099511627776]> : tensor<2xi64>
  // expected-error @+1 {{gives a result of type 'tensor<4194304x1099511627776xf32>', larger than any memory; give it smaller inputs}}
  %0 = lepton.expand %x, %s : (tensor<4194304x1xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  %1 = lepton.abs %0 : (tensor<?x?xf32>) -> tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
}
