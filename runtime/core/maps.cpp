//===- maps.cpp - What the ops on maps call ---------------------------------===//
#include "keys.h"
#include "lists.h"

namespace lepton::rt {

static const lepton_tensor &keysOf(List map) { return elements<const lepton_tensor>(*map)[0]; }
static const lepton_tensor &valuesOf(List map) { return elements<const lepton_tensor>(*map)[1]; }

/// Copies an element between tensors of one type.
static void copyElement(const lepton_tensor &to, int64_t place, const lepton_tensor &from, int64_t source) {
  uint32_t bytes = dtypeBytes(to.dtype);
  memcpy(elements<char>(to) + place * bytes, elements<const char>(from) + source * bytes, bytes);
}

} // namespace lepton::rt

using namespace lepton::rt;

LEPTON_LIBRARY_FUNCTION(map_zip) {
  const lepton_tensor &values = tensors[1];
  int64_t maps = values.shape[0];
  uint64_t bytes = maps ? values.bytes / maps : 0;
  lepton_tensor keys = copyOf(context, tensors[0]); // which all maps share
  lepton_tensor *list = makeList(context, LEPTON_SEQUENCE, maps);
  for (int64_t i = 0; i < maps; ++i) {
    lepton_tensor *map = makeList(context, LEPTON_MAP, 2),
                  row = makeTensor(context, values.dtype, values.shape + 1, 1, bytes);
    if (bytes)
      memcpy(row.data, elements<const char>(values) + i * bytes, bytes);
    elements<lepton_tensor>(*map)[0] = keys;
    elements<lepton_tensor>(*map)[1] = row;
    elements<lepton_tensor>(*list)[i] = *map;
  }
  give(tensors[2], list);
}

LEPTON_LIBRARY_FUNCTION(map_length) { *elements<int64_t>(tensors[1]) = elementCount(keysOf(listIn(tensors[0]))); }

LEPTON_LIBRARY_FUNCTION(map_values) {
  List map = listIn(tensors[0]);
  const Key *sorted = sortedKeys(context, keysOf(map));
  for (int64_t i = 0, length = elementCount(tensors[2]); i < length; ++i)
    copyElement(tensors[2], i, valuesOf(map), sorted[i].place);
}

LEPTON_LIBRARY_FUNCTION(map_at) {
  List map = listIn(tensors[0]);
  const Key *sorted = sortedKeys(context, keysOf(map));
  int64_t length = elementCount(keysOf(map));
  for (int64_t i = 0, wanted = elementCount(tensors[1]); i < wanted; ++i) {
    const Key *found = findKey(sorted, length, Key(tensors[1], i));
    if (found)
      copyElement(tensors[3], i, valuesOf(map), found->place);
    else
      copyElement(tensors[3], i, tensors[2], 0);
  }
}
