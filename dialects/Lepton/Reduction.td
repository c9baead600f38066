//===- Reduction.td - ops that reduce dimensions, and normalisations over them --------------------------------------===//

#ifndef LEPTON_REDUCTION_TD
#define LEPTON_REDUCTION_TD

include "dialects/Lepton/LeptonBase.td"

def Lepton_ReduceSum : I32EnumAttrCase<"sum", 0>;
def Lepton_ReduceMean : I32EnumAttrCase<"mean", 1>;
def Lepton_ReduceMax : I32EnumAttrCase<"max", 2>;
def Lepton_ReduceMin : I32EnumAttrCase<"min", 3>;
def Lepton_ReduceProd : I32EnumAttrCase<"prod", 4>;
def Lepton_ReduceKind : I32EnumAttr<"ReduceKind", "what a reduction computes", [Lepton_ReduceSum, Lepton_ReduceMean, Lepton_ReduceMax, Lepton_ReduceMin, Lepton_ReduceProd]> {
  let cppNamespace = "::lepton";
  let genSpecializedAttr = 0;
}
def Lepton_ReduceKindAttr : EnumAttr<Lepton_Dialect, Lepton_ReduceKind, "reduce_kind">;

def Lepton_ReduceOp : Lepton_KernelOp<"reduce"> {
  let summary = "sum, mean, max, min or product over dimensions";
  let description = [{
    With `keepdims` the reduced dimensions stay, of size 1. Over no elements the result is the neutral one (0, 1, the lowest or the highest value).

    Example:
    ```mlir
    %y = lepton.reduce sum %x {axes = array<i64: 1>, keepdims} : (tensor<2x3xf32>) -> tensor<2x1xf32>
    ```
  }];
  let arguments = (ins Lepton_ReduceKindAttr:$kind, Lepton_Tensor:$input, DenseI64ArrayAttr:$axes, UnitAttr:$keepdims);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$kind $input attr-dict `:` functional-type(operands, results)";
}

def Lepton_ArgReduceOp : Lepton_KernelOp<"arg_reduce"> {
  let summary = "index of the largest or smallest element along a dimension";
  let description = [{
    Of equal elements the first wins, or the last with `select_last`.

    Example:
    ```mlir
    %y = lepton.arg_reduce max %x {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2xi64>
    ```
  }];
  let arguments = (ins Lepton_ReduceKindAttr:$kind, Lepton_Tensor:$input, I64Attr:$axis, UnitAttr:$keepdims, UnitAttr:$select_last);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$kind $input attr-dict `:` functional-type(operands, results)";
}

def Lepton_SoftmaxOp : Lepton_KernelOp<"softmax"> {
  let summary = "exponentials normalised over a dimension, or their logarithms";
  let description = [{
    `result = exp(x - max) / sum(exp(x - max))` along `axis`; with `log`, its logarithm.

    Example:
    ```mlir
    %y = lepton.softmax %x {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, I64Attr:$axis, UnitAttr:$log);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_NormalizeOp : Lepton_KernelOp<"normalize"> {
  let summary = "zero mean and unit variance over dimensions";
  let description = [{
    `result = (x - mean) / sqrt(variance + epsilon)` with the statistics over `axes` in f32 or wider; scale and bias are elementwise ops
    around it. With `rms` the mean is not subtracted. The core of Layer-, Instance-, Group- and RMS-normalisation.

    On a CPU a slice is read twice: for its statistics, in blocks that the first-level cache holds (a block's mean, then the squares of the distances from it,
    joined with those of the blocks before), and to be normalised, by which what follows element by element is computed, too.

    Example:
    ```mlir
    %y = lepton.normalize %x {axes = array<i64: 1>, epsilon = 1.0e-5 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, DenseI64ArrayAttr:$axes, F64Attr:$epsilon, UnitAttr:$rms);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_DeterminantOp : Lepton_KernelOp<"determinant"> {
  let summary = "determinants of square matrices";
  let description = [{
    Of [batch..., n, n], the determinant of each matrix, by elimination with partial pivoting.

    Example:
    ```mlir
    %y = lepton.determinant %x : (tensor<2x3x3xf32>) -> tensor<2xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_InverseOp : Lepton_KernelOp<"inverse"> {
  let summary = "inverses of square matrices";
  let description = [{
    Of [batch..., n, n], the inverse of each matrix, by Gauss-Jordan elimination with partial pivoting. That of a singular matrix is not finite.

    Example:
    ```mlir
    %y = lepton.inverse %x : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_REDUCTION_TD
