//===- Random.td - random numbers ------------------------------------------------------------------------------------------===//

#ifndef LEPTON_RANDOM_TD
#define LEPTON_RANDOM_TD

include "dialects/Lepton/LeptonBase.td"

def Lepton_RandomOp : Lepton_KernelOp<"random"> {
  let summary = "random numbers from a seed";
  let description = [{
    `count` numbers (f64), uniform in [0, 1), or with `normal` of the standard normal distribution: those that NumPy's `RandomState(seed)` draws, on which
    ONNX's reference implementation rests, by the Mersenne twister (Matsumoto and Nishimura, 1998) and Marsaglia's polar method. Every run draws the same ones.

    Example:
    ```mlir
    %y = lepton.random %count {seed = 0 : i64, normal} : (tensor<i64>) -> tensor<?xf64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$count, I64Attr:$seed, UnitAttr:$normal);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$count attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_RANDOM_TD
