//===- TensorFiles.h - tensors in files ------------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_TOOLS_LEPTON_TENSORFILES_H
#define LEPTON_TOOLS_LEPTON_TENSORFILES_H

#include "runtime/core/lepton_abi.h"

#include <string>
#include <vector>

namespace lepton::cli {

/// A tensor that owns its memory.
struct HostTensor {
  uint32_t dtype = LEPTON_FLOAT;
  std::vector<int64_t> shape;
  std::vector<char> data;
  std::vector<std::string> strings; // the elements of a tensor of strings
  std::vector<HostTensor> elements; // of a sequence, an optional or a map

  /// Valid until the tensor moves or changes.
  lepton_tensor view();
};

size_t dtypeBytes(uint32_t dtype);
/// NumPy's name ("float32").
const char *dtypeText(uint32_t dtype);

/// `float32[N, 3]`, `sequence of string[?]`.
std::string valueText(const lepton_value_info &info);

/// Reads NumPy's .npy, versions 1 to 3, little-endian, C order; false with the reason in `error`. Elements of types that NumPy has no name for are raw
/// bytes there (`V1`), and taken for the dtype that is expected.
bool readNpy(const std::string &path, uint32_t expected, HostTensor &tensor, std::string &error);
bool writeNpy(const std::string &path, const lepton_tensor &tensor, std::string &error);
/// Reads a file by its ending: .pb (ONNX TensorProto, or SequenceProto, OptionalProto and MapProto where such values are expected) or .npy (tensors of numbers).
bool readTensor(const std::string &path, uint32_t expected, HostTensor &tensor, std::string &error);
/// Writes `folder/name.format`; characters of the name that no file name can have become underscores.
bool writeTensor(const std::string &folder, const std::string &name, const std::string &format,
                 const lepton_tensor &tensor, std::string &error);

} // namespace lepton::cli

#endif // LEPTON_TOOLS_LEPTON_TENSORFILES_H
