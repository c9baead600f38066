//===- TensorData.cpp - tensors of a model as constants -------------------------------------------------------------------===//

#include "frontend/onnx/TensorData.h"
#include "dialects/Lepton/ElementTypes.h"
#include "frontend/onnx/ExternalData.h"
#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/Text.h"

#include "mlir/IR/AsmState.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;
using ::onnx::TensorProto;

template <typename T, typename Values> static void append(std::string &bytes, const Values &values) {
  for (auto value : values) {
    T narrow = static_cast<T>(value);
    bytes.append(reinterpret_cast<const char *>(&narrow), sizeof(T));
  }
}

/// Bytes from which on a constant of a model that stays is not copied; of smaller ones the compiler reads the elements.
static constexpr int64_t smallestInPlace = 1 << 16;

/// The typed fields of a tensor as raw bytes.
static std::string typedBytes(const TensorProto &tensor) {
  std::string bytes;
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
  case TensorProto::COMPLEX64: // pairs
    append<float>(bytes, tensor.float_data());
    break;
  case TensorProto::DOUBLE:
  case TensorProto::COMPLEX128:
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
  case TensorProto::FLOAT6E2M3:
  case TensorProto::FLOAT6E3M2: // alone among the narrow types these have an element in each entry
    append<uint8_t>(bytes, tensor.int32_data());
    return pack(bytes, 6);
  default:
    append<uint8_t>(bytes, tensor.int32_data());
  }
  return bytes;
}

unsigned importer::bitsInFile(int32_t dataType) {
  switch (dataType) {
  case TensorProto::INT2:
  case TensorProto::UINT2:
    return 2;
  case TensorProto::INT4:
  case TensorProto::UINT4:
  case TensorProto::FLOAT4E2M1:
    return 4;
  case TensorProto::FLOAT6E2M3:
  case TensorProto::FLOAT6E3M2:
    return 6;
  case TensorProto::BOOL:
  case TensorProto::INT8:
  case TensorProto::UINT8:
  case TensorProto::FLOAT8E4M3FN:
  case TensorProto::FLOAT8E4M3FNUZ:
  case TensorProto::FLOAT8E5M2:
  case TensorProto::FLOAT8E5M2FNUZ:
  case TensorProto::FLOAT8E8M0:
    return 8;
  case TensorProto::INT16:
  case TensorProto::UINT16:
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
    return 16;
  case TensorProto::INT32:
  case TensorProto::UINT32:
  case TensorProto::FLOAT:
    return 32;
  case TensorProto::INT64:
  case TensorProto::UINT64:
  case TensorProto::DOUBLE:
  case TensorProto::COMPLEX64:
    return 64;
  case TensorProto::COMPLEX128:
    return 128;
  default:
    return 0;
  }
}

std::string importer::unpack(StringRef packed, unsigned bits, int64_t count) {
  std::string elements(count, 0);
  for (int64_t i = 0; i < count; ++i) {
    size_t at = i * bits / 8, from = i * bits % 8;
    unsigned pair = uint8_t(packed[at]) | (at + 1 < packed.size() ? uint8_t(packed[at + 1]) << 8 : 0);
    elements[i] = char(pair >> from & ((1u << bits) - 1));
  }
  return elements;
}

std::string importer::pack(StringRef elements, unsigned bits) {
  std::string packed((elements.size() * bits + 7) / 8, 0);
  for (size_t i = 0; i < elements.size(); ++i) {
    size_t at = i * bits / 8, from = i * bits % 8;
    unsigned pair = (uint8_t(elements[i]) & ((1u << bits) - 1)) << from;
    packed[at] |= char(pair);
    if (from + bits > 8)
      packed[at + 1] |= char(pair >> 8);
  }
  return packed;
}

unsigned importer::bytesInMemory(int32_t dataType) { return (bitsInFile(dataType) + 7) / 8; }

void importer::setElements(TensorProto &tensor, std::string elements) {
  unsigned bits = bitsInFile(tensor.data_type());
  tensor.set_raw_data(bits < 8 ? pack(elements, bits) : std::move(elements));
}

std::optional<int64_t> importer::elementCount(ArrayRef<int64_t> sizes) {
  int64_t count = 1;
  for (int64_t size : sizes)
    if (size < 0 || __builtin_mul_overflow(count, size, &count))
      return std::nullopt;
  return count;
}

