//===- Control.td - branches, loops and calls of kernels ------------------------------------------------------------===//

#ifndef LEPTON_CONTROL_TD
#define LEPTON_CONTROL_TD

include "dialects/Lepton/LeptonBase.td"

def Lepton_YieldOp : Op<Lepton_Dialect, "yield", [Pure, ReturnLike, Terminator, ParentOneOf<["IfOp", "LoopOp"]>]> {
  let summary = "ends a region with its values";
  let description = [{
    Example:
    ```mlir
    lepton.yield %y : tensor<3xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def Lepton_IfOp : Op<Lepton_Dialect, "if", [RecursiveMemoryEffects, NoRegionArguments, SingleBlock]> {
  let summary = "one of two branches";
  let description = [{
    ONNX If. The branches read outer values; both yield the results' types, up to dynamic sizes.

    Example:
    ```mlir
    %y = lepton.if %c : tensor<i1> -> tensor<3xf32> {
      lepton.yield %a : tensor<3xf32>
    } else {
      lepton.yield %b : tensor<3xf32>
    }
    ```
  }];
  let arguments = (ins Lepton_Tensor:$condition);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$thenRegion, SizedRegion<1>:$elseRegion);
  let assemblyFormat = "$condition `:` type($condition) `->` type($results) $thenRegion `else` $elseRegion attr-dict";
  let hasVerifier = 1;
}

def Lepton_AssertOp : Op<Lepton_Dialect, "assert", [MemoryEffects<[MemWrite]>]> {
  let summary = "fails the run where a condition does not hold";
  let description = [{
    For what a model leaves open until it runs but compilation had to decide, such as which of two branches of different rank is taken.

    Example:
    ```mlir
    lepton.assert %c, "the last dimension must be 1" : tensor<i1>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$condition, StrAttr:$message);
  let assemblyFormat = "$condition `,` $message attr-dict `:` type($condition)";
  let hasVerifier = 1;
}

def Lepton_LoopOp : Op<Lepton_Dialect, "loop", [RecursiveMemoryEffects, SingleBlock, AttrSizedOperandSegments]> {
  let summary = "a loop with carried and collected values";
  let description = [{
    ONNX Loop. The body's arguments are the iteration number (`tensor<i64>`), the condition (`tensor<i1>`) and the carried values; it yields the condition,
    the carried values, and one slice for each collected result. The results are the final carried values, then the collected ones, their slices
    stacked along a new first dimension. `collected` counts the latter; `sizes` are the dynamic sizes of their slices, once they have been computed.

    Example:
    ```mlir
    %sum = lepton.loop (%n : tensor<i64>) init (%zero : tensor<f32>) -> tensor<f32> {
    ^bb0(%i: tensor<i64>, %c: tensor<i1>, %acc: tensor<f32>):
      %next = lepton.add %acc, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
      lepton.yield %c, %next : tensor<i1>, tensor<f32>
    } {collected = 0 : i64}
    ```
  }];
  let arguments = (ins Optional<Lepton_Tensor>:$tripCount, Optional<Lepton_Tensor>:$condition, Variadic<Lepton_Tensor>:$inits, Variadic<Index>:$sizes, I64Attr:$collected);
  let results = (outs Variadic<Lepton_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "(`(` $tripCount^ `:` type($tripCount) `)`)? (`while` $condition^ `:` type($condition))? (`init` `(` $inits^ `:` type($inits) `)`)? (`sizes` `(` $sizes^ `)`)? `->` type($results) $body attr-dict";
  let hasVerifier = 1;
}

def Lepton_CallOp : Op<Lepton_Dialect, "call", [Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "calls a kernel";
  let description = [{
    `dims` are the dynamic sizes of the results, in order; the results' memory is allocated by the caller. A kernel that ends with `lepton.insert` writes to its last input,
    the whole, from `offsets` on: equal parts of one whole share a kernel.

    Example:
    ```mlir
    %y = lepton.call @add_f32(%x) dims(%d) : (tensor<?x3xf32>) -> tensor<?x3xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Lepton_Tensor>:$inputs, Variadic<Index>:$dims, OptionalAttr<DenseI64ArrayAttr>:$offsets);
  let results = (outs Variadic<Lepton_Tensor>:$results);
  let assemblyFormat = "$callee `(` $inputs `)` (`dims` `(` $dims^ `)`)? attr-dict `:` functional-type($inputs, $results)";
}

#endif // LEPTON_CONTROL_TD
