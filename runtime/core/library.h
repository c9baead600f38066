//===- library.h - Functions of the runtime that ops call -------------------===//
//
// One for each op of dialects/Lepton/Text.td, Image.td, Sequence.td and Map.td, called by lrt.call. They get the node's name, the operands and
// then the result as `tensors`, the number of operands, and the op's integer attributes. Whatever they make lives until the end of the run.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_LIBRARY_H
#define LEPTON_RUNTIME_CORE_LIBRARY_H

#include "context.h"
#include "text.h"
#include <string.h>

#define LEPTON_LIBRARY_FUNCTION(name)                                                                                  \
  extern "C" void lepton_rt_##name([[maybe_unused]] lepton_context *context, [[maybe_unused]] const char *node,        \
                                   [[maybe_unused]] const lepton_tensor *tensors, [[maybe_unused]] int64_t count,      \
                                   [[maybe_unused]] const int64_t *numbers)

namespace lepton::rt {

template <typename T> T *elements(const lepton_tensor &tensor) { return static_cast<T *>(tensor.data); }

/// The product of the sizes of dimensions [begin, end).
inline int64_t productOf(const lepton_tensor &tensor, uint32_t begin, uint32_t end) {
  int64_t product = 1;
  for (uint32_t d = begin; d < end; ++d)
    product *= tensor.shape[d];
  return product;
}

/// The number of elements; a tensor without dimensions has one.
inline int64_t elementCount(const lepton_tensor &tensor) { return productOf(tensor, 0, tensor.rank); }

/// Fails the run with a message about the node.
template <typename... Arguments>
void failNode(lepton_context *context, const char *node, const char *format, Arguments... arguments) {
  char message[512];
  Text text(message, sizeof message);
  text.add("node '%.100s': ", node);
  if constexpr (sizeof...(arguments) == 0)
    text.add("%s", format);
  else
    text.add(format, arguments...);
  fail(context, LEPTON_INVALID_ARGUMENT, message);
}

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_LIBRARY_H
