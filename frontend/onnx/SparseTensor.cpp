//===- SparseTensor.cpp - sparse tensors of a model as dense constants ------------------------------------------------===//
//
// Elements and their indices become constants, scattered over zeros: constant folding makes the dense tensor, where that is not too large.
//
//===------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/TensorData.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;
using ::onnx::TensorProto;

/// Whether each index lies in its dimension; of linear indices, which have one entry, in the whole tensor.
static bool areInside(StringRef bytes, ArrayRef<int64_t> sizes) {
  for (size_t i = 0; i < bytes.size() / sizeof(int64_t); ++i) {
    int64_t index;
    std::memcpy(&index, bytes.data() + i * sizeof(int64_t), sizeof(int64_t));
    if (index < 0 || index >= sizes[i % sizes.size()])
      return false;
  }
  return true;
}

FailureOr<Value> GraphImporter::sparseConstant(const ::onnx::SparseTensorProto &sparse, Location loc) {
  const TensorProto &values = sparse.values(), &indices = sparse.indices();
  auto fail = [&](const Twine &message) -> FailureOr<Value> {
    return emitError(loc) << "sparse tensor '" << values.name() << "' " << message;
  };
  SmallVector<int64_t> shape(sparse.dims().begin(), sparse.dims().end());
  std::optional<int64_t> count = elementCount(shape);
  if (!count || *count > largestCount || shape.empty())
    return fail("has negative or impossibly large dimensions, or none");
  if (values.dims_size() != 1 || values.data_type() == TensorProto::STRING)
    return fail("needs a vector of numbers as values");
  const bool isLinear = indices.dims_size() == 1;
  if (indices.data_type() != TensorProto::INT64 || indices.dims_size() < 1 || indices.dims_size() > 2 ||
      indices.dims(0) != values.dims(0) || (!isLinear && indices.dims(1) != int64_t(shape.size())))
    return fail("needs indices of int64, one for each value, or one for each value and dimension");
  if (indices.data_location() == TensorProto::EXTERNAL)
    return fail("has its indices in another file; store them in the model");
  std::string bytes, error;
  if (!readElements(indices, bytes, error))
    return fail("has indices whose tensor " + error);
  const SmallVector<int64_t> sizes = isLinear ? SmallVector<int64_t>{*count} : shape;
  if (!areInside(bytes, sizes))
    return fail("has an index out of range");

  auto elements = constant(values, loc), positions = constant(indices, loc);
  if (failed(elements) || failed(positions))
    return failure();
  Value zeros = g.create<ExpandOp>(loc, {g.scalar(loc, elementTypeOf(*elements), 0), g.integers(loc, sizes)});
  Value tuples = isLinear ? g.reshape(loc, *positions, {values.dims(0), 1}) : *positions;
  Value result = g.create<ScatterNDOp>(loc, {zeros, tuples, *elements},
                                       g.attr("kind", ScatterKindAttr::get(b.getContext(), ScatterKind::none)));
  return isLinear ? g.reshape(loc, result, shape) : result;
}
