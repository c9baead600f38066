//===- LeptonOps.h - the dialect `lepton` ----------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_LEPTONOPS_H
#define LEPTON_DIALECTS_LEPTONOPS_H

#include "dialects/Lepton/KernelEmitter.h"
#include "dialects/Lepton/ShapeAnalysis.h"
#include "dialects/Lepton/Window.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Lepton/LeptonDialect.h.inc"
#include "dialects/Lepton/LeptonEnums.h.inc"

namespace lepton {
class ShapeOpInterface;

namespace detail {
/// Checks the result types of an op against what it infers.
mlir::LogicalResult verifyShapes(mlir::Operation *op);
/// The shape that operands broadcast to (NumPy's rule); nothing, with the first operand that does not fit the others in `misfit`.
std::optional<llvm::SmallVector<mlir::AffineExpr>> broadcastShapes(mlir::ValueRange operands, ShapeAnalysis &shapes,
                                                                   mlir::Value &misfit);
/// The common definitions of elementwise ops: broadcast shapes, and the scalar function on the broadcast operands.
mlir::LogicalResult inferElementwise(mlir::Operation *op, ShapeAnalysis &shapes,
                                     llvm::SmallVectorImpl<ResultShape> &results);
mlir::Value emitElementwise(mlir::Operation *op, KernelEmitter &emitter, mlir::ValueRange indices);
/// A kernel that is a call of the runtime's function for an op of Lepton_RuntimeOp.
llvm::SmallVector<mlir::Value> emitRuntimeCall(mlir::Operation *op, KernelEmitter &emitter, mlir::ValueRange inits);
} // namespace detail

/// The scalar function of an elementwise op: signless scalars, bool as `i1`. `op` gives the attributes and the types' signs.
mlir::Value emitScalar(mlir::Operation *op, KernelEmitter &emitter, llvm::ArrayRef<mlir::Value> operands);
/// Converts a scalar of one tensor element type to another, as lepton.cast says.
mlir::Value emitCast(KernelEmitter &emitter, mlir::Value value, mlir::Type from, mlir::Type to, bool saturate = true,
                     CastRounding rounding = CastRounding::up);

/// An i64 that orders as the scalars of a tensor element type do: equal zeros, NaN above all.
mlir::Value emitOrderedKey(KernelEmitter &emitter, mlir::Value scalar, mlir::Type elementType);

/// Bytes of a constant, row-major, as in ONNX's raw_data but for bools and splats: `elementBytes` per element, a splat once.
struct ConstantBytes {
  llvm::ArrayRef<char> data;
  bool isSplat = false;
  std::string storage; // owns `data` where the attribute's own form is another one (packed bools)
};
ConstantBytes constantBytes(mlir::ElementsAttr attribute);
/// Element `i` of an integer or bool constant.
int64_t readInteger(mlir::ElementsAttr attribute, int64_t i);
/// Element `i` of a floating-point constant.
double readFloat(mlir::ElementsAttr attribute, int64_t i);
/// A constant from row-major bytes (a bool takes a byte); copies small ones, wraps large ones as a resource.
mlir::ElementsAttr makeConstant(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes,
                                llvm::StringRef name = "constant");
/// Bytes of memory that an element takes (a bool takes one).
int64_t elementBytes(mlir::Type elementType);
/// Whether what is known of the sizes makes a tensor larger than any memory, or its size in bytes overflow.
bool isTooLarge(mlir::RankedTensorType type);

} // namespace lepton

#include "dialects/Lepton/LeptonInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Lepton/LeptonAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Lepton/LeptonTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/Lepton/LeptonOps.h.inc"

namespace lepton {
/// The target of the module that `op` is in; x86-64-v3 where the module names none.
TargetAttr targetOf(mlir::Operation *op);
/// Whether `root`, a linalg op, may be computed by this schedule on this target; reports why not.
llvm::LogicalResult verifySchedule(mlir::Operation *root, ScheduleAttr schedule, TargetAttr target);
} // namespace lepton

#endif // LEPTON_DIALECTS_LEPTONOPS_H
