//===- LeptonOps.cpp - the dialect, its attributes and what all ops share --------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lepton;

#include "dialects/Lepton/LeptonDialect.cpp.inc"
#include "dialects/Lepton/LeptonEnums.cpp.inc"
#include "dialects/Lepton/LeptonInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Lepton/LeptonAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Lepton/LeptonTypes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Lepton/LeptonOps.cpp.inc"

void LeptonDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Lepton/LeptonAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Lepton/LeptonTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Lepton/LeptonOps.cpp.inc"
      >();
}

Operation *LeptonDialect::materializeConstant(OpBuilder &builder, Attribute value, Type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  return elements ? ConstantOp::create(builder, loc, elements) : nullptr;
}

static std::string describe(ArrayRef<AffineExpr> dims) {
  std::string text = "[";
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(dims, os, [&](AffineExpr dim) {
    if (auto size = ShapeAnalysis::constantValue(dim))
      os << *size;
    else
      os << "?";
  });
  return text + "]";
}

LogicalResult lepton::detail::verifyShapes(Operation *op) {
  ShapeAnalysis shapes(op->getContext());
  if (op->getNumRegions() == 0)
    shapes.reach = 16; // each op of a long chain is verified: what a verifier needs to see is near
  SmallVector<ResultShape> inferred;
  if (failed(cast<ShapeOpInterface>(op).inferShapes(shapes, inferred)))
    return failure();
  for (auto [i, result, shape] : llvm::enumerate(op->getResults(), inferred)) {
    auto type = cast<RankedTensorType>(result.getType());
    if (type.getElementType() != shape.elementType)
      return op->emitOpError() << "result " << i << " has element type " << type.getElementType() << ", expected "
                               << shape.elementType;
    if (type.getRank() != int64_t(shape.dims.size()))
      return op->emitOpError() << "result " << i << " has rank " << type.getRank() << ", expected the shape "
                               << describe(shape.dims);
    for (auto [size, dim] : llvm::zip_equal(type.getShape(), shape.dims)) {
      auto expected = ShapeAnalysis::constantValue(dim);
      if (expected && !ShapedType::isDynamic(size) && size != *expected)
        return op->emitOpError() << "result " << i << " has type " << type << ", expected the shape "
                                 << describe(shape.dims);
    }
  }
  return success();
}
