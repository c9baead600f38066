//===- TensorFiles.h - tensors in files ------------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_TOOLS_LEPTON_TENSORFILES_H
#define LEPTON_TOOLS_LEPTON_TENSORFILES_H

#include "api/HostTensor.h"

namespace lepton::cli {

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
