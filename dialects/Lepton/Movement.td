//===- Movement.td - ops that move, view or generate data ----------------------------------------------------------===//

#ifndef LEPTON_MOVEMENT_TD
#define LEPTON_MOVEMENT_TD

include "dialects/Lepton/LeptonBase.td"

class Lepton_ViewOp<string mnemonic> : Lepton_Op<mnemonic, [Lepton_ViewOpInterface]> {
  let results = (outs Lepton_Tensor:$result);
}

def Lepton_ConstantOp : Lepton_Op<"constant", [ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "a constant tensor";
  let description = [{
    Large constants are `dense_resource` attributes that refer to mapped files; they are never uniqued or copied.

    Example:
    ```mlir
    %0 = lepton.constant dense<[1, 2]> : tensor<2xi64>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Lepton_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "attr-dict $value";
  let builders = [OpBuilder<(ins "::mlir::ElementsAttr":$value), [{ build($_builder, $_state, value.getShapedType(), value); }]>];
}

def Lepton_ReshapeOp : Lepton_ViewOp<"reshape"> {
  let summary = "another shape for the same data";
  let description = [{
    ONNX Reshape: a size of 0 in `shape` copies the input's (unless `allowzero`), -1 is inferred.

    Example:
    ```mlir
    %s = lepton.constant dense<[2, -1]> : tensor<2xi64>
    %y = lepton.reshape %x, %s : (tensor<4x3xf32>, tensor<2xi64>) -> tensor<2x6xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$shape, UnitAttr:$allowzero);
  let assemblyFormat = "$input `,` $shape attr-dict `:` functional-type(operands, results)";
}

def Lepton_SqueezeOp : Lepton_ViewOp<"squeeze"> {
  let summary = "drops dimensions of size 1";
  let description = [{
    Example:
    ```mlir
    %y = lepton.squeeze %x {axes = array<i64: 0>} : (tensor<1x3xf32>) -> tensor<3xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, DenseI64ArrayAttr:$axes);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_UnsqueezeOp : Lepton_ViewOp<"unsqueeze"> {
  let summary = "adds dimensions of size 1";
  let description = [{
    `axes` are sorted positions in the result.

    Example:
    ```mlir
    %y = lepton.unsqueeze %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<1x3xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, DenseI64ArrayAttr:$axes);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_FlattenOp : Lepton_ViewOp<"flatten"> {
  let summary = "a matrix: dimensions before `axis` by the others";
  let description = [{
    Example:
    ```mlir
    %y = lepton.flatten %x {axis = 1 : i64} : (tensor<2x3x4xf32>) -> tensor<2x12xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, I64Attr:$axis);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_ShapeOp : Lepton_ElementOp<"shape"> {
  let summary = "sizes of the dimensions [start, end) as i64";
  let description = [{
    Example:
    ```mlir
    %s = lepton.shape %x {start = 0 : i64, end = 2 : i64} : (tensor<?x3xf32>) -> tensor<2xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, I64Attr:$start, I64Attr:$end);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_TransposeOp : Lepton_ElementOp<"transpose"> {
  let summary = "permutes dimensions";
  let description = [{
    `result[i_0, ...] = input[j_0, ...]` with `j_{perm[d]} = i_d`.

    Example:
    ```mlir
    %y = lepton.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, DenseI64ArrayAttr:$perm);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_DepthToSpaceOp : Lepton_ElementOp<"depth_to_space"> {
  let summary = "spreads channels over blocks of pixels";
  let description = [{
    Each pixel becomes a block of `block` pixels (sizes per spatial dimension, which start at `first_spatial`; 2: channels first, 1: channels last). With P the number of pixels in
    a block and C / P channels in the result, pixel p and channel c of the result come from channel `p * (C / P) + c` (ONNX's mode DCR), or with
    `channels_outside` from `c * P + p` (CRD, PyTorch's PixelShuffle).

    Example:
    ```mlir
    %y = lepton.depth_to_space %x {block = array<i64: 2, 2>, first_spatial = 2 : i64} : (tensor<1x8x3x3xf32>) -> tensor<1x2x6x6xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, DenseI64ArrayAttr:$block, I64Attr:$first_spatial, UnitAttr:$channels_outside);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_ExpandOp : Lepton_ElementOp<"expand"> {
  let summary = "broadcasts to a shape";
  let description = [{
    ONNX Expand: the result's shape is the broadcast of the input's shape and `shape`.

    Example:
    ```mlir
    %y = lepton.expand %x, %s : (tensor<1x3xf32>, tensor<2xi64>) -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$shape);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $shape attr-dict `:` functional-type(operands, results)";
}

def Lepton_SliceOp : Lepton_ElementOp<"slice"> {
  let summary = "a strided part";
  let description = [{
    ONNX Slice: bounds are clamped to the input, negative ones count from the end; `steps` may be negative. `axes` names the dimension of
    each entry of `starts`, `ends` and `steps`.

    Example:
    ```mlir
    %y = lepton.slice %x, %starts, %ends, %steps {axes = array<i64: 1>}
       : (tensor<2x9xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x?xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$starts, Lepton_Tensor:$ends, Lepton_Tensor:$steps, DenseI64ArrayAttr:$axes);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $starts `,` $ends `,` $steps attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    /// Clamped starts, sizes of the result, and steps, one per dimension of the input.
    void getBounds(ShapeAnalysis &shapes, ::llvm::SmallVectorImpl<::mlir::AffineExpr> &starts,
                   ::llvm::SmallVectorImpl<::mlir::AffineExpr> &sizes, ::llvm::SmallVectorImpl<::mlir::AffineExpr> &steps);
    /// The starts of a part whose bounds are known and whose steps are all 1: nothing but another address.
    std::optional<::llvm::SmallVector<int64_t>> getOffsets(ShapeAnalysis &shapes);
  }];
}

def Lepton_ConcatOp : Lepton_KernelOp<"concat"> {
  let summary = "joins tensors along one dimension";
  let description = [{
    Example:
    ```mlir
    %y = lepton.concat %a, %b {axis = 0 : i64} : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
    ```
  }];
  let arguments = (ins Variadic<Lepton_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
}

def Lepton_InsertOp : Lepton_Op<"insert"> {
  let summary = "writes a tensor where it belongs in a larger one";
  let description = [{
    The result is `whole` with `part` at `offsets`. Made by `lepton-concat-in-place`: the op is the last of the kernel that computes `part`, which writes it
    to the memory of `whole` straight away. What was inserted before stays where it is, so that no element may be inserted twice; where nothing was inserted yet,
    elements have no value.

    Example:
    ```mlir
    %y = lepton.insert %part, %whole {offsets = array<i64: 0, 16>} : (tensor<4x8xf32>, tensor<4x24xf32>) -> tensor<4x24xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$part, Lepton_Tensor:$whole, DenseI64ArrayAttr:$offsets);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$part `,` $whole attr-dict `:` functional-type(operands, results)";
}

def Lepton_PadConstant : I32EnumAttrCase<"constant", 0>;
def Lepton_PadReflect : I32EnumAttrCase<"reflect", 1>;
def Lepton_PadEdge : I32EnumAttrCase<"edge", 2>;
def Lepton_PadWrap : I32EnumAttrCase<"wrap", 3>;
def Lepton_PadMode : I32EnumAttr<"PadMode", "how a pad is filled", [Lepton_PadConstant, Lepton_PadReflect, Lepton_PadEdge, Lepton_PadWrap]> {
  let cppNamespace = "::lepton";
  let genSpecializedAttr = 0;
}
def Lepton_PadModeAttr : EnumAttr<Lepton_Dialect, Lepton_PadMode, "pad_mode">;

def Lepton_PadOp : Lepton_Op<"pad", [DeclareOpInterfaceMethods<Lepton_ElementOpInterface, ["emitResult"]>]> {
  let summary = "adds (or, where negative, removes) elements at the ends of dimensions";
  let description = [{
    `pads` holds the counts before, then after each of `axes`. `value`, a scalar, fills in mode `constant`; 0 where it is absent.

    Example:
    ```mlir
    %y = lepton.pad constant %x, %pads {axes = array<i64: 0>} : (tensor<3xf32>, tensor<2xi64>) -> tensor<?xf32>
    ```
  }];
  let arguments = (ins Lepton_PadModeAttr:$mode, Lepton_Tensor:$input, Lepton_Tensor:$pads, Optional<Lepton_Tensor>:$value, DenseI64ArrayAttr:$axes);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$mode $input `,` $pads (`fill` $value^)? attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    /// Elements added before each dimension of the input.
    ::llvm::SmallVector<::mlir::AffineExpr> getPadsBefore(ShapeAnalysis &shapes);
    /// Elements added before and after each dimension, where all counts are known and nothing is cut off.
    std::optional<std::pair<::llvm::SmallVector<int64_t>, ::llvm::SmallVector<int64_t>>> getFrame(ShapeAnalysis &shapes);
    /// Writes such a frame to `init`, and lets `inside` write the part where the input belongs: a nest over the input asks nothing.
    ::mlir::Value emitFramed(KernelEmitter &emitter, ::mlir::Value init, ::llvm::function_ref<::mlir::Value(::mlir::Value)> inside);
  }];
}

def Lepton_GatherOp : Lepton_ElementOp<"gather"> {
  let summary = "picks slices along one dimension by index";
  let description = [{
    ONNX Gather: `result[.., j.., ..] = input[.., indices[j..], ..]`; negative indices count from the end.

    Example:
    ```mlir
    %y = lepton.gather %x, %i {axis = 0 : i64} : (tensor<5x3xf32>, tensor<2xi64>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$indices, I64Attr:$axis);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_MOVEMENT_TD
