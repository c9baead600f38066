//===- Types.td - the types of elements that are no numbers ------------------------------------------------------------===//
//
// A value of a graph is always a ranked tensor: strings, sequences, optionals and maps are types of its elements. In memory such an element is a
// handle, the address of something that lives as long as the run: characters ended by a NUL, or the `lepton_tensor` (runtime/core/lepton_abi.h)
// of a sequence, an optional or a map. Nothing that a handle points to is ever changed, so ops that move elements move handles.
//
//===------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_TYPES_TD
#define LEPTON_TYPES_TD

include "dialects/Lepton/LeptonBase.td"

class Lepton_Type<string name, string typeMnemonic> : TypeDef<Lepton_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Lepton_StringType : Lepton_Type<"String", "string"> {
  let summary = "a text in UTF-8 without NUL characters";
  let description = [{
    Example: `tensor<3x!lepton.string>`
  }];
}

def Lepton_SequenceType : Lepton_Type<"Sequence", "sequence"> {
  let summary = "a list of tensors of one element type";
  let description = [{
    `element` is what is known of the tensors: unranked where their ranks differ. `empty` marks a sequence known to hold nothing, of which any
    shape may be said.

    Example: `tensor<!lepton.sequence<tensor<?x3xf32>>>`
  }];
  let parameters = (ins "::mlir::TensorType":$element, DefaultValuedParameter<"bool", "false">:$empty);
  let assemblyFormat = "`<` $element (`,` `empty` `=` $empty^)? `>`";
}

def Lepton_OptionalType : Lepton_Type<"Optional", "optional"> {
  let summary = "a tensor, a sequence (as a tensor of one sequence), or nothing";
  let description = [{
    Example: `tensor<!lepton.optional<tensor<?x3xf32>>>`
  }];
  let parameters = (ins "::mlir::TensorType":$element, DefaultValuedParameter<"bool", "false">:$empty);
  let assemblyFormat = "`<` $element (`,` `empty` `=` $empty^)? `>`";
}

def Lepton_MapType : Lepton_Type<"Map", "map"> {
  let summary = "values by keys, each key at most once";
  let description = [{
    Keys are i64 or strings; values are f32, f64, i64 or strings.

    Example: `tensor<!lepton.map<i64, f32>>`
  }];
  let parameters = (ins "::mlir::Type":$key, "::mlir::Type":$value);
  let assemblyFormat = "`<` $key `,` $value `>`";
  let genVerifyDecl = 1;
}

/// An op that a function of the runtime computes: `lepton_rt_<mnemonic>` (runtime/core/library.h) with the operands, then the results, and the
/// integer and unit attributes in order.
class Lepton_RuntimeOp<string mnemonic, list<Trait> traits = []> : Lepton_KernelOp<mnemonic, traits> {
  let results = (outs Lepton_Tensor:$result);
  let extraClassDefinition = [{
    ::llvm::SmallVector<::mlir::Value> $cppClass::emitKernel(::lepton::KernelEmitter &emitter, ::mlir::ValueRange inits) {
      return ::lepton::detail::emitRuntimeCall(getOperation(), emitter, inits);
    }
  }];
}

#endif // LEPTON_TYPES_TD
