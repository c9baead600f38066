//===- keys.h - Integers or strings in order --------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_KEYS_H
#define LEPTON_RUNTIME_CORE_KEYS_H

#include "library.h"

namespace lepton::rt {

/// An element of a tensor of int64 or of strings.
struct Key {
  const char *text; // NULL: the number counts
  int64_t number;
  int64_t place; // in the tensor

  Key(const lepton_tensor &tensor, int64_t place)
      : text(tensor.dtype == LEPTON_STRING ? elements<const char *>(tensor)[place] : nullptr),
        number(text ? 0 : elements<const int64_t>(tensor)[place]), place(place) {}
};

/// Negative, zero or positive, as `a` stands to `b` in ascending order; strings in that of their bytes.
int compareKeys(const Key &a, const Key &b);
/// The elements of a tensor in ascending order.
const Key *sortedKeys(lepton_context *context, const lepton_tensor &tensor);
/// The one of `count` sorted keys that equals `key`; NULL where none does.
const Key *findKey(const Key *sorted, int64_t count, const Key &key);

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_KEYS_H
