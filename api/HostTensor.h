//===- HostTensor.h - tensors that own their memory -------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_HOSTTENSOR_H
#define LEPTON_API_HOSTTENSOR_H

#include "runtime/core/lepton_abi.h"

#include "llvm/ADT/ArrayRef.h"
#include <string>
#include <vector>

namespace lepton {

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

/// NumPy has no names for bfloat16 and the types narrower than a byte, nor for floats of one: its files hold raw elements of one or two bytes.
inline constexpr const char *rawElement = "<V1";

/// An element type of tensors of numbers.
struct Dtype {
  uint32_t number;
  const char *descr, *text; ///< NumPy's, in its files ("<f4") and in programs ("float32")
  size_t bytes;
};
llvm::ArrayRef<Dtype> dtypes();
/// Null where there is none.
const Dtype *findDtype(uint32_t number);
/// Whether its elements are tensors: a sequence, an optional or a map.
bool isContainer(uint32_t dtype);

size_t dtypeBytes(uint32_t dtype);
/// NumPy's name ("float32").
const char *dtypeText(uint32_t dtype);

/// `float32[N, 3]`, `sequence of string[?]`.
std::string valueText(const lepton_value_info &info);

} // namespace lepton

#endif // LEPTON_API_HOSTTENSOR_H
