//===- Resize.td - resampling along dimensions ------------------------------------------------------------------------===//

#ifndef LEPTON_RESIZE_TD
#define LEPTON_RESIZE_TD

include "dialects/Lepton/LeptonBase.td"

class Lepton_ResizeEnum<string name, string summary, list<string> cases>
    : I32EnumAttr<name, summary, !foreach(i, !range(0, !size(cases)), I32EnumAttrCase<cases[i], i>)> {
  let cppNamespace = "::lepton";
  let genSpecializedAttr = 0;
}

def Lepton_ResizeMode : Lepton_ResizeEnum<"ResizeMode", "how a value between elements is found", ["nearest", "linear", "cubic"]>;
def Lepton_ResizeModeAttr : EnumAttr<Lepton_Dialect, Lepton_ResizeMode, "resize_mode">;

def Lepton_ResizeCoordinates : Lepton_ResizeEnum<"ResizeCoordinates", "which input coordinate an output position stands for",
    ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"]>;
def Lepton_ResizeCoordinatesAttr : EnumAttr<Lepton_Dialect, Lepton_ResizeCoordinates, "resize_coordinates">;

def Lepton_ResizeRounding : Lepton_ResizeEnum<"ResizeRounding", "which neighbour is the nearest",
    ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil", "by_scale"]>;
def Lepton_ResizeRoundingAttr : EnumAttr<Lepton_Dialect, Lepton_ResizeRounding, "resize_rounding">;

def Lepton_ResizeFit : Lepton_ResizeEnum<"ResizeFit", "how sizes are met", ["stretch", "not_larger", "not_smaller"]>;
def Lepton_ResizeFitAttr : EnumAttr<Lepton_Dialect, Lepton_ResizeFit, "resize_fit">;

def Lepton_ResizeOp : Lepton_ElementOp<"resize", [AttrSizedOperandSegments]> {
  let summary = "resamples along some dimensions";
  let description = [{
    ONNX Resize along `axes`, in any order; the other dimensions stay. Either `scales` gives a constant factor per axis, and the result's size is
    `floor(size * scale)`, or the operand `sizes` (i64) gives the result's size per axis. `fit` says whether sizes are met by one factor per
    axis, or by the one common factor with which the result is nowhere larger, or nowhere smaller. Beside sizes, the operand
    `factors` (f32) gives the exact factors that the sizes came from.

    `coordinates` maps positions to the input; `tf_crop_and_resize` reads the part given by `roi` (f32: starts, then ends, per axis, as fractions) and
    yields `extrapolation` outside of the input. `antialias` widens the filter of linear and cubic modes when a dimension shrinks.
    The rounding `by_scale` is that of ONNX's operator set 10: up along an axis that shrinks, down along the others.
    `exclude_outside` gives no weight to neighbours outside of the input; without it they repeat the edge.

    Example:
    ```mlir
    %y = lepton.resize nearest asymmetric %x {axes = array<i64: 2, 3>, scales = array<f64: 2.0, 2.0>, rounding = #lepton<resize_rounding floor>}
       : (tensor<1x8x?x?xf32>) -> tensor<1x8x?x?xf32>
    %z = lepton.resize linear half_pixel %x to %s {axes = array<i64: 2, 3>} : (tensor<1x8x?x?xf32>, tensor<2xi64>) -> tensor<1x8x?x?xf32>
    ```
  }];
  let arguments = (ins Lepton_ResizeModeAttr:$mode, Lepton_ResizeCoordinatesAttr:$coordinates, Lepton_Tensor:$input, Optional<Lepton_Tensor>:$sizes,
      Optional<Lepton_Tensor>:$factors, Optional<Lepton_Tensor>:$roi, DenseI64ArrayAttr:$axes, OptionalAttr<DenseF64ArrayAttr>:$scales,
      DefaultValuedAttr<Lepton_ResizeRoundingAttr, "::lepton::ResizeRounding::round_prefer_floor">:$rounding,
      DefaultValuedAttr<Lepton_ResizeFitAttr, "::lepton::ResizeFit::stretch">:$fit, DefaultValuedAttr<F64Attr, "-0.75">:$cubic_coefficient,
      DefaultValuedAttr<F64Attr, "0.0">:$extrapolation, UnitAttr:$exclude_outside, UnitAttr:$antialias);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = [{
    $mode $coordinates $input (`to` $sizes^)? (`factors` $factors^)? (`roi` $roi^)? attr-dict `:` functional-type(operands, results)
  }];
}

#endif // LEPTON_RESIZE_TD
