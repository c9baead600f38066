//===- TensorFile.cpp - files of one ONNX value -----------------------------------------------------------===//

#include "frontend/onnx/TensorFile.h"
#include "frontend/onnx/TensorData.h"
#include "runtime/core/lepton_abi.h"

#include "onnx/onnx-data.pb.h"

#include <fstream>
#include <google/protobuf/stubs/logging.h>

using namespace lepton;

//===------------------------------------------------------------------------------------------------------===//
// Reading
//===------------------------------------------------------------------------------------------------------===//

static bool take(const ::onnx::TensorProto &proto, TensorFile &tensor, std::string &error) {
  tensor.dataType = proto.data_type();
  tensor.name = proto.name();
  tensor.shape.assign(proto.dims().begin(), proto.dims().end());
  if (proto.data_location() == ::onnx::TensorProto::EXTERNAL) {
    error = "has its data in another file; store them inside";
    return false;
  }
  if (proto.data_type() != ::onnx::TensorProto::STRING)
    return importer::readElements(proto, tensor.bytes, error);
  tensor.strings.assign(proto.string_data().begin(), proto.string_data().end());
  if (importer::elementCount(proto) == proto.string_data_size())
    return true;
  error = "has " + std::to_string(proto.string_data_size()) + " strings, which are not as many as its shape takes";
  return false;
}

static bool take(const ::onnx::SequenceProto &proto, TensorFile &sequence, std::string &error);

static bool take(const ::onnx::MapProto &proto, TensorFile &map, std::string &error) {
  map.dataType = LEPTON_MAP;
  map.name = proto.name();
  TensorFile keys, values, each;
  keys.dataType = proto.key_type();
  keys.strings.assign(proto.string_keys().begin(), proto.string_keys().end());
  keys.bytes.assign(reinterpret_cast<const char *>(proto.keys().data()), proto.keys_size() * sizeof(int64_t));
  keys.shape = {keys.dataType == LEPTON_STRING ? proto.string_keys_size() : proto.keys_size()};
  if (!take(proto.values(), each, error))
    return false;
  values.dataType = each.elements.empty() ? int32_t(LEPTON_FLOAT) : each.elements.front().dataType;
  values.shape = {int64_t(each.elements.size())};
  for (const TensorFile &value : each.elements) {
    if (value.dataType != values.dataType || !value.shape.empty()) {
      error = "is a map of other values than scalars of one type, which is not supported";
      return false;
    }
    values.bytes += value.bytes;
    values.strings.insert(values.strings.end(), value.strings.begin(), value.strings.end());
  }
  map.elements = {std::move(keys), std::move(values)};
  return true;
}

static bool take(const ::onnx::SequenceProto &proto, TensorFile &sequence, std::string &error) {
  sequence.dataType = LEPTON_SEQUENCE;
  sequence.name = proto.name();
  for (const auto &element : proto.tensor_values())
    if (!take(element, sequence.elements.emplace_back(), error))
      return false;
  for (const auto &element : proto.map_values())
    if (!take(element, sequence.elements.emplace_back(), error))
      return false;
  if (!proto.sparse_tensor_values_size() && !proto.sequence_values_size() && !proto.optional_values_size())
    return true;
  error = "is a sequence of other values than dense tensors and maps, which is not supported";
  return false;
}

static bool take(const ::onnx::OptionalProto &proto, TensorFile &optional, std::string &error) {
  optional.dataType = LEPTON_OPTIONAL;
  optional.name = proto.name();
  if (proto.has_tensor_value())
    return take(proto.tensor_value(), optional.elements.emplace_back(), error);
  if (proto.has_sequence_value())
    return take(proto.sequence_value(), optional.elements.emplace_back(), error);
  if (!proto.has_sparse_tensor_value() && !proto.has_map_value() && !proto.has_optional_value())
    return true;
  error = "is an optional of another value than a dense tensor or a sequence, which is not supported";
  return false;
}

template <typename ProtoT>
static bool read(std::ifstream &file, const char *what, TensorFile &tensor, std::string &error) {
  ProtoT proto;
  if (proto.ParseFromIstream(&file))
    return take(proto, tensor, error);
  error = std::string("is no ONNX ") + what + ", or it is truncated";
  return false;
}

