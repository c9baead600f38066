//===- RuntimeOps.td - calls of the runtime, typed -----------------------------------------------------------------===//
//
// One op per function of runtime/core/lepton_abi.h that compiled code calls. They appear when tensors have become memrefs and end as calls.
//
//===----------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_RUNTIME_OPS_TD
#define LEPTON_RUNTIME_OPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Dialect/LLVMIR/LLVMOpBase.td"

def Runtime_Dialect : Dialect {
  let name = "lrt";
  let cppNamespace = "::lepton::lrt";
  let summary = "Calls of Lepton's runtime";
  let description = [{
    What compiled code asks of the runtime: where inputs, outputs, constants and workspace lie, memory of sizes known only at run time, parallel loops, and the
    report of a failed check. `context` is the run in flight (`lepton_context *`).
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

/// `lepton_context *`, or any other address
def Runtime_Context : Type<LLVM_AnyPointer.predicate, "the context, a pointer", "::mlir::LLVM::LLVMPointerType">,
                      BuildableType<"::mlir::LLVM::LLVMPointerType::get($_builder.getContext())">;

class Runtime_Op<string mnemonic, list<Trait> traits = []> : Op<Runtime_Dialect, mnemonic, traits>;

def Runtime_InputOp : Runtime_Op<"input", [Pure]> {
  let summary = "input number `index` of the model";
  let description = [{
    Example:
    ```mlir
    %x = lrt.input %context[0] : memref<?x3xf32>
    ```
  }];
  let arguments = (ins Runtime_Context:$context, I64Attr:$index);
  let results = (outs AnyRankedOrUnrankedMemRef:$result);
  let assemblyFormat = "$context `[` $index `]` attr-dict `:` type($result)";
}

def Runtime_OutputOp : Runtime_Op<"output", [MemoryEffects<[MemWrite, MemRead]>]> {
  let summary = "memory of output number `index`, of the given dynamic sizes";
  let description = [{
    Example:
    ```mlir
    %y = lrt.output %context[0](%d) : memref<?x3xf32>
    ```
  }];
  let arguments = (ins Runtime_Context:$context, I64Attr:$index, Variadic<Index>:$sizes);
  let results = (outs AnyRankedOrUnrankedMemRef:$result);
  let assemblyFormat = "$context `[` $index `]` `(` $sizes `)` attr-dict `:` type($result)";
}

def Runtime_AllocOp : Runtime_Op<"alloc", [MemoryEffects<[MemWrite, MemRead]>]> {
  let summary = "memory of a size known only at run time, from the context's pool";
  let description = [{
    Example:
    ```mlir
    %t = lrt.alloc %context(%d) : memref<?x3xf32>
    ```
  }];
  let arguments = (ins Runtime_Context:$context, Variadic<Index>:$sizes);
  let results = (outs AnyRankedOrUnrankedMemRef:$result);
  let assemblyFormat = "$context `(` $sizes `)` attr-dict `:` type($result)";
}

def Runtime_DeallocOp : Runtime_Op<"dealloc", [MemoryEffects<[MemWrite, MemRead]>]> {
  let summary = "gives memory of `lrt.alloc` back to the pool";
  let description = [{
    Example:
    ```mlir
    lrt.dealloc %context, %t : memref<?x3xf32>
    ```
  }];
  let arguments = (ins Runtime_Context:$context, AnyRankedOrUnrankedMemRef:$memory);
  let assemblyFormat = "$context `,` $memory attr-dict `:` type($memory)";
}

def Runtime_SlotsOp : Runtime_Op<"slots", [MemoryEffects<[MemWrite]>]> {
  let summary = "places that remember what loops took from the pool, all empty";
  let description = [{
    Example:
    ```mlir
    %slots = lrt.slots 3
    ```
  }];
  let arguments = (ins I64Attr:$count);
  let results = (outs Runtime_Context:$result);
  let assemblyFormat = "$count attr-dict";
}

def Runtime_HoldOp : Runtime_Op<"hold", [MemoryEffects<[MemWrite]>]> {
  let summary = "remembers memory of `lrt.alloc` in slot number `index`";
  let description = [{
    Example:
    ```mlir
    lrt.hold %slots[1], %t : memref<?x3xf32>
    ```
  }];
  let arguments = (ins Runtime_Context:$slots, I64Attr:$index, AnyRankedOrUnrankedMemRef:$memory);
  let assemblyFormat = "$slots `[` $index `]` `,` $memory attr-dict `:` type($memory)";
}

def Runtime_CollectOp : Runtime_Op<"collect", [MemoryEffects<[MemWrite, MemRead]>]> {
  let summary = "gives back to the pool what some slots remember, but for what is kept";
  let description = [{
    Of `count` slots from `begin` on, those that come first then remember what is kept; the others are empty.

    Example:
    ```mlir
    lrt.collect %context, %slots[0, 3] keep(%t) : memref<?x3xf32>
    ```
  }];
  let arguments = (ins Runtime_Context:$context, Runtime_Context:$slots, I64Attr:$begin, I64Attr:$count,
                       Variadic<AnyRankedOrUnrankedMemRef>:$kept);
  let assemblyFormat = "$context `,` $slots `[` $begin `,` $count `]` `keep` `(` $kept `)` attr-dict (`:` type($kept)^)?";
}

def Runtime_ArenaOp : Runtime_Op<"arena", [Pure]> {
  let summary = "a part of the run's static workspace";
  let description = [{
    Example:
    ```mlir
    %t = lrt.arena %context[4096] : memref<2x3xf32>
    ```
  }];
  let arguments = (ins Runtime_Context:$context, I64Attr:$offset);
  let results = (outs AnyRankedOrUnrankedMemRef:$result);
  let assemblyFormat = "$context `[` $offset `]` attr-dict `:` type($result)";
}

def Runtime_ConstantOp : Runtime_Op<"constant", [Pure]> {
  let summary = "a constant in the artifact's weights";
  let description = [{
    Example:
    ```mlir
    %w = lrt.constant[64] : memref<2x3xf32>
    ```
  }];
  let arguments = (ins I64Attr:$offset);
  let results = (outs AnyRankedOrUnrankedMemRef:$result);
  let assemblyFormat = "`[` $offset `]` attr-dict `:` type($result)";
}

def Runtime_ParallelForOp : Runtime_Op<"parallel_for", [MemoryEffects<[MemWrite, MemRead]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a function over [0, n), split among threads";
  let description = [{
    Calls `body(context, begin, end, args...)` for ranges of at least `grain` that cover [0, n).

    Example:
    ```mlir
    lrt.parallel_for %context, @body, %n grain 16 (%x, %y) : memref<?xf32>, memref<?xf32>
    ```
  }];
  let arguments = (ins Runtime_Context:$context, FlatSymbolRefAttr:$body, Index:$n, I64Attr:$grain, Variadic<AnyType>:$args);
  let assemblyFormat = "$context `,` $body `,` $n `grain` $grain `(` $args `)` attr-dict `:` type($args)";
}

def Runtime_LaunchOp : Runtime_Op<"launch", [MemoryEffects<[MemWrite, MemRead]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel on the GPU";
  let description = [{
    Starts `blocks` blocks of `threads` threads; what is launched later begins when they have ended. A memref arrives as its address and its unknown sizes.

    Example:
    ```mlir
    lrt.launch %context, @kernels::@add, %n threads 256 (%x, %y) : memref<?xf32>, memref<?xf32>
    ```
  }];
  let arguments = (ins Runtime_Context:$context, SymbolRefAttr:$kernel, Index:$blocks, I64Attr:$threads, Variadic<AnyType>:$args);
  let assemblyFormat = "$context `,` $kernel `,` $blocks `threads` $threads `(` $args `)` attr-dict (`:` type($args)^)?";
}

def Runtime_ViewOp : Runtime_Op<"view", [Pure]> {
  let summary = "dense memory at an address that a kernel was given";
  let description = [{
    Example:
    ```mlir
    %x = lrt.view %address(%n) : memref<?x3xf32>
    ```
  }];
  let arguments = (ins Runtime_Context:$address, Variadic<Index>:$sizes);
  let results = (outs AnyRankedOrUnrankedMemRef:$result);
  let assemblyFormat = "$address `(` $sizes `)` attr-dict `:` type($result)";
}

def Runtime_FaultOp : Runtime_Op<"fault", [Pure]> {
  let summary = "the word of the GPU's memory in which kernels say what went wrong";
  let description = [{
    It holds 0, or 1 more than the place of a message in the module's `lepton.messages`.

    Example:
    ```mlir
    %fault = lrt.fault %context : memref<1xi32>
    ```
  }];
  let arguments = (ins Runtime_Context:$context);
  let results = (outs AnyRankedOrUnrankedMemRef:$result);
  let assemblyFormat = "$context attr-dict `:` type($result)";
}

def Runtime_CallOp : Runtime_Op<"call", [AttrSizedOperandSegments, DestinationStyleOpInterface]> {
  let summary = "calls a function of the runtime on tensors";
  let description = [{
    `callee(context, node, tensors, count, numbers)` gets the node's name, and the inputs and then the outputs, which it writes, as an array of
    `lepton_tensor` of the types `dtypes`; `count` is the number of inputs.

    Example:
    ```mlir
    lrt.call %context, "lepton_rt_string_case" (%x : memref<3xi64>) into (%y : memref<3xi64>) {dtypes = array<i32: 8, 8>, numbers = array<i64: 1>}
    ```
  }];
  let arguments = (ins Runtime_Context:$run, StrAttr:$callee, Variadic<AnyType>:$inputs, Variadic<AnyType>:$outputs,
                       DenseI32ArrayAttr:$dtypes, DenseI64ArrayAttr:$numbers);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $run `,` $callee (`(` $inputs^ `:` type($inputs) `)`)? `into` `(` $outputs `:` type($outputs) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutputsMutable(); }
  }];
}

def Runtime_CheckOp : Runtime_Op<"check", [MemoryEffects<[MemWrite]>]> {
  let summary = "marks the run as failed where a condition does not hold";
  let description = [{
    The run goes on; whoever checks keeps its accesses in bounds.

    Example:
    ```mlir
    lrt.check %context, %ok, "node 'gather': an index is out of range"
    ```
  }];
  let arguments = (ins Runtime_Context:$context, I1:$condition, StrAttr:$message);
  let assemblyFormat = "$context `,` $condition `,` $message attr-dict";
}

def Runtime_RequireOp : Runtime_Op<"require", [MemoryEffects<[MemWrite]>]> {
  let summary = "ends the run with an error where a condition does not hold";
  let description = [{
    What follows rests on the condition and is not reached without it.

    Example:
    ```mlir
    lrt.require %context, %same, "node 'add': the sizes of its inputs do not fit in this run"
    ```
  }];
  let arguments = (ins Runtime_Context:$context, I1:$condition, StrAttr:$message);
  let assemblyFormat = "$context `,` $condition `,` $message attr-dict";
}

#endif // LEPTON_RUNTIME_OPS_TD
