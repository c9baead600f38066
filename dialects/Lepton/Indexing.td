//===- Indexing.td - ops that read or write at computed positions, and scans ------------------------------------------===//

#ifndef LEPTON_INDEXING_TD
#define LEPTON_INDEXING_TD

include "dialects/Lepton/LeptonBase.td"
include "dialects/Lepton/Reduction.td"

def Lepton_RangeOp : Lepton_ElementOp<"range"> {
  let summary = "`count` numbers from `start` in steps of `delta`";
  let description = [{
    `result[i] = start + i * delta`; a negative count yields no elements. All operands hold one element. The count may be known only to the run.

    Example:
    ```mlir
    %y = lepton.range %start, %delta, %count : (tensor<f32>, tensor<f32>, tensor<i64>) -> tensor<?xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$start, Lepton_Tensor:$delta, Lepton_Tensor:$count);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$start `,` $delta `,` $count attr-dict `:` functional-type(operands, results)";
}

def Lepton_GatherElementsOp : Lepton_ElementOp<"gather_elements"> {
  let summary = "picks elements along one dimension, each by its own index";
  let description = [{
    ONNX GatherElements: `result[.., i, ..] = input[.., indices[.., i, ..], ..]`; negative indices count from the end.

    Example:
    ```mlir
    %y = lepton.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x5xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$indices, I64Attr:$axis);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` functional-type(operands, results)";
}

def Lepton_GatherNDOp : Lepton_ElementOp<"gather_nd"> {
  let summary = "picks slices by tuples of indices";
  let description = [{
    ONNX GatherND: the last dimension of `indices` holds positions in the dimensions of `input` that follow the first `batch_dims`, which both
    operands share. Negative indices count from the end.

    Example:
    ```mlir
    %y = lepton.gather_nd %x, %i {batch_dims = 0 : i64} : (tensor<4x5x6xf32>, tensor<7x2xi64>) -> tensor<7x6xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$indices, I64Attr:$batch_dims);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` functional-type(operands, results)";
}

def Lepton_ReverseSequenceOp : Lepton_ElementOp<"reverse_sequence"> {
  let summary = "reverses the first elements of each sequence of a batch";
  let description = [{
    Of sequence `b`, counted along `batch_axis`, the first `lengths[b]` positions along `time_axis` are reversed; the others stay.

    Example:
    ```mlir
    %y = lepton.reverse_sequence %x, %n {batch_axis = 1 : i64, time_axis = 0 : i64} : (tensor<4x2xf32>, tensor<2xi64>) -> tensor<4x2xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$lengths, I64Attr:$batch_axis, I64Attr:$time_axis);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $lengths attr-dict `:` functional-type(operands, results)";
}

def Lepton_TensorScatterOp : Lepton_ElementOp<"tensor_scatter"> {
  let summary = "writes a run of positions of each batch entry of a cache";
  let description = [{
    ONNX TensorScatter: `result` is `cache` with `result[b, .., positions[b] + s, ..] = update[b, .., s, ..]` along `axis`; with `circular`, positions
    past the end continue at the beginning.

    Example:
    ```mlir
    %y = lepton.tensor_scatter %x, %u, %p {axis = 1 : i64, circular} : (tensor<2x8x4xf32>, tensor<2x3x4xf32>, tensor<2xi64>) -> tensor<2x8x4xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$cache, Lepton_Tensor:$update, Lepton_Tensor:$positions, I64Attr:$axis, UnitAttr:$circular);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$cache `,` $update `,` $positions attr-dict `:` functional-type(operands, results)";
}

def Lepton_Col2ImOp : Lepton_KernelOp<"col2im"> {
  let summary = "sums overlapping blocks, laid out as columns, into an image";
  let description = [{
    ONNX Col2Im, the transpose of the extraction of blocks: `input` is [N, C * elements of a block, number of blocks], the result [N, C, image...].
    `image` and `block` hold sizes; `pads` the counts before, then after each dimension of the image.

    Example:
    ```mlir
    %y = lepton.col2im %x, %image, %block {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
       : (tensor<1x5x5xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<1x1x5x5xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$image, Lepton_Tensor:$block, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$pads);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $image `,` $block attr-dict `:` functional-type(operands, results)";
}

def Lepton_ScatterNone : I32EnumAttrCase<"none", 0>;
def Lepton_ScatterAdd : I32EnumAttrCase<"add", 1>;
def Lepton_ScatterMul : I32EnumAttrCase<"mul", 2>;
def Lepton_ScatterMax : I32EnumAttrCase<"max", 3>;
def Lepton_ScatterMin : I32EnumAttrCase<"min", 4>;
def Lepton_ScatterKind : I32EnumAttr<"ScatterKind", "how an update meets what is there", [Lepton_ScatterNone, Lepton_ScatterAdd, Lepton_ScatterMul, Lepton_ScatterMax, Lepton_ScatterMin]> {
  let cppNamespace = "::lepton";
  let genSpecializedAttr = 0;
}
def Lepton_ScatterKindAttr : EnumAttr<Lepton_Dialect, Lepton_ScatterKind, "scatter_kind">;

def Lepton_ScatterElementsOp : Lepton_KernelOp<"scatter_elements"> {
  let summary = "a copy with elements along one dimension written, each at its own index";
  let description = [{
    ONNX ScatterElements: `result[.., indices[.., i, ..], ..]` meets `updates[.., i, ..]`, in the order of the updates. Kind `none` replaces.

    Example:
    ```mlir
    %y = lepton.scatter_elements none %x, %i, %u {axis = 1 : i64} : (tensor<2x5xf32>, tensor<2x3xi64>, tensor<2x3xf32>) -> tensor<2x5xf32>
    ```
  }];
  let arguments = (ins Lepton_ScatterKindAttr:$kind, Lepton_Tensor:$input, Lepton_Tensor:$indices, Lepton_Tensor:$updates, I64Attr:$axis);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$kind $input `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def Lepton_ScatterNDOp : Lepton_KernelOp<"scatter_nd"> {
  let summary = "a copy with slices written, each at a tuple of indices";
  let description = [{
    ONNX ScatterND: the last dimension of `indices` holds positions in the first dimensions of `input`; the slices there meet the slices of
    `updates`, in order. Kind `none` replaces.

    Example:
    ```mlir
    %y = lepton.scatter_nd add %x, %i, %u : (tensor<4x5xf32>, tensor<3x1xi64>, tensor<3x5xf32>) -> tensor<4x5xf32>
    ```
  }];
  let arguments = (ins Lepton_ScatterKindAttr:$kind, Lepton_Tensor:$input, Lepton_Tensor:$indices, Lepton_Tensor:$updates);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$kind $input `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def Lepton_CumulateOp : Lepton_KernelOp<"cumulate"> {
  let summary = "sums or products of all elements up to each one along a dimension";
  let description = [{
    With `exclusive` an element does not count itself; with `reverse` the elements from each one to the end are meant.

    Example:
    ```mlir
    %y = lepton.cumulate sum %x {axis = 1 : i64, exclusive} : (tensor<2x3xf32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Lepton_ReduceKindAttr:$kind, Lepton_Tensor:$input, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$kind $input attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_INDEXING_TD
