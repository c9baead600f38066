//===- LeptonInterfaces.td - what an op says about itself --------------------------------------------------------------===//

#ifndef LEPTON_INTERFACES_TD
#define LEPTON_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Lepton_ShapeOpInterface : OpInterface<"ShapeOpInterface"> {
  let cppNamespace = "::lepton";
  let description = [{
    Element types and symbolic shapes of an op's results, from its operands' shapes and, where an operand holds sizes, its contents.
    Import, verification and the computation of sizes at run time all come from this one function.
  }];
  let methods = [
    InterfaceMethod<[{
      Appends one `ResultShape` per result. Emits an error that names the operand or attribute at fault, and fails, where the op is wrong.
    }], "::mlir::LogicalResult", "inferShapes",
      (ins "::lepton::ShapeAnalysis &":$shapes, "::llvm::SmallVectorImpl<::lepton::ResultShape> &":$results)>
  ];
  let verify = [{ return ::lepton::detail::verifyShapes($_op); }];
}

def Lepton_ElementOpInterface : OpInterface<"ElementOpInterface"> {
  let cppNamespace = "::lepton";
  let description = [{
    An op each of whose result elements is a function of a few operand elements. Its definition is the scalar code at given indices; a
    kernel of such ops is one loop nest with the definitions inlined into each other.
  }];
  let methods = [
    InterfaceMethod<[{
      Emits the scalar value of result `result` at `indices` (one index value per dimension). Scalars are signless; bool is `i1`.
    }], "::mlir::Value", "emitElement",
      (ins "::lepton::KernelEmitter &":$emitter, "unsigned":$result, "::mlir::ValueRange":$indices)>,
    InterfaceMethod<[{
      Writes result `result` to `init`, where the op is the last of its kernel, and returns it: in one loop nest, unless the op knows better.
    }], "::mlir::Value", "emitResult",
      (ins "::lepton::KernelEmitter &":$emitter, "unsigned":$result, "::mlir::Value":$init), "", [{
        ::mlir::Value value = $_op->getResult(result);
        return emitter.map(init, ::lepton::elementTypeOf(value), [&](::mlir::ValueRange indices) { return emitter.load(value, indices); });
      }]>
  ];
}

def Lepton_ElementwiseOpInterface : OpInterface<"ElementwiseOpInterface"> {
  let cppNamespace = "::lepton";
  let description = [{ Marks the ops whose result element is a scalar function of the broadcast operand elements at the same indices. }];
}

/// The result is the operand's data under another shape; costs nothing at run time.
def Lepton_ViewOpInterface : OpInterface<"ViewOpInterface"> {
  let cppNamespace = "::lepton";
  let description = [{ Marks the ops whose result is the first operand's data, unchanged, under another shape. }];
}

def Lepton_KernelOpInterface : OpInterface<"KernelOpInterface"> {
  let cppNamespace = "::lepton";
  let description = [{
    An op that needs more than one loop nest over its result: reductions, contractions, normalisations, scans, copies into parts.
  }];
  let methods = [
    InterfaceMethod<[{
      Emits the computation on tensors at the emitter's insertion point. `inits` are the destinations, one per result; returns the results.
      The element at given indices of an operand is read with `emitter.load`, which inlines fused producers.
    }], "::llvm::SmallVector<::mlir::Value>", "emitKernel",
      (ins "::lepton::KernelEmitter &":$emitter, "::mlir::ValueRange":$inits)>
  ];
}

#endif // LEPTON_INTERFACES_TD
