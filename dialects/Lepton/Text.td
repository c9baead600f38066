//===- Text.td - ops on strings --------------------------------------------------------------------------------------------===//
//
// A list of strings that is known at compile time is held as `bytes`, all of them one after the other, each ended by a NUL, and `offsets`, where
// each begins.
//
//===------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_TEXT_TD
#define LEPTON_TEXT_TD

include "dialects/Lepton/Types.td"

def Lepton_StringLiteralsOp : Lepton_RuntimeOp<"string_literals"> {
  let summary = "constant strings";
  let description = [{
    Has the shape of `offsets`.

    Example:
    ```mlir
    %s = lepton.string_literals %bytes, %offsets : (tensor<9xui8>, tensor<2xi64>) -> tensor<2x!lepton.string>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$bytes, Lepton_Tensor:$offsets);
  let assemblyFormat = "$bytes `,` $offsets attr-dict `:` functional-type(operands, results)";
}

class Lepton_StringPairOp<string mnemonic> : Lepton_RuntimeOp<mnemonic> {
  let arguments = (ins Lepton_Tensor:$lhs, Lepton_Tensor:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Lepton_StringEqualOp : Lepton_StringPairOp<"string_equal"> {
  let summary = "whether strings are equal, broadcasting";
  let description = [{
    Example:
    ```mlir
    %e = lepton.string_equal %a, %b : (tensor<3x!lepton.string>, tensor<!lepton.string>) -> tensor<3xi1>
    ```
  }];
}

def Lepton_StringConcatOp : Lepton_StringPairOp<"string_concat"> {
  let summary = "strings put together pairwise, broadcasting";
  let description = [{
    Example:
    ```mlir
    %e = lepton.string_concat %a, %b : (tensor<3x!lepton.string>, tensor<!lepton.string>) -> tensor<3x!lepton.string>
    ```
  }];
}

def Lepton_StringSplitCountOp : Lepton_RuntimeOp<"string_split_count"> {
  let summary = "the number of parts that strings have between delimiters";
  let description = [{
    `delimiter` is a text ended by a NUL; an empty one stands for runs of white space, which also end and begin nothing. At most `maxsplit`
    splits are made; any number where it is negative.

    Example:
    ```mlir
    %n = lepton.string_split_count %x, %delimiter {maxsplit = -1 : i64} : (tensor<3x!lepton.string>, tensor<2xui8>) -> tensor<3xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$delimiter, I64Attr:$maxsplit);
  let assemblyFormat = "$input `,` $delimiter attr-dict `:` functional-type(operands, results)";
}

def Lepton_StringSplitOp : Lepton_RuntimeOp<"string_split"> {
  let summary = "the parts that strings have between delimiters";
  let description = [{
    See `lepton.string_split_count`. The result has `width` parts along a new last dimension; those that a string does not have are empty.

    Example:
    ```mlir
    %p = lepton.string_split %x, %delimiter, %width {maxsplit = -1 : i64}
       : (tensor<3x!lepton.string>, tensor<2xui8>, tensor<i64>) -> tensor<3x?x!lepton.string>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$delimiter, Lepton_Tensor:$width, I64Attr:$maxsplit);
  let assemblyFormat = "$input `,` $delimiter `,` $width attr-dict `:` functional-type(operands, results)";
}

def Lepton_StringCaseOp : Lepton_RuntimeOp<"string_case"> {
  let summary = "strings in lower or, with `upper`, in upper case";
  let description = [{
    Letters of the Latin, Greek, Cyrillic and Armenian alphabets that have one counterpart of the other case (Unicode's simple mapping).

    Example:
    ```mlir
    %u = lepton.string_case %x {upper} : (tensor<3x!lepton.string>) -> tensor<3x!lepton.string>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, UnitAttr:$upper);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_StringLookupOp : Lepton_RuntimeOp<"string_lookup"> {
  let summary = "the places that strings have in a sorted list";
  let description = [{
    `bytes` and `offsets` hold the list in ascending order of bytes. The result is the number of the equal string in it, -1 where there is none.

    Example:
    ```mlir
    %i = lepton.string_lookup %x, %bytes, %offsets : (tensor<3x!lepton.string>, tensor<9xui8>, tensor<2xi64>) -> tensor<3xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$bytes, Lepton_Tensor:$offsets);
  let assemblyFormat = "$input `,` $bytes `,` $offsets attr-dict `:` functional-type(operands, results)";
}

def Lepton_StringRankOp : Lepton_RuntimeOp<"string_rank"> {
  let summary = "the places that strings have among one another";
  let description = [{
    Each element is the number of distinct strings in `input` that come before its own in ascending order of bytes, which is that of code points.
    The numbers compare as the strings do.

    Example:
    ```mlir
    %i = lepton.string_rank %x : (tensor<3x!lepton.string>) -> tensor<3xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_StringMatchOp : Lepton_RuntimeOp<"string_match"> {
  let summary = "whether a finite automaton accepts strings";
  let description = [{
    `transitions[s, c]` is the state that follows state s on a character of class c, `classes` has the class of each of the 256 bytes, and
    `accepting[s]` says whether a string may end in state s. State 0 is the first.

    Example:
    ```mlir
    %m = lepton.string_match %x, %classes, %transitions, %accepting
       : (tensor<3x!lepton.string>, tensor<256xui8>, tensor<7x4xi32>, tensor<7xi1>) -> tensor<3xi1>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, Lepton_Tensor:$classes, Lepton_Tensor:$transitions, Lepton_Tensor:$accepting);
  let assemblyFormat = "$input `,` $classes `,` $transitions `,` $accepting attr-dict `:` functional-type(operands, results)";
}

def Lepton_StringToNumberOp : Lepton_RuntimeOp<"string_to_number"> {
  let summary = "the numbers that strings spell";
  let description = [{
    `to` is f64 (decimal and scientific notation, `inf` and `nan` in any case) or i64 (decimal). A string that spells no number fails the run.

    Example:
    ```mlir
    %y = lepton.string_to_number %x {to = f64} : (tensor<3x!lepton.string>) -> tensor<3xf64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, TypeAttr:$to);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Lepton_NumberToStringOp : Lepton_RuntimeOp<"number_to_string"> {
  let summary = "numbers spelled out";
  let description = [{
    Integers in decimal, floats by the fewest digits that read back as the same number.

    Example:
    ```mlir
    %y = lepton.number_to_string %x : (tensor<3xf32>) -> tensor<3x!lepton.string>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_TEXT_TD
