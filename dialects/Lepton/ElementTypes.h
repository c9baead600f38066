//===- ElementTypes.h - the element types of tensors ------------------------------------------------------*- C++ -*-===//
//
// Types that the processor lacks are called narrow: floats of at most eight bits, and integers of two and four. In memory each element of a
// narrow type takes a byte, which holds its bits, the lowest first; what is above them is written as 0 and not read. It is computed in the
// next wider type.
//
// Complex numbers are little more than moved: the operators of the standard that compute with them, such as DFT, take pairs of real numbers.
//
//===----------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_DIALECTS_ELEMENTTYPES_H
#define LEPTON_DIALECTS_ELEMENTTYPES_H

#include "mlir/IR/BuiltinTypes.h"

namespace lepton {

/// The element type of a `lepton_dtype`, ONNX's number; null where tensors have no such elements.
mlir::Type elementTypeOfNumber(mlir::MLIRContext *context, int32_t dtype);
/// The same of types of real numbers and bools; null for complex numbers and strings, too.
mlir::Type numericType(mlir::MLIRContext *context, int32_t dtype);
/// The `lepton_dtype` of an element type; 0 where there is none.
uint32_t numberOfElementType(mlir::Type elementType);
/// ONNX's name of an element type, `float` or `uint8`; empty where there is none, or it is a handle of something else than a string.
llvm::StringRef nameOfElementType(mlir::Type elementType);

/// Whether an integer's bits are widened by zeros.
inline bool isUnsignedOrBool(mlir::Type elementType) {
  return elementType.isUnsignedInteger() || elementType.isInteger(1);
}
bool isNarrow(mlir::Type elementType);
/// Strings, sequences, optionals and maps (Types.td), which are handles in memory.
bool isHandle(mlir::Type elementType);
/// What an element that is a sequence or an optional holds; null for other elements.
mlir::TensorType contentType(mlir::Type elementType);
/// The type of elements that are of one or the other type; null where there is none. Those of sequences and optionals say what both say.
mlir::Type joinElementTypes(mlir::Type a, mlir::Type b);
/// The same for what sequences and optionals hold.
mlir::TensorType joinContents(mlir::TensorType a, mlir::TensorType b);
/// The element type in which elements are computed: f32 for narrower floats, bytes for narrower integers, otherwise the type itself.
mlir::Type computeType(mlir::Type elementType);

} // namespace lepton

#endif // LEPTON_DIALECTS_ELEMENTTYPES_H
