//===- values.cpp - Strings, sequences, optionals, maps at the border --------===//
//
// What a caller gives is checked all the way down; what a run leaves is copied into one block, so that the caller frees one address.
//
//===----------------------------------------------------------------------===//
#include "library.h"
#include <stdlib.h>

namespace lepton::rt {

using Number = unsigned long long;

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

static bool checkStrings(const char *name, const lepton_tensor &tensor, lepton_error &error) {
  int64_t count = elementCount(tensor);
  for (int64_t i = 0; i < count; ++i)
    if (!elements<const char *>(tensor)[i]) {
      Text(error).add("input '%.100s' has a NULL as string %lld; give an empty string", name,
                      static_cast<long long>(i));
      return false;
    }
  return true;
}

/// A tensor in a sequence, an optional or a map.
static bool checkElement(const char *name, const lepton_value_info &info, const lepton_tensor &tensor,
                         lepton_error &error) {
  Text text(error);
  text.add("input '%.100s' holds ", name);
  if (tensor.dtype != info.dtype) {
    text.add("a value of type %s, expected ", dtypeName(tensor.dtype)).addDeclared(info);
    return false;
  }
  bool fits = !tensor.rank || tensor.shape;
  if (fits && info.rank != LEPTON_ANY_RANK) {
    fits = tensor.rank == info.rank;
    for (uint32_t d = 0; fits && d < info.rank; ++d)
      fits = info.shape[d] < 0 || tensor.shape[d] == info.shape[d];
  }
  uint64_t bytes;
  if (!fits || !tensorBytes(tensor.dtype, tensor.shape, tensor.rank, bytes)) {
    text.add("a tensor of shape ").addShape(tensor.shape, tensor.shape ? tensor.rank : 0).add(", expected ");
    text.addDeclared(info);
    return false;
  }
  if (tensor.bytes != bytes || (bytes && !tensor.data)) {
    text.add("a tensor of %llu bytes at %p, expected %llu of ", Number(tensor.bytes), tensor.data, Number(bytes))
        .addDeclared(info);
    return false;
  }
  error.message[0] = '\0';
  return tensor.dtype != LEPTON_STRING || checkStrings(name, tensor, error);
}

/// What a list of lepton_tensor is called that a container must be.
static const char *listName(uint32_t dtype) {
  return dtype == LEPTON_OPTIONAL ? "list of 0 or 1" : dtype == LEPTON_MAP ? "list of 2" : "list";
}

static bool checkContainer(const char *name, const lepton_value_info &info, const lepton_tensor &tensor,
                           lepton_error &error) {
  Text text(error);
  text.add("input '%.100s' ", name);
  if (tensor.dtype != info.dtype) {
    text.add("has type %s, expected ", dtypeName(tensor.dtype)).addDeclared(info);
    return false;
  }
  bool isList = tensor.rank == 1 && tensor.shape && tensor.shape[0] >= 0 &&
                uint64_t(tensor.shape[0]) < kMaxBytes / sizeof(lepton_tensor) &&
                tensor.bytes == uint64_t(tensor.shape[0]) * sizeof(lepton_tensor) && (!tensor.bytes || tensor.data);
  bool isMap = info.dtype == LEPTON_MAP;
  if (!isList || (info.dtype == LEPTON_OPTIONAL && tensor.shape[0] > 1) || (isMap && tensor.shape[0] != 2)) {
    text.add("is no %s of lepton_tensor, a tensor of rank 1; expected ", listName(info.dtype)).addDeclared(info);
    return false;
  }
  error.message[0] = '\0';
  for (int64_t i = 0; i < tensor.shape[0]; ++i) {
    const lepton_tensor &element = elements<const lepton_tensor>(tensor)[i];
    const lepton_value_info &declared = info.element[isMap ? i : 0];
    if (isContainer(declared.dtype) ? !checkContainer(name, declared, element, error)
                                    : !checkElement(name, declared, element, error))
      return false;
  }
  const auto *parts = elements<const lepton_tensor>(tensor);
  if (!isMap || parts[0].shape[0] == parts[1].shape[0])
    return true;
  Text(error).add("input '%.100s' is a map of %lld keys and %lld values; give each key one", name,
                  static_cast<long long>(parts[0].shape[0]), static_cast<long long>(parts[1].shape[0]));
  return false;
}

bool checkContent(const lepton_value_info &info, const lepton_tensor &tensor, lepton_error &error) {
  if (isContainer(info.dtype))
    return checkContainer(info.name, info, tensor, error);
  return info.dtype != LEPTON_STRING || checkStrings(info.name, tensor, error);
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

namespace {

/// Lays values out in one block; without a block it only measures.
struct Packer {
  char *block;
  uint64_t bytes;

  char *take(uint64_t size, uint64_t alignment) {
    bytes = alignUp(bytes, alignment);
    char *place = block ? block + bytes : nullptr;
    bytes += size;
    return place;
  }

  /// The data come first: of the whole value they begin the block.
  void pack(const lepton_tensor &from, lepton_tensor *to) {
    char *data = take(from.bytes, kAlignment);
    char *shape = take(from.rank * sizeof(int64_t), sizeof(int64_t));
    if (block) {
      if (from.rank)
        memcpy(shape, from.shape, from.rank * sizeof(int64_t));
      *to = {data, from.rank ? reinterpret_cast<int64_t *>(shape) : nullptr, from.dtype, from.rank, from.bytes};
    }
    if (isContainer(from.dtype))
      for (int64_t i = 0; i < from.shape[0]; ++i)
        pack(elements<const lepton_tensor>(from)[i], block ? elements<lepton_tensor>(*to) + i : nullptr);
    else if (from.dtype == LEPTON_STRING)
      for (int64_t i = 0, n = elementCount(from); i < n; ++i)
        packString(elements<const char *>(from)[i], block ? elements<const char *>(*to) + i : nullptr);
    else if (block && from.bytes)
      memcpy(data, from.data, from.bytes);
  }

  void packString(const char *from, const char **to) {
    uint64_t size = strlen(from) + 1;
    char *place = take(size, 1);
    if (block)
      *to = static_cast<const char *>(memcpy(place, from, size));
  }
};

} // namespace

void deliverHandles(lepton_context *context) {
  for (uint32_t i = 0; i < context->session->model->output_count; ++i) {
    if (context->outputStates[i] != Handle)
      continue;
    const char *name = context->session->model->outputs[i].name;
    char message[256];
    if (context->outputs[i].data) {
      Text(message, sizeof message)
          .add("output '%.100s' is of strings, a sequence, an optional or a map, which the runtime allocates; leave "
               "its data NULL",
               name);
      return fail(context, LEPTON_INVALID_ARGUMENT, message);
    }
    Packer measured = {nullptr, 0};
    measured.pack(*context->handles[i], nullptr);
    void *block = nullptr;
    if (posix_memalign(&block, kAlignment, measured.bytes + 1) != 0) {
      Text(message, sizeof message)
          .add("out of memory: output '%.100s' needs %llu bytes; use smaller inputs, or run fewer at once", name,
               Number(measured.bytes));
      return fail(context, LEPTON_OUT_OF_MEMORY, message);
    }
    Packer packer = {static_cast<char *>(block), 0};
    packer.pack(*context->handles[i], &context->outputs[i]);
    context->outputs[i].data = block;
    context->outputStates[i] = Allocated;
  }
}

} // namespace lepton::rt
