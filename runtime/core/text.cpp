//===- text.cpp - Messages, and the facts about element types they need -----===//
#include "text.h"
#include <stdarg.h>
#include <stdio.h>

namespace lepton::rt {

Text &Text::add(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(at, left, format, arguments);
  va_end(arguments);
  size_t advance = written < 0 ? 0 : size_t(written) < left ? size_t(written) : left - 1;
  at += advance;
  left -= advance;
  return *this;
}

/// No model has more; a caller's nonsense must not fill the message.
constexpr uint32_t kPrintedDims = 16;

Text &Text::addShape(const int64_t *shape, uint32_t rank) {
  add("[");
  for (uint32_t d = 0; d < rank && d < kPrintedDims; ++d)
    add(d ? ",%lld" : "%lld", static_cast<long long>(shape[d]));
  return add(rank > kPrintedDims ? ",...]" : "]");
}

Text &Text::addImpossible(const int64_t *shape, uint32_t rank) {
  add(" would have shape ").addShape(shape, rank);
  for (uint32_t d = 0; d < rank; ++d)
    if (shape[d] < 0)
      return add(", of a negative size; the sizes of the inputs do not fit this model, most often they are too small");
  return add(", which no memory can hold; the inputs ask for too large a result");
}

Text &Text::addDeclared(const lepton_value_info &info) {
  if (info.dtype == LEPTON_MAP)
    return add("map from ").addDeclared(info.element[0]).add(" to ").addDeclared(info.element[1]);
  if (info.element)
    return add("%s of ", dtypeName(info.dtype)).addDeclared(*info.element);
  if (info.rank == LEPTON_ANY_RANK)
    return add("%s of any shape", dtypeName(info.dtype));
  add("%s [", dtypeName(info.dtype));
  for (uint32_t d = 0; d < info.rank && d < kPrintedDims; ++d) {
    if (d)
      add(",");
    if (info.shape[d] >= 0)
      add("%lld", static_cast<long long>(info.shape[d]));
    else
      add("%.40s", info.dim_names && info.dim_names[d] ? info.dim_names[d] : "?");
  }
  return add(info.rank > kPrintedDims ? ",...]" : "]");
}

struct DtypeFacts {
  const char *name;
  uint32_t bytes; // of an element
};

static const DtypeFacts kDtypes[] = {
    {"undefined", 0},      {"float32", 4},  {"uint8", 1},        {"int8", 1},           {"uint16", 2},
    {"int16", 2},          {"int32", 4},    {"int64", 8},        {"string", 8},         {"bool", 1},
    {"float16", 2},        {"float64", 8},  {"uint32", 4},       {"uint64", 8},         {"complex64", 8},
    {"complex128", 16},    {"bfloat16", 2}, {"float8e4m3fn", 1}, {"float8e4m3fnuz", 1}, {"float8e5m2", 1},
    {"float8e5m2fnuz", 1}, {"uint4", 1},    {"int4", 1},         {"float4e2m1", 1},     {"float8e8m0", 1},
    {"uint2", 1},          {"int2", 1},     {"float6e2m3", 1},   {"float6e3m2", 1},
};
constexpr uint32_t kDtypeCount = sizeof kDtypes / sizeof kDtypes[0];

const char *dtypeName(uint32_t dtype) {
  if (isContainer(dtype))
    return dtype == LEPTON_SEQUENCE ? "sequence" : dtype == LEPTON_OPTIONAL ? "optional" : "map";
  return dtype < kDtypeCount ? kDtypes[dtype].name : "unknown";
}

uint32_t dtypeBytes(uint32_t dtype) {
  if (isContainer(dtype))
    return sizeof(lepton_tensor);
  return dtype < kDtypeCount ? kDtypes[dtype].bytes : 0;
}

bool denseBytes(uint32_t elementBytes, const int64_t *shape, uint32_t rank, uint64_t &bytes) {
  // An empty tensor stays empty whatever its other dimensions are, so zero is looked for before anything is multiplied.
  bool isEmpty = false;
  for (uint32_t d = 0; d < rank; ++d) {
    if (shape[d] < 0)
      return false;
    isEmpty |= shape[d] == 0;
  }
  int64_t product = isEmpty ? 0 : elementBytes;
  for (uint32_t d = 0; d < rank && !isEmpty; ++d)
    if (__builtin_mul_overflow(product, shape[d], &product))
      return false;
  bytes = uint64_t(product);
  return product <= PTRDIFF_MAX;
}

} // namespace lepton::rt
