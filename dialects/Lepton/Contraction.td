//===- Contraction.td - matrix products, convolutions and pooling ---------------------------------------------------===//

#ifndef LEPTON_CONTRACTION_TD
#define LEPTON_CONTRACTION_TD

include "dialects/Lepton/LeptonBase.td"
include "dialects/Lepton/Reduction.td"

def Lepton_MatMulOp : Lepton_KernelOp<"matmul"> {
  let summary = "matrix product by NumPy's rules";
  let description = [{
    Leading dimensions are batches and broadcast; a vector operand is a row (left) or a column (right). The element type of the result is the
    operands', or i32 where they are 8-bit or 16-bit integers.

    Example:
    ```mlir
    %y = lepton.matmul %a, %b : (tensor<5x2x3xf32>, tensor<3x4xf32>) -> tensor<5x2x4xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$lhs, Lepton_Tensor:$rhs);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Lepton_ConvOp : Lepton_KernelOp<"conv"> {
  let summary = "convolution, channels first";
  let description = [{
    Input `[N, C, spatial...]`, filter `[M, C/group, kernel...]`, result `[N, M, spatial...]`, without bias. `pads` holds the counts before,
    then after each spatial dimension. The result's element type is the input's, or i32 where that is an 8-bit or 16-bit integer.

    Example:
    ```mlir
    %y = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64}
       : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, I64Attr:$group);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
}

def Lepton_ConvTransposeOp : Lepton_KernelOp<"conv_transpose"> {
  let summary = "transposed convolution, channels first";
  let description = [{
    Input `[N, C, spatial...]`, filter `[C, M/group, kernel...]`, result `[N, M, spatial...]`, without bias. Size of a result dimension:
    `stride * (in - 1) + output_padding + (kernel - 1) * dilation + 1 - pad_before - pad_after`.

    Example:
    ```mlir
    %y = lepton.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>,
         output_padding = array<i64: 0>, group = 1 : i64} : (tensor<1x3x8xf32>, tensor<3x4x2xf32>) -> tensor<1x4x16xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$output_padding, I64Attr:$group);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
}

def Lepton_PackedMatMulOp : Lepton_KernelOp<"packed_matmul"> {
  let summary = "matrix product with a blocked right operand";
  let description = [{
    `result[m.., n] = sum_k lhs[m.., k] * rhs[n / B, k, n % B]` where rhs is `[ceil(N / B), K, B]`, its last block filled with zeros: the layout
    from which a micro-kernel reads whole vectors in order (Goto and van de Geijn, 2008; BLIS).

    Example:
    ```mlir
    %y = lepton.packed_matmul %a, %b {n = 40 : i64} : (tensor<2x3xf32>, tensor<3x3x16xf32>) -> tensor<2x40xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$lhs, Lepton_Tensor:$rhs, I64Attr:$n);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Lepton_PackedConvOp : Lepton_KernelOp<"packed_conv"> {
  let summary = "convolution, channels last, with a blocked filter and no padding";
  let description = [{
    Input `[N, spatial..., C]`, filter `[group, ceil(Mg / B), kernel..., C / group, B]` with `Mg = M / group`, result `[N, spatial..., M]`.
    Padding is an op of its own before it. With `channels_inner`, the filter is `[.., B, C / group]`: for few output channels, that leave a vector mostly
    empty, vectors run along the input's channels and are added up at the end.

    Example:
    ```mlir
    %y = lepton.packed_conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels = 4 : i64}
       : (tensor<1x10x10x3xf32>, tensor<1x1x3x3x3x16xf32>) -> tensor<1x8x8x4xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, I64Attr:$channels,
                       UnitAttr:$channels_inner);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
}

def Lepton_PackedConvTransposeOp : Lepton_KernelOp<"packed_conv_transpose"> {
  let summary = "transposed convolution, channels last, with a blocked filter";
  let description = [{
    Input `[N, spatial..., C]`, padded with the zeros that windows reach over its edges (`TransposedDim` in Window.h says how many), filter
    `[group, ceil(Mg / B), kernel..., C / group, B]` with `Mg = M / group`, the taps of each dimension ordered by phases, result `[N, spatial..., M]`. The attributes
    are those of `conv_transpose`. With `channels_inner`, the filter is `[.., B, C / group]`, see `packed_conv`.

    Results that leave the same remainders by the strides are a phase: a dense convolution with the taps that meet it, written straight to its places.

    Example:
    ```mlir
    %y = lepton.packed_conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>,
         output_padding = array<i64: 0>, channels = 4 : i64} : (tensor<1x8x3xf32>, tensor<1x1x2x3x16xf32>) -> tensor<1x16x4xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$output_padding, I64Attr:$channels,
                       UnitAttr:$channels_inner);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    ::llvm::SmallVector<::lepton::TransposedDim> dims();
  }];
}

def Lepton_PackBlocksOp : Lepton_ElementOp<"pack_blocks"> {
  let summary = "cuts a dimension into blocks that become the last dimension";
  let description = [{
    `result[.., i, .., j] = input[.., i * block + j, ..]` where dimension `axis` of size S becomes `ceil(S / block)`, and zero past the end.

    Example:
    ```mlir
    %y = lepton.pack_blocks %x {axis = 0 : i64, block = 16 : i64} : (tensor<40x3xf32>) -> tensor<3x3x16xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, I64Attr:$axis, I64Attr:$block);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_DepthwiseConvOp : Lepton_KernelOp<"depthwise_conv"> {
  let summary = "one filter per channel, channels last, no padding";
  let description = [{
    Input `[N, spatial..., C]`, filter `[kernel..., C]`, result `[N, spatial..., C]`.

    Example:
    ```mlir
    %y = lepton.depthwise_conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<1x10x8xf32>, tensor<3x8xf32>) -> tensor<1x8x8xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
}

def Lepton_PoolOp : Lepton_KernelOp<"pool"> {
  let summary = "maximum, sum or mean over windows";
  let description = [{
    Windows over the dimensions from `first_spatial` on (2: channels first, 1: channels last). `pads` holds the counts before, then after each
    spatial dimension; with `ceil_mode` the last window may reach past the end. A mean divides by the number of elements inside the input, or with
    `count_include_pad` by those inside the padded input.

    Example:
    ```mlir
    %y = lepton.pool max %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>,
         first_spatial = 2 : i64} : (tensor<1x3x8x8xf32>) -> tensor<1x3x4x4xf32>
    ```
  }];
  let arguments = (ins Lepton_ReduceKindAttr:$kind, Lepton_Tensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations, I64Attr:$first_spatial, UnitAttr:$ceil_mode,
                       UnitAttr:$count_include_pad);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$kind $input attr-dict `:` functional-type(operands, results)";
}

def Lepton_ArgPoolOp : Lepton_ElementOp<"arg_pool"> {
  let summary = "where the largest element of each window lies";
  let description = [{
    The row-major position in the whole input, channels first, of the element that `pool max` with the same attributes yields; of equal elements the first of
    the window. With `column_major` the spatial dimensions count in reverse order.

    Example:
    ```mlir
    %i = lepton.arg_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
       : (tensor<1x3x8x8xf32>) -> tensor<1x3x4x4xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, UnitAttr:$ceil_mode, UnitAttr:$column_major);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_CONTRACTION_TD
