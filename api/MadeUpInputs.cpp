//===- MadeUpInputs.cpp - inputs to run a model with, where none are given ---------------------------------------------===//

#include "api/MadeUpInputs.h"

#include "llvm/ADT/StringRef.h"

#include <complex>
#include <cstring>
#include <optional>

using namespace lepton;

/// Sizes known only at run time are as small as may be in made-up inputs.
static int64_t smallestSize(const lepton_model &model, const lepton_value_info &info, uint32_t dim) {
  if (info.shape[dim] >= 0)
    return info.shape[dim];
  const char *name = info.dim_names ? info.dim_names[dim] : nullptr;
  for (uint64_t i = 0; name && i < model.dim_bound_count; ++i)
    if (llvm::StringRef(name) == model.dim_bounds[i].name)
      return model.dim_bounds[i].minimum;
  return 1;
}

/// Random bits that are a number of the type: one of [0, 1) of a small float, 0.5 or 1 of a power of two, otherwise 0 or 1, which is a valid index, flag
/// and count.
static uint16_t smallNumber(uint32_t dtype, uint64_t random) {
  switch (dtype) {
  case LEPTON_FLOAT16:
    return random & 0x3bff;
  case LEPTON_BFLOAT16:
    return random & 0x3f7f;
  case LEPTON_FLOAT8E4M3FN:
  case LEPTON_FLOAT8E4M3FNUZ:
  case LEPTON_FLOAT8E5M2:
  case LEPTON_FLOAT8E5M2FNUZ:
    return random & 0x37;
  case LEPTON_FLOAT8E8M0:
    return 126 + (random & 1);
  case LEPTON_FLOAT6E2M3:
    return random & 7;
  case LEPTON_FLOAT6E3M2:
    return random & 11;
  default:
    return random & 1;
  }
}

/// Nothing where no memory can hold so many.
static std::optional<uint64_t> elementCount(const std::vector<int64_t> &shape) {
  uint64_t count = 1;
  for (int64_t size : shape)
    if (__builtin_mul_overflow(count, uint64_t(size), &count) || count > uint64_t(1) << 40)
      return std::nullopt;
  return count;
}

bool lepton::makeUp(const lepton_model &model, const lepton_value_info &info, std::mt19937_64 &random,
                    HostTensor &tensor) {
  tensor.dtype = info.dtype;
  if (info.element && info.element->rank == LEPTON_ANY_RANK)
    return true; // of nothing
  if (info.element) {
    for (int i = 0; i < (info.dtype == LEPTON_MAP ? 2 : 1); ++i)
      if (!makeUp(model, info.element[i], random, tensor.elements.emplace_back()))
        return false;
    return true;
  }
  for (uint32_t d = 0; d < info.rank; ++d)
    tensor.shape.push_back(smallestSize(model, info, d));
  const std::optional<uint64_t> elements = elementCount(tensor.shape);
  if (!elements)
    return false;
  const uint64_t count = *elements;
  if (info.dtype == LEPTON_STRING) {
    tensor.strings.assign(count, "text");
    return true;
  }
  size_t bytes = dtypeBytes(info.dtype);
  tensor.data.resize(count * bytes);
  std::normal_distribution<float> normal;
  for (uint64_t i = 0; i < count; ++i) {
    auto write = [&](const auto &number) { memcpy(tensor.data.data() + i * bytes, &number, sizeof number); };
    if (info.dtype == LEPTON_FLOAT) {
      write(normal(random));
    } else if (info.dtype == LEPTON_DOUBLE) {
      write(double(normal(random)));
    } else if (info.dtype == LEPTON_COMPLEX64) {
      write(std::complex<float>{normal(random), normal(random)});
    } else if (info.dtype == LEPTON_COMPLEX128) {
      write(std::complex<double>{normal(random), normal(random)});
    } else {
      uint16_t number = smallNumber(info.dtype, random());
      memcpy(tensor.data.data() + i * bytes, &number, std::min<size_t>(bytes, sizeof number));
    }
  }
  return true;
}
