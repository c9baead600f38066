//===- text.h - Building a message in a fixed buffer ------------------------===//
#ifndef LEPTON_RUNTIME_CORE_TEXT_H
#define LEPTON_RUNTIME_CORE_TEXT_H

#include "lepton_abi.h"

namespace lepton::rt {

/// Appends to a NUL-terminated buffer and cuts what does not fit.
class Text {
public:
  Text(char *buffer, size_t size) : at(buffer), left(size) { *at = '\0'; }
  explicit Text(lepton_error &error) : Text(error.message, sizeof error.message) {}

  __attribute__((format(printf, 2, 3))) Text &add(const char *format, ...);
  /// `[1,3,5]`
  Text &addShape(const int64_t *shape, uint32_t rank);
  /// ` would have shape [1,-3]`, and why that cannot be.
  Text &addImpossible(const int64_t *shape, uint32_t rank);
  /// `float32 [1,3,H]`: dimensions known only at run time by their names, or `?`. `sequence of int64 [?]`, `map from string [?] to float32 [?]`.
  Text &addDeclared(const lepton_value_info &info);

private:
  char *at;
  size_t left;
};

/// NumPy's name of an element type; "unknown" for a number that is none.
const char *dtypeName(uint32_t dtype);
/// Whether elements are lepton_tensor.
inline bool isContainer(uint32_t dtype) {
  return dtype == LEPTON_SEQUENCE || dtype == LEPTON_OPTIONAL || dtype == LEPTON_MAP;
}
/// Bytes of one element; 0 for an unknown type.
uint32_t dtypeBytes(uint32_t dtype);
/// Bytes of a dense tensor; false when a dimension is negative or the product exceeds an int64.
bool denseBytes(uint32_t elementBytes, const int64_t *shape, uint32_t rank, uint64_t &bytes);
inline bool tensorBytes(uint32_t dtype, const int64_t *shape, uint32_t rank, uint64_t &bytes) {
  return denseBytes(dtypeBytes(dtype), shape, rank, bytes);
}

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_TEXT_H
