//===- Sampling.td - ops that read between elements, at computed coordinates --------------------------------------------===//

#ifndef LEPTON_SAMPLING_TD
#define LEPTON_SAMPLING_TD

include "dialects/Lepton/LeptonBase.td"
include "dialects/Lepton/Resize.td"

def Lepton_SamplePadding : Lepton_ResizeEnum<"SamplePadding", "what lies outside of the input", ["zeros", "border", "reflection"]>;
def Lepton_SamplePaddingAttr : EnumAttr<Lepton_Dialect, Lepton_SamplePadding, "sample_padding">;

def Lepton_SampleOp : Lepton_ElementOp<"sample"> {
  let summary = "values at coordinates between elements";
  let description = [{
    `input` is [N, C, spatial...], `positions` [N, place..., spatial dimensions], the result [N, C, place...]: the value at each place's coordinates, which
    count elements, in the order of the spatial dimensions. Mode `nearest` takes the nearest element (ties to even), `linear` and `cubic` interpolate
    between two or four elements per dimension (Keys' cubic with -0.75).

    Outside of the input there are zeros, the nearest element of the border, or the input's reflection, of which the border elements' centres are the mirrors with
    `reflect_centres`, and their outer edges without.

    Example:
    ```mlir
    %y = lepton.sample linear zeros %x, %p : (tensor<1x3x8x8xf32>, tensor<1x5x6x2xf32>) -> tensor<1x3x5x6xf32>
    ```
  }];
  let arguments = (ins Lepton_ResizeModeAttr:$mode, Lepton_SamplePaddingAttr:$padding, Lepton_Tensor:$input, Lepton_Tensor:$positions, UnitAttr:$reflect_centres);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$mode $padding $input `,` $positions attr-dict `:` functional-type(operands, results)";
}

def Lepton_RoiAlignOp : Lepton_ElementOp<"roi_align"> {
  let summary = "pools regions of images from interpolated samples";
  let description = [{
    ONNX RoiAlign: region r, corners `rois[r]` (x, y, x, y), scaled by `spatial_scale`, of image `batch[r]` is cut into `height` by `width` bins. A
    bin's value is the mean, or with `max` the largest, of `sampling_ratio` samples per dimension, or with 0 of as many as the bin's size rounded up.
    A sample interpolates between four elements (with `max` the largest of the four weighted elements counts, as in the standard's
    definition); one more than an element outside of the image is 0. With `half_pixel`, coordinates are shifted by half an element; without, regions are at least one element large.

    Example:
    ```mlir
    %y = lepton.roi_align %x, %r, %b {height = 5 : i64, width = 5 : i64, sampling_ratio = 2 : i64, spatial_scale = 1.0 : f64, half_pixel}
       : (tensor<1x1x10x10xf32>, tensor<3x4xf32>, tensor<3xi64>) -> tensor<3x1x5x5xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$rois, Lepton_Tensor:$batch, I64Attr:$height, I64Attr:$width, I64Attr:$sampling_ratio,
                       F64Attr:$spatial_scale, UnitAttr:$half_pixel, UnitAttr:$max);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $rois `,` $batch attr-dict `:` functional-type(operands, results)";
}

def Lepton_MaxRoiPoolOp : Lepton_ElementOp<"max_roi_pool"> {
  let summary = "the largest elements in the bins of regions of images";
  let description = [{
    ONNX MaxRoiPool: `rois[r]` is the number of an image and two corners (x, y, x, y) that, scaled by `spatial_scale` and rounded, halves away from
    zero, belong to region r. It is cut into `height` by `width` bins, from the element in which a bin begins to the one in which it ends. The standard
    gives no formula; this is onnxruntime's. A bin without elements is 0.

    Example:
    ```mlir
    %y = lepton.max_roi_pool %x, %r {height = 7 : i64, width = 7 : i64, spatial_scale = 6.25e-02 : f64}
       : (tensor<1x512x38x38xf32>, tensor<?x5xf32>) -> tensor<?x512x7x7xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$rois, I64Attr:$height, I64Attr:$width, F64Attr:$spatial_scale);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $rois attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_SAMPLING_TD
