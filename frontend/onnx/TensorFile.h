//===- TensorFile.h - files of one ONNX TensorProto ----------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_TENSORFILE_H
#define LEPTON_FRONTEND_ONNX_TENSORFILE_H

#include <cstdint>
#include <string>
#include <vector>

namespace lepton {

/// A dense tensor: ONNX's number of its element type, its shape, and its row-major elements, each in whole bytes.
struct TensorFile {
  int32_t dataType = 0;
  std::string name;
  std::vector<int64_t> shape;
  std::string bytes;
};

/// False with the reason in `error`.
bool readTensorFile(const std::string &path, TensorFile &tensor, std::string &error);
bool writeTensorFile(const std::string &path, const TensorFile &tensor, std::string &error);

} // namespace lepton

#endif // LEPTON_FRONTEND_ONNX_TENSORFILE_H
