//===- TensorData.cpp - tensors of a model as constants -------------------------------------------------------------------===//

#include "frontend/onnx/TensorData.h"
#include "frontend/onnx/ExternalData.h"
#include "frontend/onnx/GraphImporter.h"

#include "mlir/IR/AsmState.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;
using ::onnx::TensorProto;

Type importer::elementType(MLIRContext *context, int32_t dataType) {
  Builder b(context);
  auto integer = [&](unsigned width, bool isUnsigned = false) {
    return IntegerType::get(context, width, isUnsigned ? IntegerType::Unsigned : IntegerType::Signless);
  };
  switch (dataType) {
  case TensorProto::FLOAT:
    return b.getF32Type();
  case TensorProto::DOUBLE:
    return b.getF64Type();
  case TensorProto::FLOAT16:
    return b.getF16Type();
  case TensorProto::BFLOAT16:
    return b.getBF16Type();
  case TensorProto::BOOL:
    return integer(1);
  case TensorProto::INT8:
    return integer(8);
  case TensorProto::INT16:
    return integer(16);
  case TensorProto::INT32:
    return integer(32);
  case TensorProto::INT64:
    return integer(64);
  case TensorProto::UINT8:
    return integer(8, true);
  case TensorProto::UINT16:
    return integer(16, true);
  case TensorProto::UINT32:
    return integer(32, true);
  case TensorProto::UINT64:
    return integer(64, true);
  default:
    return {};
  }
}

int32_t importer::dataType(Type type) {
  for (int32_t number = 1; number <= TensorProto::BFLOAT16; ++number)
    if (elementType(type.getContext(), number) == type)
      return number;
  return TensorProto::UNDEFINED;
}

template <typename T, typename Values> static void append(std::string &bytes, const Values &values) {
  for (auto value : values) {
    T narrow = static_cast<T>(value);
    bytes.append(reinterpret_cast<const char *>(&narrow), sizeof(T));
  }
}

/// The typed fields of a tensor as raw bytes.
static std::string typedBytes(const TensorProto &tensor) {
  std::string bytes;
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
    append<float>(bytes, tensor.float_data());
    break;
  case TensorProto::DOUBLE:
    append<double>(bytes, tensor.double_data());
    break;
  case TensorProto::INT64:
    append<int64_t>(bytes, tensor.int64_data());
    break;
  case TensorProto::UINT32:
    append<uint32_t>(bytes, tensor.uint64_data());
    break;
  case TensorProto::UINT64:
    append<uint64_t>(bytes, tensor.uint64_data());
    break;
  case TensorProto::INT32:
    append<int32_t>(bytes, tensor.int32_data());
    break;
  case TensorProto::INT16:
  case TensorProto::UINT16:
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
    append<uint16_t>(bytes, tensor.int32_data());
    break;
  default:
    append<uint8_t>(bytes, tensor.int32_data());
  }
  return bytes;
}

std::string importer::rawBytes(const TensorProto &tensor) {
  return tensor.has_raw_data() ? tensor.raw_data() : typedBytes(tensor);
}

/// Number of elements; nothing where a size is negative or the product overflows.
static std::optional<int64_t> elementCount(const TensorProto &tensor) {
  int64_t count = 1;
  for (int64_t size : tensor.dims())
    if (size < 0 || __builtin_mul_overflow(count, size, &count))
      return std::nullopt;
  return count;
}

FailureOr<ElementsAttr> GraphImporter::tensor(const TensorProto &tensor, Location loc) {
  auto fail = [&](const Twine &message) -> FailureOr<ElementsAttr> {
    return emitError(loc) << "tensor '" << tensor.name() << "' " << message;
  };
  Type element = elementType(b.getContext(), tensor.data_type());
  if (!element)
    return fail("has the data type " + Twine(tensor.data_type()) + ", which is not supported");
  auto count = elementCount(tensor);
  if (!count || *count > (int64_t(1) << 40))
    return fail("has negative or impossibly large dimensions");
  auto type = RankedTensorType::get(SmallVector<int64_t>(tensor.dims().begin(), tensor.dims().end()), element);
  int64_t expected = *count * elementBytes(element);
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    std::string error;
    auto file = mapExternalData(tensor, options.folder, expected, error);
    if (!file)
      return fail(error);
    if (element.isInteger(1) || expected == 0)
      return makeConstant(type, file->bytes());
    ArrayRef<char> bytes = file->bytes();
    AsmResourceBlob blob(bytes, 64, [file](void *, size_t, size_t) {}, /*dataIsMutable=*/false);
    return ElementsAttr(DenseResourceElementsAttr::get(type, tensor.name(), std::move(blob)));
  }
  std::string typed = tensor.has_raw_data() ? std::string() : typedBytes(tensor);
  const std::string &bytes = tensor.has_raw_data() ? tensor.raw_data() : typed;
  if (int64_t(bytes.size()) != expected)
    return fail("has " + Twine(bytes.size()) + " bytes of data, but its shape takes " + Twine(expected));
  return makeConstant(type, ArrayRef<char>(bytes.data(), bytes.size()), tensor.name());
}
