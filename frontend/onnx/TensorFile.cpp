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

static bool take(const ::onnx::SequenceProto &proto, TensorFile &sequence, std::string &error) {
  sequence.dataType = LEPTON_SEQUENCE;
  sequence.name = proto.name();
  for (const auto &element : proto.tensor_values())
    if (!take(element, sequence.elements.emplace_back(), error))
      return false;
  if (!proto.sparse_tensor_values_size() && !proto.sequence_values_size() && !proto.map_values_size() &&
      !proto.optional_values_size())
    return true;
  error = "is a sequence of other values than dense tensors, which is not supported";
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
  if (tensor.dataType == ::onnx::TensorProto::STRING)
    return;
  unsigned bits = importer::bitsInFile(tensor.dataType);
  proto.set_raw_data(bits < 8 ? importer::pack(tensor.bytes, bits) : tensor.bytes);
}

static void put(const TensorFile &sequence, ::onnx::SequenceProto &proto) {
  proto.set_name(sequence.name);
  proto.set_elem_type(::onnx::SequenceProto::TENSOR);
  for (const TensorFile &element : sequence.elements)
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

template <typename ProtoT> static bool write(std::ofstream &file, const TensorFile &tensor) {
  ProtoT proto;
  put(tensor, proto);
  return proto.SerializeToOstream(&file);
}

bool lepton::writeTensorFile(const std::string &path, const TensorFile &tensor, std::string &error) {
  std::ofstream file(path, std::ios::binary);
  bool written = tensor.dataType == LEPTON_SEQUENCE   ? write<::onnx::SequenceProto>(file, tensor)
                 : tensor.dataType == LEPTON_OPTIONAL ? write<::onnx::OptionalProto>(file, tensor)
                                                      : write<::onnx::TensorProto>(file, tensor);
  if (file && written && file.flush())
    return true;
  error = path + ": cannot be written";
  return false;
}