static std::string wrongSize(size_t bytes, int64_t expected) {
  return "has " + std::to_string(bytes) + " bytes of data, but its shape takes " + std::to_string(expected);
}

bool importer::readElements(const TensorProto &tensor, std::string &elements, std::string &error) {
  unsigned bits = bitsInFile(tensor.data_type());
  auto count = elementCount(tensor);
  if (!bits || !count || *count > largestCount) {
    error = bits ? "has negative or impossibly large dimensions"
                 : "has the data type " + std::to_string(tensor.data_type()) + ", which is not supported";
    return false;
  }
  elements = tensor.has_raw_data() ? tensor.raw_data() : typedBytes(tensor);
  int64_t expected = llvm::divideCeil(*count * bits, 8);
  if (int64_t(elements.size()) != expected) {
    error = wrongSize(elements.size(), expected);
    return false;
  }
  if (bits < 8)
    elements = unpack(elements, bits, *count);
  return true;
}

FailureOr<Value> GraphImporter::constant(const TensorProto &tensor, Location loc) {
  if (tensor.dims_size() > largestRank)
    return emitError(loc) << "tensor '" << tensor.name() << "' has " << tensor.dims_size() << " dimensions; at most "
                          << largestRank << " are supported";
  if (tensor.data_type() != TensorProto::STRING) {
    auto value = this->tensor(tensor, loc);
    return failed(value) ? FailureOr<Value>() : FailureOr<Value>(g.constant(loc, *value));
  }
  auto count = elementCount(tensor);
  if (!count || *count != tensor.string_data_size())
    return emitError(loc) << "tensor '" << tensor.name() << "' has " << tensor.string_data_size()
                          << " strings, which are not as many as its shape takes";
  SmallVector<std::string> texts(tensor.string_data().begin(), tensor.string_data().end());
  return stringConstant(g, loc, texts, SmallVector<int64_t>(tensor.dims().begin(), tensor.dims().end()));
}

FailureOr<ElementsAttr> GraphImporter::tensor(const TensorProto &tensor, Location loc) {
  auto fail = [&](const Twine &message) -> FailureOr<ElementsAttr> {
    return emitError(loc) << "tensor '" << tensor.name() << "' " << message;
  };
  Type element = elementTypeOfNumber(b.getContext(), tensor.data_type());
  if (!element || isHandle(element))
    return fail("has the data type " + Twine(tensor.data_type()) + ", which is not supported");
  auto count = elementCount(tensor);
  if (!count || *count > largestCount)
    return fail("has negative or impossibly large dimensions");
  auto type = RankedTensorType::get(SmallVector<int64_t>(tensor.dims().begin(), tensor.dims().end()), element);
  unsigned bits = bitsInFile(tensor.data_type());
  int64_t expected = llvm::divideCeil(*count * bits, 8);
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    std::string error;
    auto file = mapExternalData(tensor, options.folder, expected, error);
    if (!file)
      return fail(error);
    if (bits < 8)
      return makeConstant(type, unpack(StringRef(file->bytes().data(), file->bytes().size()), bits, *count));
    if (element.isInteger(1) || expected == 0)
      return makeConstant(type, file->bytes());
    ArrayRef<char> bytes = file->bytes();
    AsmResourceBlob blob(bytes, 64, [file](void *, size_t, size_t) {}, /*dataIsMutable=*/false);
    return ElementsAttr(DenseResourceElementsAttr::get(type, tensor.name(), std::move(blob)));
  }
  if (tensor.has_raw_data() && !typedBytes(tensor).empty())
    return fail("has both raw and typed data");
  std::string typed = tensor.has_raw_data() ? std::string() : typedBytes(tensor);
  const std::string &bytes = tensor.has_raw_data() ? tensor.raw_data() : typed;
  if (int64_t(bytes.size()) != expected)
    return fail(wrongSize(bytes.size(), expected));
  if (bits < 8)
    return makeConstant(type, unpack(bytes, bits, *count), tensor.name());
  ArrayRef<char> data(bytes.data(), bytes.size());
  if (options.modelStays && tensor.has_raw_data() && !element.isInteger(1) && expected >= smallestInPlace)
    return ElementsAttr(
        DenseResourceElementsAttr::get(type, tensor.name(), UnmanagedAsmResourceBlob::allocateWithAlign(data, 64)));
  return makeConstant(type, data, tensor.name());
}