bool lepton::readTensorFile(const std::string &path, uint32_t expected, TensorFile &tensor, std::string &error) {
  google::protobuf::LogSilencer silent; // its messages are ours to give
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    error = "cannot be read";
    return false;
  }
  if (expected == LEPTON_SEQUENCE)
    return read<::onnx::SequenceProto>(file, "SequenceProto", tensor, error);
  if (expected == LEPTON_OPTIONAL)
    return read<::onnx::OptionalProto>(file, "OptionalProto", tensor, error);
  if (expected == LEPTON_MAP)
    return read<::onnx::MapProto>(file, "MapProto", tensor, error);
  return read<::onnx::TensorProto>(file, "TensorProto", tensor, error);
}

//===------------------------------------------------------------------------------------------------------===//
// Writing
//===------------------------------------------------------------------------------------------------------===//

static void put(const TensorFile &tensor, ::onnx::TensorProto &proto) {
  proto.set_name(tensor.name);
  proto.set_data_type(tensor.dataType);
  for (int64_t size : tensor.shape)
    proto.add_dims(size);
  for (const std::string &text : tensor.strings)
    proto.add_string_data(text);
  if (tensor.dataType != ::onnx::TensorProto::STRING)
    importer::setElements(proto, tensor.bytes);
}

static void put(const TensorFile &map, ::onnx::MapProto &proto) {
  const TensorFile &keys = map.elements[0], &values = map.elements[1];
  proto.set_name(map.name);
  proto.set_key_type(keys.dataType);
  for (const std::string &text : keys.strings)
    proto.add_string_keys(text);
  const auto *numbers = reinterpret_cast<const int64_t *>(keys.bytes.data());
  proto.mutable_keys()->Add(numbers, numbers + keys.bytes.size() / sizeof(int64_t));
  proto.mutable_values()->set_elem_type(::onnx::SequenceProto::TENSOR);
  size_t count = values.shape[0], bytes = count ? values.bytes.size() / count : 0;
  for (size_t i = 0; i < count; ++i) {
    TensorFile value;
    value.dataType = values.dataType;
    value.bytes = values.bytes.substr(i * bytes, bytes);
    if (!values.strings.empty())
      value.strings = {values.strings[i]};
    put(value, *proto.mutable_values()->add_tensor_values());
  }
}

static void put(const TensorFile &sequence, ::onnx::SequenceProto &proto) {
  bool isOfMaps = !sequence.elements.empty() && sequence.elements.front().dataType == LEPTON_MAP;
  proto.set_name(sequence.name);
  proto.set_elem_type(isOfMaps ? ::onnx::SequenceProto::MAP : ::onnx::SequenceProto::TENSOR);
  for (const TensorFile &element : sequence.elements)
    if (isOfMaps)
      put(element, *proto.add_map_values());
    else
      put(element, *proto.add_tensor_values());
}

static void put(const TensorFile &optional, ::onnx::OptionalProto &proto) {
  proto.set_name(optional.name);
  for (const TensorFile &content : optional.elements) {
    bool isSequence = content.dataType == LEPTON_SEQUENCE;
    proto.set_elem_type(isSequence ? ::onnx::OptionalProto::SEQUENCE : ::onnx::OptionalProto::TENSOR);
    if (isSequence)
      put(content, *proto.mutable_sequence_value());
    else
      put(content, *proto.mutable_tensor_value());
  }
}

template <typename ProtoT> static std::string bytesOf(const TensorFile &tensor) {
  ProtoT proto;
  put(tensor, proto);
  return proto.SerializeAsString();
}

std::string lepton::tensorFileBytes(const TensorFile &tensor) {
  return tensor.dataType == LEPTON_SEQUENCE   ? bytesOf<::onnx::SequenceProto>(tensor)
         : tensor.dataType == LEPTON_OPTIONAL ? bytesOf<::onnx::OptionalProto>(tensor)
         : tensor.dataType == LEPTON_MAP      ? bytesOf<::onnx::MapProto>(tensor)
                                              : bytesOf<::onnx::TensorProto>(tensor);
}
