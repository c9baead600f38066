//===- npy.h - Tensors in NumPy's files -------------------------------------===//
#ifndef LEPTON_RUNTIME_PROGRAM_NPY_H
#define LEPTON_RUNTIME_PROGRAM_NPY_H

#include "../core/lepton_abi.h"

namespace lepton::rt {

/// Reads a .npy file (versions 1 to 3, C order, little-endian) into memory that stays with the tensor; its shape is never
/// null. Elements of types that NumPy has no name for are raw bytes there, and taken for the dtype that is expected. Returns
/// what is wrong, or null.
const char *readNpy(const char *path, uint32_t expected, lepton_tensor &tensor);
const char *writeNpy(const char *path, const lepton_tensor &tensor);

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_PROGRAM_NPY_H
