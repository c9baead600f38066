//===- ImageOps.cpp - ops on image files ------------------------------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"

using namespace mlir;
using namespace lepton;

static LogicalResult needsFile(Operation *op, Value encoded) {
  if (elementTypeOf(encoded).isUnsignedInteger(8) && rankOf(encoded) == 1)
    return success();
  return op->emitOpError() << "needs bytes [n], got " << encoded.getType();
}

LogicalResult ImageSizeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  results.push_back({IntegerType::get(getContext(), 64), {shapes.constant(2)}});
  return needsFile(*this, getEncoded());
}

LogicalResult ImageDecodeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (failed(needsFile(*this, getEncoded())))
    return failure();
  auto size = cast<RankedTensorType>(getSize().getType());
  if (!size.getElementType().isInteger(64) || size.getShape() != ArrayRef<int64_t>(2))
    return emitOpError() << "needs a size of 2 integers, got " << size;
  if (getBgr() && getGrayscale())
    return emitOpError() << "has one channel with grayscale, which bgr cannot turn round";
  results.push_back(
      {elementTypeOf(getEncoded()),
       {shapes.element(getSize(), 0), shapes.element(getSize(), 1), shapes.constant(getGrayscale() ? 1 : 3)}});
  return success();
}
