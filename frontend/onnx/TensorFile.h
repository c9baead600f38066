//===- TensorFile.h - files of one ONNX value --------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_TENSORFILE_H
#define LEPTON_FRONTEND_ONNX_TENSORFILE_H

#include <cstdint>
#include <string>
#include <vector>

namespace lepton {

/// A value: a dense tensor, a sequence, an optional or a map.
struct TensorFile {
  int32_t dataType =
      0; // lepton_dtype: ONNX's number of a tensor's element type, LEPTON_SEQUENCE, LEPTON_OPTIONAL or LEPTON_MAP
  std::string name;
  std::vector<int64_t> shape;
  std::string bytes;                // the elements of a tensor, row-major, each in whole bytes
  std::vector<std::string> strings; // those of a tensor of strings
  std::vector<TensorFile> elements; // of a sequence or an optional; a map's keys and its values
};

/// Reads a TensorProto, SequenceProto, OptionalProto or MapProto; such files do not say which they are, so `expected` does, a lepton_dtype. False with the reason
/// in `error`.
bool readTensorFile(const std::string &path, uint32_t expected, TensorFile &tensor, std::string &error);
/// The way back: what such a file holds.
std::string tensorFileBytes(const TensorFile &tensor);

} // namespace lepton

#endif // LEPTON_FRONTEND_ONNX_TENSORFILE_H
