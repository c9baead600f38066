//===- validate.cpp - Checks of the caller's tensors ------------------------===//
//
// Compiled code trusts shapes and sizes: whatever it could trip over is refused here, in words that say what was given,
// what was expected, and what to do.
//
//===----------------------------------------------------------------------===//
#include "context.h"
#include "text.h"
#include <stdlib.h>
#include <string.h>

namespace lepton::rt {

using Number = unsigned long long;

static const char *dimName(const lepton_value_info &info, uint32_t dim) {
  const char *name = info.dim_names ? info.dim_names[dim] : nullptr;
  return name && *name ? name : nullptr;
}

/// An input's dimension by its place among those of all inputs.
struct DimPlace {
  uint32_t input, dim;
};

static DimPlace placeOf(const lepton_model *model, uint32_t index) {
  uint32_t input = 0;
  for (; index >= model->inputs[input].rank; ++input)
    index -= model->inputs[input].rank;
  return {input, index};
}

bool indexDimNames(lepton_session *session) {
  const lepton_model *model = session->model;
  uint32_t count = 0;
  for (uint32_t i = 0; i < model->input_count; ++i)
    count += model->inputs[i].rank;
  session->firstOfName = static_cast<uint32_t *>(malloc((count + 1) * sizeof(uint32_t)));
  if (!session->firstOfName)
    return false;
  for (uint32_t index = 0; index < count; ++index) {
    DimPlace place = placeOf(model, index);
    const char *name = dimName(model->inputs[place.input], place.dim);
    uint32_t first = name ? 0 : index;
    for (; first < index; ++first) {
      DimPlace other = placeOf(model, first);
      const char *otherName = dimName(model->inputs[other.input], other.dim);
      if (otherName && !strcmp(name, otherName))
        break;
    }
    session->firstOfName[index] = first;
  }
  return true;
}

static bool isAligned(const lepton_tensor &tensor) {
  uint32_t bytes = dtypeBytes(tensor.dtype);
  uint32_t alignment = bytes > 8 ? 8 : bytes ? bytes : 1;
  return reinterpret_cast<uintptr_t>(tensor.data) % alignment == 0;
}

/// Type, rank, and the sizes that the model fixes.
static bool checkDeclared(const lepton_value_info &info, const lepton_tensor &tensor, lepton_error &error) {
  if (tensor.dtype != info.dtype) {
    Text(error)
        .add("input '%.100s' has type %s, expected ", info.name, dtypeName(tensor.dtype))
        .addDeclared(info)
        .add("; convert it to %s", dtypeName(info.dtype));
    return false;
  }
  if (tensor.rank && !tensor.shape) {
    Text(error)
        .add("input '%.100s' has rank %u but no shape (NULL), expected ", info.name, tensor.rank)
        .addDeclared(info);
    return false;
  }
  bool fits = tensor.rank == info.rank;
  for (uint32_t d = 0; fits && d < info.rank; ++d)
    fits = info.shape[d] < 0 ? tensor.shape[d] >= 0 : tensor.shape[d] == info.shape[d];
  if (!fits) {
    Text text(error);
    text.add("input '%.100s' has shape ", info.name)
        .addShape(tensor.shape, tensor.rank)
        .add(", expected ")
        .addDeclared(info);
    if (tensor.rank == info.rank)
      text.add("; give it that shape");
    else
      text.add("; reshape it to rank %u", info.rank);
  }
  return fits;
}

/// The bytes of its memory.
static bool checkMemory(const lepton_value_info &info, const lepton_tensor &tensor, lepton_error &error) {
  uint64_t bytes;
  if (!tensorBytes(tensor.dtype, tensor.shape, tensor.rank, bytes)) {
    Text(error)
        .add("input '%.100s' has shape ", info.name)
        .addShape(tensor.shape, tensor.rank)
        .add(", which no memory can hold; give it a smaller shape");
    return false;
  }
  if (tensor.bytes != bytes) {
    Text(error)
        .add("input '%.100s' has %llu bytes, but %s ", info.name, Number(tensor.bytes), dtypeName(tensor.dtype))
        .addShape(tensor.shape, tensor.rank)
        .add(" takes %llu; give all elements, densely packed", Number(bytes));
    return false;
  }
  if (bytes && !tensor.data) {
    Text(error)
        .add("input '%.100s' has no data (NULL), expected %llu bytes of ", info.name, Number(bytes))
        .addDeclared(info);
    return false;
  }
  if (!isAligned(tensor)) {
    Text(error).add("input '%.100s' begins in the middle of a %s at address %p; copy it to aligned memory", info.name,
                    dtypeName(tensor.dtype), tensor.data);
    return false;
  }
  return true;
}

/// The bounds that the model was compiled for.
static bool checkBounds(const lepton_model *model, const lepton_value_info &info, const lepton_tensor &tensor,
                        lepton_error &error) {
  for (uint64_t i = 0; i < model->dim_bound_count; ++i) {
    const lepton_dim_bounds &bounds = model->dim_bounds[i];
    for (uint32_t d = 0; d < info.rank; ++d) {
      const char *name = dimName(info, d);
      if (!name || strcmp(name, bounds.name) ||
          (tensor.shape[d] >= bounds.minimum && tensor.shape[d] <= bounds.maximum))
        continue;
      Text(error)
          .add("input '%.100s' has shape ", info.name)
          .addShape(tensor.shape, tensor.rank)
          .add(", expected ")
          .addDeclared(info)
          .add(" with %.40s from %lld to %lld; give it such a shape, or compile the model for other bounds", name,
               static_cast<long long>(bounds.minimum), static_cast<long long>(bounds.maximum));
      return false;
    }
  }
  return true;
}

bool checkInputs(const lepton_session *session, const lepton_tensor *inputs, lepton_error &error) {
  const lepton_model *model = session->model;
  if (model->input_count && !inputs) {
    Text(error).add("the array of inputs is NULL, expected %u tensors", model->input_count);
    return false;
  }
  for (uint32_t i = 0, index = 0; i < model->input_count; ++i) {
    const lepton_value_info &info = model->inputs[i];
    const lepton_tensor &tensor = inputs[i];
    if (info.element) {
      if (!checkContent(info, tensor, error))
        return false;
      continue;
    }
    if (!checkDeclared(info, tensor, error) || !checkBounds(model, info, tensor, error))
      return false;
    for (uint32_t d = 0; d < info.rank; ++d, ++index) {
      uint32_t first = session->firstOfName[index];
      if (first == index)
        continue;
      DimPlace place = placeOf(model, first);
      int64_t size = inputs[place.input].shape[place.dim];
      if (size == tensor.shape[d])
        continue;
      Text(error)
          .add("input '%.100s' has shape ", info.name)
          .addShape(tensor.shape, tensor.rank)
          .add(", expected ")
          .addDeclared(info)
          .add(" with %.40s=%lld as in input '%.100s'; give both the same size", info.dim_names[d],
               static_cast<long long>(size), model->inputs[place.input].name);
      return false;
    }
    if (!checkMemory(info, tensor, error) || !checkContent(info, tensor, error))
      return false;
  }
  return true;
}

bool checkOutput(const lepton_value_info &info, const lepton_tensor &given, const int64_t *shape, uint64_t bytes,
                 lepton_error &error) {
  bool hasShape = !given.shape || given.rank == info.rank;
  for (uint32_t d = 0; hasShape && given.shape && d < info.rank; ++d)
    hasShape = given.shape[d] == shape[d];
  if (!hasShape) {
    Text(error)
        .add("output '%.100s' has shape ", info.name)
        .addShape(shape, info.rank)
        .add(", but the caller expects ")
        .addShape(given.shape, given.rank)
        .add("; give a buffer of that shape, or none to have it allocated");
    return false;
  }
  if (given.bytes != bytes) {
    Text(error)
        .add("output '%.100s' is %s ", info.name, dtypeName(info.dtype))
        .addShape(shape, info.rank)
        .add(", %llu bytes, but the caller's buffer has %llu; give one of that size, or none to have it allocated",
             Number(bytes), Number(given.bytes));
    return false;
  }
  if (reinterpret_cast<uintptr_t>(given.data) % 8 && !isAligned({given.data, nullptr, info.dtype, 0, 0})) {
    Text(error).add("the buffer of output '%.100s' begins in the middle of a %s at address %p; give aligned memory",
                    info.name, dtypeName(info.dtype), given.data);
    return false;
  }
  return true;
}

} // namespace lepton::rt
