//===- MapOps.cpp - maps -----------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"

using namespace mlir;
using namespace lepton;

static bool isKey(Type type) { return type.isInteger(64) || isa<StringType>(type); }

LogicalResult MapType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, Type key, Type value) {
  if (!isKey(key))
    return emitError() << "has keys of type " << key << "; int64 and strings are allowed";
  if (!isKey(value) && !value.isF32() && !value.isF64())
    return emitError() << "has values of type " << value << "; float, double, int64 and strings are allowed";
  return success();
}

/// The type of a map; null, with an error, for other values.
static MapType needsMap(Operation *op, Value value) {
  auto type = rankOf(value) == 0 ? dyn_cast<MapType>(elementTypeOf(value)) : MapType();
  if (!type)
    (void)(op->emitOpError() << "needs a map, got " << value.getType());
  return type;
}

LogicalResult MapZipOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  auto keys = cast<RankedTensorType>(getKeys().getType()), values = cast<RankedTensorType>(getValues().getType());
  auto emit = [&] { return emitOpError(); };
  if (keys.getRank() != 1 || values.getRank() != 2 || keys.isDynamicDim(0) ||
      keys.getDimSize(0) != values.getDimSize(1))
    return emitOpError() << "needs keys [n] and values [maps, n], got " << keys << " and " << values;
  if (failed(MapType::verify(emit, keys.getElementType(), values.getElementType())))
    return failure();
  auto map = MapType::get(getContext(), keys.getElementType(), values.getElementType());
  results.push_back({SequenceType::get(getContext(), RankedTensorType::get({}, map), false), {}});
  return success();
}

LogicalResult MapLengthOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  results.push_back({IntegerType::get(getContext(), 64), {}});
  return success(needsMap(*this, getMap()));
}

LogicalResult MapValuesOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  MapType type = needsMap(*this, getMap());
  if (!type)
    return failure();
  if (!type.getKey().isInteger(64))
    return emitOpError() << "needs keys that are integers, got " << type;
  if (!elementTypeOf(getLength()).isInteger(64) || rankOf(getLength()) != 0)
    return emitOpError() << "needs a length of one integer, got " << getLength().getType();
  results.push_back({type.getValue(), {shapes.element(getLength(), 0)}});
  return success();
}

LogicalResult MapAtOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  MapType type = needsMap(*this, getMap());
  if (!type)
    return failure();
  if (elementTypeOf(getKeys()) != type.getKey())
    return emitOpError() << "looks for keys of type " << getKeys().getType() << " in " << type;
  if (elementTypeOf(getMissing()) != type.getValue() || rankOf(getMissing()) != 0)
    return emitOpError() << "needs one " << type.getValue() << " for missing keys, got " << getMissing().getType();
  results.push_back({type.getValue(), shapes.shape(getKeys())});
  return success();
}
