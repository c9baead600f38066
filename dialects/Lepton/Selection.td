//===- Selection.td - ops that sort, and that choose elements by their values ------------------------------------------===//
//
// Results whose size depends on data come in two steps. An ordinary op (a sum) counts, and the count, one integer, is an operand of the op that
// makes the result: a dimension of it is that operand's element, which every phase already knows how to read when the run gets there.
//
//===------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_SELECTION_TD
#define LEPTON_SELECTION_TD

include "dialects/Lepton/LeptonBase.td"

def Lepton_NonZeroOp : Lepton_KernelOp<"nonzero"> {
  let summary = "positions of the elements that are not zero";
  let description = [{
    The result has a row per dimension of `input` and `count` columns: the positions of the nonzero elements (false is zero, NaN is not) in
    row-major order. `count`, one integer, is their number; were it another, the columns past the last position would hold zeros, and positions past the last column
    would be left out.

    Example:
    ```mlir
    %i = lepton.nonzero %x, %count : (tensor<2x5xf32>, tensor<i64>) -> tensor<2x?xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$count);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $count attr-dict `:` functional-type(operands, results)";
}

def Lepton_TopKOp : Lepton_KernelOp<"top_k"> {
  let summary = "indices of the largest or smallest elements along a dimension, the best first";
  let description = [{
    `k` holds one element. Of equal elements the one with the lower index comes first; a NaN is larger than every number. The elements
    themselves are a `gather_elements` away.

    Example:
    ```mlir
    %i = lepton.top_k %x, %k {axis = 1 : i64, largest} : (tensor<2x9xf32>, tensor<i64>) -> tensor<2x?xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$k, I64Attr:$axis, UnitAttr:$largest);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $k attr-dict `:` functional-type(operands, results)";
}

def Lepton_ArgSortOp : Lepton_KernelOp<"arg_sort"> {
  let summary = "the order that sorts rows";
  let description = [{
    `input` holds tables [batch..., rows, columns]; the result [batch..., rows] lists the rows of each table from the smallest to the largest, or
    with `descending` from the largest, compared column after column. Equal rows keep their order; a NaN is larger than every number. A merge sort.

    Example:
    ```mlir
    %i = lepton.arg_sort %x {descending} : (tensor<2x9x1xf32>) -> tensor<2x9xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, UnitAttr:$descending);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_FindOp : Lepton_ElementOp<"find"> {
  let summary = "the place of each element in a sorted list";
  let description = [{
    `keys` is a list of `input`'s type, sorted and without repetitions; a NaN, at most one, is its last element. The result is each element's position in it, or its length
    for an element that it lacks. Zeros of both signs are equal, and so are NaNs. A binary search.

    Example:
    ```mlir
    %i = lepton.find %x, %keys : (tensor<2x3xi64>, tensor<9xi64>) -> tensor<2x3xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$keys);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $keys attr-dict `:` functional-type(operands, results)";
}

def Lepton_SuppressBoxesOp : Lepton_KernelOp<"suppress_boxes"> {
  let summary = "greedy suppression of boxes that overlap a better one";
  let description = [{
    `boxes` is [batch, n, 4] with two opposite corners (y, x, y, x) per box; `order` [batch, classes, n] lists the boxes of each class, the best first, and
    `candidates`, bools of the same shape, says which places of that list count. `result[b, c, p]` tells whether the box at place p is kept: it is a candidate, fewer than `limit`
    boxes before it were kept, and its intersection over union with each of them is at most `threshold`.

    Example:
    ```mlir
    %k = lepton.suppress_boxes %b, %o, %c, %limit, %t
       : (tensor<1x6x4xf32>, tensor<1x2x6xi64>, tensor<1x2x6xi1>, tensor<i64>, tensor<f32>) -> tensor<1x2x6xi1>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$boxes, Lepton_Tensor:$order, Lepton_Tensor:$candidates, Lepton_Tensor:$limit, Lepton_Tensor:$threshold);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$boxes `,` $order `,` $candidates `,` $limit `,` $threshold attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_SELECTION_TD
