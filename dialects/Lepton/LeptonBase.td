//===- LeptonBase.td - the dialect and the classes of its ops --------------------------------------------------------===//
//
// Ops stand near to ONNX's: value semantics on ranked tensors, attributes normalised by the importer (axes are non-negative, pads, strides
// and dilations always present). Signed integers are signless (`i32`), unsigned ones `ui32`, a bool is `i1`.
//
//===----------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_BASE_TD
#define LEPTON_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Lepton/LeptonInterfaces.td"

def Lepton_Dialect : Dialect {
  let name = "lepton";
  let cppNamespace = "::lepton";
  let summary = "Neural-network graphs and the kernels they are cut into";
  let description = [{
    The dialect in which a network lives from import until its kernels become loops. Every op says three things about itself: the shapes
    of its results (`ShapeOpInterface`), and either how one element of its result is computed (`ElementOpInterface`) or how its
    kernel is written in `linalg` and `scf` (`KernelOpInterface`). Fusion, code generation and constant folding need nothing else.
  }];
  let hasConstantMaterializer = 1;
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

def Lepton_Tensor : Type<AnyRankedTensor.predicate, "ranked tensor", "::mlir::RankedTensorType">;

class Lepton_Op<string mnemonic, list<Trait> traits = []>
    : Op<Lepton_Dialect, mnemonic, !listconcat(traits, [Pure, DeclareOpInterfaceMethods<Lepton_ShapeOpInterface>])> {
  let hasVerifier = 0;
}

/// One element of a result from elements of the operands; fuses by inlining.
class Lepton_ElementOp<string mnemonic, list<Trait> traits = []>
    : Lepton_Op<mnemonic, !listconcat(traits, [DeclareOpInterfaceMethods<Lepton_ElementOpInterface>])>;

/// Writes its kernel itself.
class Lepton_KernelOp<string mnemonic, list<Trait> traits = []>
    : Lepton_Op<mnemonic, !listconcat(traits, [DeclareOpInterfaceMethods<Lepton_KernelOpInterface>])>;

#endif // LEPTON_BASE_TD
