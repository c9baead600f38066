//===- Sequence.td - sequences and optionals -------------------------------------------------------------------------------===//
//
// Tensors come out of a sequence in two steps: an op gives the shape, a tensor of integers, and is an operand of the op that gives the elements,
// whose sizes are thereby known when the run gets there.
//
//===------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_SEQUENCE_TD
#define LEPTON_SEQUENCE_TD

include "dialects/Lepton/Types.td"

def Lepton_SequenceMakeOp : Lepton_RuntimeOp<"sequence_make"> {
  let summary = "a sequence of tensors";
  let description = [{
    `type` is the sequence's type. ONNX SequenceConstruct, SequenceEmpty.

    Example:
    ```mlir
    %s = lepton.sequence_make(%a, %b) {type = !lepton.sequence<tensor<?xf32>>}
       : (tensor<2xf32>, tensor<3xf32>) -> tensor<!lepton.sequence<tensor<?xf32>>>
    ```
  }];
  let arguments = (ins Variadic<Lepton_Tensor>:$elements, TypeAttr:$type);
  let assemblyFormat = "`(` $elements `)` attr-dict `:` functional-type(operands, results)";
}

def Lepton_SequenceLengthOp : Lepton_RuntimeOp<"sequence_length"> {
  let summary = "the number of tensors in a sequence";
  let description = [{
    Example:
    ```mlir
    %n = lepton.sequence_length %s : (tensor<!lepton.sequence<tensor<?xf32>>>) -> tensor<i64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$sequence);
  let assemblyFormat = "$sequence attr-dict `:` functional-type(operands, results)";
}

def Lepton_SequenceInsertOp : Lepton_RuntimeOp<"sequence_insert"> {
  let summary = "a sequence with one more tensor";
  let description = [{
    The tensor stands at `position`, one integer, negative ones counted from the end.

    Example:
    ```mlir
    %t = lepton.sequence_insert %s, %x, %i
       : (tensor<!lepton.sequence<tensor<?xf32>>>, tensor<3xf32>, tensor<i64>) -> tensor<!lepton.sequence<tensor<?xf32>>>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$sequence, Lepton_Tensor:$element, Lepton_Tensor:$position);
  let assemblyFormat = "$sequence `,` $element `,` $position attr-dict `:` functional-type(operands, results)";
}

def Lepton_SequenceEraseOp : Lepton_RuntimeOp<"sequence_erase"> {
  let summary = "a sequence without the tensor at a position";
  let description = [{
    Example:
    ```mlir
    %t = lepton.sequence_erase %s, %i : (tensor<!lepton.sequence<tensor<?xf32>>>, tensor<i64>) -> tensor<!lepton.sequence<tensor<?xf32>>>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$sequence, Lepton_Tensor:$position);
  let assemblyFormat = "$sequence `,` $position attr-dict `:` functional-type(operands, results)";
}

def Lepton_SequenceShapeOp : Lepton_RuntimeOp<"sequence_shape"> {
  let summary = "the shape of the tensor at a position of a sequence, or in an optional";
  let description = [{
    `position` is one integer, negative ones counted from the end. The rank must be known.

    Example:
    ```mlir
    %n = lepton.sequence_shape %s, %i : (tensor<!lepton.sequence<tensor<?xf32>>>, tensor<i64>) -> tensor<1xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$sequence, Lepton_Tensor:$position);
  let assemblyFormat = "$sequence `,` $position attr-dict `:` functional-type(operands, results)";
}

def Lepton_SequenceAtOp : Lepton_RuntimeOp<"sequence_at"> {
  let summary = "the tensor at a position of a sequence, or in an optional";
  let description = [{
    `shape` is that of `lepton.sequence_shape`.

    Example:
    ```mlir
    %x = lepton.sequence_at %s, %i, %n : (tensor<!lepton.sequence<tensor<?xf32>>>, tensor<i64>, tensor<1xi64>) -> tensor<?xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$sequence, Lepton_Tensor:$position, Lepton_Tensor:$shape);
  let assemblyFormat = "$sequence `,` $position `,` $shape attr-dict `:` functional-type(operands, results)";
}

def Lepton_SequenceSplitOp : Lepton_RuntimeOp<"sequence_split"> {
  let summary = "a tensor cut into a sequence along a dimension";
  let description = [{
    `split` holds the size of each piece or, as a scalar, of all pieces but perhaps the last. With `squeeze`, for pieces of size 1, they lose
    the dimension. ONNX SplitToSequence.

    Example:
    ```mlir
    %s = lepton.sequence_split %x, %n {axis = 0 : i64} : (tensor<6x2xf32>, tensor<i64>) -> tensor<!lepton.sequence<tensor<?x2xf32>>>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$split, I64Attr:$axis, UnitAttr:$squeeze);
  let assemblyFormat = "$input `,` $split attr-dict `:` functional-type(operands, results)";
}

def Lepton_SequenceConcatShapeOp : Lepton_RuntimeOp<"sequence_concat_shape"> {
  let summary = "the shape of a sequence's tensors put together";
  let description = [{
    Along dimension `axis`, with `stack` a new one. The tensors agree in all other sizes.

    Example:
    ```mlir
    %n = lepton.sequence_concat_shape %s {axis = 0 : i64} : (tensor<!lepton.sequence<tensor<?x2xf32>>>) -> tensor<2xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$sequence, I64Attr:$axis, UnitAttr:$stack);
  let assemblyFormat = "$sequence attr-dict `:` functional-type(operands, results)";
}

def Lepton_SequenceConcatOp : Lepton_RuntimeOp<"sequence_concat"> {
  let summary = "a sequence's tensors put together";
  let description = [{
    `shape` is that of `lepton.sequence_concat_shape`.

    Example:
    ```mlir
    %y = lepton.sequence_concat %s, %n {axis = 0 : i64}
       : (tensor<!lepton.sequence<tensor<?x2xf32>>>, tensor<2xi64>) -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$sequence, Lepton_Tensor:$shape, I64Attr:$axis, UnitAttr:$stack);
  let assemblyFormat = "$sequence `,` $shape attr-dict `:` functional-type(operands, results)";
}

def Lepton_OptionalMakeOp : Lepton_RuntimeOp<"optional_make"> {
  let summary = "an optional that holds a tensor or a sequence, or nothing";
  let description = [{
    `type` is the optional's type.

    Example:
    ```mlir
    %o = lepton.optional_make(%x) {type = !lepton.optional<tensor<3xf32>>} : (tensor<3xf32>) -> tensor<!lepton.optional<tensor<3xf32>>>
    ```
  }];
  let arguments = (ins Variadic<Lepton_Tensor>:$content, TypeAttr:$type);
  let assemblyFormat = "`(` $content `)` attr-dict `:` functional-type(operands, results)";
}

def Lepton_OptionalHasOp : Lepton_RuntimeOp<"optional_has"> {
  let summary = "whether an optional holds something";
  let description = [{
    Example:
    ```mlir
    %c = lepton.optional_has %o : (tensor<!lepton.optional<tensor<3xf32>>>) -> tensor<i1>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$optional);
  let assemblyFormat = "$optional attr-dict `:` functional-type(operands, results)";
}

def Lepton_OptionalSequenceOp : Lepton_RuntimeOp<"optional_sequence"> {
  let summary = "the sequence in an optional";
  let description = [{
    A tensor in an optional is read by `lepton.sequence_at`.

    Example:
    ```mlir
    %s = lepton.optional_sequence %o
       : (tensor<!lepton.optional<tensor<!lepton.sequence<tensor<?xf32>>>>>) -> tensor<!lepton.sequence<tensor<?xf32>>>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$optional);
  let assemblyFormat = "$optional attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_SEQUENCE_TD
