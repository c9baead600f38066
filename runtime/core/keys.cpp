//===- keys.cpp - Integers or strings in order ------------------------------===//
#include "keys.h"
#include <stdlib.h>

namespace lepton::rt {

int compareKeys(const Key &a, const Key &b) {
  if (a.text)
    return strcmp(a.text, b.text);
  return a.number < b.number ? -1 : a.number > b.number;
}

static int compare(const void *a, const void *b) {
  return compareKeys(*static_cast<const Key *>(a), *static_cast<const Key *>(b));
}

const Key *sortedKeys(lepton_context *context, const lepton_tensor &tensor) {
  int64_t count = elementCount(tensor);
  auto *keys = static_cast<Key *>(keep(context, count * sizeof(Key)));
  for (int64_t i = 0; i < count; ++i)
    keys[i] = Key(tensor, i);
  qsort(keys, count, sizeof(Key), compare);
  return keys;
}

const Key *findKey(const Key *sorted, int64_t count, const Key &key) {
  return static_cast<const Key *>(bsearch(&key, sorted, count, sizeof(Key), compare));
}

} // namespace lepton::rt
