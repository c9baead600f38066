//===- lists.h - Values that hold tensors -----------------------------------===//
//
// A sequence, an optional or a map is the address of a lepton_tensor whose elements are lepton_tensor. None is ever changed, so two may share their
// tensors.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_LISTS_H
#define LEPTON_RUNTIME_CORE_LISTS_H

#include "library.h"

namespace lepton::rt {

using List = const lepton_tensor *;
inline List listIn(const lepton_tensor &handle) { return *elements<const List>(handle); }
inline int64_t lengthOf(List list) { return list->shape[0]; }

inline void give(const lepton_tensor &place, List list) { *elements<List>(place) = list; }

/// A list of so many elements, to be filled: those at `given`, or of its own.
inline lepton_tensor *makeList(lepton_context *context, uint32_t dtype, int64_t length,
                               lepton_tensor *given = nullptr) {
  auto *list = static_cast<lepton_tensor *>(keep(context, sizeof(lepton_tensor) + sizeof(int64_t)));
  auto *shape = reinterpret_cast<int64_t *>(list + 1);
  *shape = length;
  uint64_t bytes = uint64_t(length) * sizeof(lepton_tensor);
  *list = {given ? given : keep(context, bytes), shape, dtype, 1, bytes};
  return list;
}

/// A tensor of a shape, to be filled.
inline lepton_tensor makeTensor(lepton_context *context, uint32_t dtype, const int64_t *shape, uint32_t rank,
                                uint64_t bytes) {
  auto *sizes = static_cast<int64_t *>(keep(context, rank * sizeof(int64_t)));
  if (rank)
    memcpy(sizes, shape, rank * sizeof(int64_t));
  return {keep(context, bytes), sizes, dtype, rank, bytes};
}

/// A copy of an operand, or what it is the handle of.
inline lepton_tensor copyOf(lepton_context *context, const lepton_tensor &tensor) {
  if (isContainer(tensor.dtype))
    return *listIn(tensor);
  lepton_tensor copy = makeTensor(context, tensor.dtype, tensor.shape, tensor.rank, tensor.bytes);
  if (tensor.bytes)
    memcpy(copy.data, tensor.data, tensor.bytes);
  return copy;
}

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_LISTS_H
