//===- TensorFile.cpp - files of one ONNX TensorProto --------------------------------------------------===//

#include "frontend/onnx/TensorFile.h"
#include "frontend/onnx/TensorData.h"

#include <fstream>
#include <google/protobuf/stubs/logging.h>

using namespace lepton;

bool lepton::readTensorFile(const std::string &path, TensorFile &tensor, std::string &error) {
  google::protobuf::LogSilencer silent; // its messages are ours to give
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    error = "cannot be read";
    return false;
  }
  ::onnx::TensorProto proto;
  if (!proto.ParseFromIstream(&file) || proto.data_location() == ::onnx::TensorProto::EXTERNAL) {
    error = "is no ONNX TensorProto, or it is truncated";
    return false;
  }
  tensor.dataType = proto.data_type();
  tensor.name = proto.name();
  tensor.shape.assign(proto.dims().begin(), proto.dims().end());
  return importer::readElements(proto, tensor.bytes, error);
}

bool lepton::writeTensorFile(const std::string &path, const TensorFile &tensor, std::string &error) {
  ::onnx::TensorProto proto;
  proto.set_name(tensor.name);
  proto.set_data_type(tensor.dataType);
  for (int64_t size : tensor.shape)
    proto.add_dims(size);
  unsigned bits = importer::bitsInFile(tensor.dataType);
  proto.set_raw_data(bits < 8 ? importer::pack(tensor.bytes, bits) : tensor.bytes);
  std::ofstream file(path, std::ios::binary);
  if (file && proto.SerializeToOstream(&file) && file.flush())
    return true;
  error = path + ": cannot be written";
  return false;
}
