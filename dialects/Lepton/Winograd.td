//===- Winograd.td - convolutions by minimal filtering ----------------------------------------------------------------===//

#ifndef LEPTON_WINOGRAD_TD
#define LEPTON_WINOGRAD_TD

include "dialects/Lepton/LeptonBase.td"

def Lepton_WinogradInputOp : Lepton_KernelOp<"winograd_input"> {
  let summary = "tiles of an image, transformed for F(tile x tile, 3 x 3)";
  let description = [{
    The input, channels last, is cut into squares of n = `tile` + 2 pixels that overlap by 2; each becomes `B^T d B` (Winograd; Lavin and Gray,
    2016). Result `[n * n, N * rows * columns, C]`: for each position in a square, a matrix of tiles by channels. The image has whole tiles: `rows * tile + 2` by
    `columns * tile + 2` pixels.

    Example:
    ```mlir
    %v = lepton.winograd_input %x {tile = 4 : i64} : (tensor<1x10x14x32xf32>) -> tensor<36x6x32xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, I64Attr:$tile);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_WinogradConvOp : Lepton_KernelOp<"winograd_conv"> {
  let summary = "convolution of stride 1 by minimal filtering, with a transformed filter";
  let description = [{
    For each position in a tile the product of `tiles` (`[n * n, N * rows * columns, C]`, see `winograd_input`) and of the filter, `G g G^T` in blocks of B
    output channels: `[ceil(M / B), n * n, 1, C, B]`; then `A^T m A`. Instead of tiles an image of whole tiles, as `winograd_input` takes it, is transformed part by part
    within the kernel, so that the transforms of large images need no memory of their own. Result `[N, size..., M]`, channels last; what reaches past `size` is cut off.

    In one dimension filters have any `kernel`, and a `dilation` of up to 64; those of more than 3 taps are cut into groups of 4, F(tile, 4), whose products are summed before
    they are transformed back: `[ceil(M / B), n, groups, C, B]`. The image, `[N, pixels, C]`, has whole blocks of `tile * dilation` outputs.

    Example:
    ```mlir
    %y = lepton.winograd_conv %v, %u {tile = 4 : i64, kernel = array<i64: 3, 3>, size = array<i64: 8, 12>, channels = 64 : i64}
       : (tensor<36x6x32xf32>, tensor<2x36x1x32x32xf32>) -> tensor<1x8x12x64xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$tiles, Lepton_Tensor:$filter, I64Attr:$tile, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$size,
      I64Attr:$channels, DefaultValuedAttr<I64Attr, "1">:$dilation);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$tiles `,` $filter attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_WINOGRAD_TD
