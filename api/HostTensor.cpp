//===- HostTensor.cpp - tensors that own their memory -------------------------------------------------------------------===//

#include "api/HostTensor.h"

using namespace lepton;

static constexpr Dtype all[] = {{LEPTON_FLOAT, "<f4", "float32", 4},
                                {LEPTON_DOUBLE, "<f8", "float64", 8},
                                {LEPTON_FLOAT16, "<f2", "float16", 2},
                                {LEPTON_BFLOAT16, "<V2", "bfloat16", 2},
                                {LEPTON_INT8, "|i1", "int8", 1},
                                {LEPTON_INT16, "<i2", "int16", 2},
                                {LEPTON_INT32, "<i4", "int32", 4},
                                {LEPTON_INT64, "<i8", "int64", 8},
                                {LEPTON_UINT8, "|u1", "uint8", 1},
                                {LEPTON_UINT16, "<u2", "uint16", 2},
                                {LEPTON_UINT32, "<u4", "uint32", 4},
                                {LEPTON_UINT64, "<u8", "uint64", 8},
                                {LEPTON_BOOL, "|b1", "bool", 1},
                                {LEPTON_COMPLEX64, "<c8", "complex64", 8},
                                {LEPTON_COMPLEX128, "<c16", "complex128", 16},
                                {LEPTON_FLOAT8E4M3FN, rawElement, "float8e4m3fn", 1},
                                {LEPTON_FLOAT8E4M3FNUZ, rawElement, "float8e4m3fnuz", 1},
                                {LEPTON_FLOAT8E5M2, rawElement, "float8e5m2", 1},
                                {LEPTON_FLOAT8E5M2FNUZ, rawElement, "float8e5m2fnuz", 1},
                                {LEPTON_FLOAT8E8M0, rawElement, "float8e8m0", 1},
                                {LEPTON_FLOAT6E2M3, rawElement, "float6e2m3", 1},
                                {LEPTON_FLOAT6E3M2, rawElement, "float6e3m2", 1},
                                {LEPTON_FLOAT4E2M1, rawElement, "float4e2m1", 1},
                                {LEPTON_INT4, rawElement, "int4", 1},
                                {LEPTON_UINT4, rawElement, "uint4", 1},
                                {LEPTON_INT2, rawElement, "int2", 1},
                                {LEPTON_UINT2, rawElement, "uint2", 1}};

/// Types that have no elements of a fixed size in NumPy's files, for messages.
static constexpr Dtype others[] = {{LEPTON_STRING, "", "string", sizeof(const char *)},
                                   {LEPTON_SEQUENCE, "", "sequence", 0},
                                   {LEPTON_OPTIONAL, "", "optional", 0},
                                   {LEPTON_MAP, "", "map", 0}};

llvm::ArrayRef<Dtype> lepton::dtypes() { return all; }

const Dtype *lepton::findDtype(uint32_t number) {
  for (const Dtype &dtype : all)
    if (dtype.number == number)
      return &dtype;
  return nullptr;
}

size_t lepton::dtypeBytes(uint32_t dtype) { return findDtype(dtype) ? findDtype(dtype)->bytes : 0; }
const char *lepton::dtypeText(uint32_t dtype) {
  for (const Dtype &other : others)
    if (other.number == dtype)
      return other.text;
  return findDtype(dtype) ? findDtype(dtype)->text : "unknown";
}

std::string lepton::valueText(const lepton_value_info &info) {
  if (info.dtype == LEPTON_MAP)
    return "map from " + valueText(info.element[0]) + " to " + valueText(info.element[1]);
  if (info.element)
    return std::string(dtypeText(info.dtype)) + " of " + valueText(*info.element);
  if (info.rank == LEPTON_ANY_RANK)
    return std::string(dtypeText(info.dtype)) + " of any shape";
  std::string text = std::string(dtypeText(info.dtype)) + "[";
  for (uint32_t d = 0; d < info.rank; ++d) {
    const char *name = info.dim_names ? info.dim_names[d] : nullptr;
    text += (d ? ", " : "") + (info.shape[d] >= 0 ? std::to_string(info.shape[d]) : std::string(name ? name : "?"));
  }
  return text + "]";
}

bool lepton::isContainer(uint32_t dtype) {
  return dtype == LEPTON_SEQUENCE || dtype == LEPTON_OPTIONAL || dtype == LEPTON_MAP;
}

/// Strings and lists are seen through arrays of what refers to them, for which `data` and `shape` are free.
lepton_tensor HostTensor::view() {
  if (dtype == LEPTON_STRING) {
    data.resize(strings.size() * sizeof(const char *));
    for (size_t i = 0; i < strings.size(); ++i)
      reinterpret_cast<const char **>(data.data())[i] = strings[i].c_str();
  } else if (isContainer(dtype)) {
    shape = {int64_t(elements.size())};
    data.resize(elements.size() * sizeof(lepton_tensor));
    for (size_t i = 0; i < elements.size(); ++i)
      reinterpret_cast<lepton_tensor *>(data.data())[i] = elements[i].view();
  }
  return {data.data(), shape.data(), dtype, uint32_t(shape.size()), data.size()};
}
