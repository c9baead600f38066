//===- npy.cpp - Tensors in NumPy's files -----------------------------------===//
#include "npy.h"
#include "../core/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

using namespace lepton::rt;

namespace {

constexpr uint32_t maxRank = 64;
constexpr size_t prefixBytes = 10; // of version 1: magic, version, two bytes of length

struct Dtype {
  uint32_t number;
  const char *descr;
};

/// NumPy has no names for bfloat16 and the types narrower than a byte, nor for floats of one: its files hold raw elements of one or two bytes, as
/// ml_dtypes writes them.
constexpr Dtype dtypes[] = {
    {LEPTON_FLOAT, "<f4"}, {LEPTON_DOUBLE, "<f8"},   {LEPTON_FLOAT16, "<f2"},   {LEPTON_BFLOAT16, "<V2"},
    {LEPTON_INT8, "|i1"},  {LEPTON_INT16, "<i2"},    {LEPTON_INT32, "<i4"},     {LEPTON_INT64, "<i8"},
    {LEPTON_UINT8, "|u1"}, {LEPTON_UINT16, "<u2"},   {LEPTON_UINT32, "<u4"},    {LEPTON_UINT64, "<u8"},
    {LEPTON_BOOL, "|b1"},  {LEPTON_BFLOAT16, "|V2"}, {LEPTON_COMPLEX64, "<c8"}, {LEPTON_COMPLEX128, "<c16"}};

constexpr const char *rawByte = "<V1";

bool isRawByte(uint32_t dtype) { return dtype >= LEPTON_FLOAT8E4M3FN && dtype <= LEPTON_FLOAT6E3M2; }

/// The text after `'key':` in a header, spaces skipped; or null.
const char *field(const char *header, const char *key) {
  char quoted[32];
  snprintf(quoted, sizeof quoted, "'%s':", key);
  const char *at = strstr(header, quoted);
  return at ? at + strlen(quoted) + strspn(at + strlen(quoted), " ") : nullptr;
}

/// Type and shape from the header's dictionary. Raw bytes have the type that is expected.
const char *parse(const char *header, uint32_t expected, lepton_tensor &tensor) {
  const char *descr = field(header, "descr"), *order = field(header, "fortran_order"), *shape = field(header, "shape");
  if (!descr || !order || !shape || *shape != '(')
    return "has a damaged header";
  if (strncmp(order, "False", 5) != 0)
    return "is in Fortran order; save it in C order";
  tensor.dtype = 0;
  for (const Dtype &dtype : dtypes) {
    const size_t length = strlen(dtype.descr);
    if (strncmp(descr + 1, dtype.descr, length) == 0 && (descr[1 + length] == '\'' || descr[1 + length] == '"'))
      tensor.dtype = dtype.number;
  }
  if (isRawByte(expected) && strncmp(descr + 2, rawByte + 1, 2) == 0)
    tensor.dtype = expected;
  if (strncmp(descr + 1, "<f1", 3) == 0) // ml_dtypes writes it, though NumPy does not read it
    tensor.dtype = LEPTON_FLOAT8E5M2;
  if (tensor.dtype == 0)
    return "has a type that is not supported";
  auto *sizes = static_cast<int64_t *>(calloc(maxRank, sizeof(int64_t)));
  tensor.shape = sizes;
  if (!sizes)
    return "is too large for the memory";
  for (const char *at = shape + 1; *(at += strspn(at, " ,")) != ')';) {
    char *end = nullptr;
    errno = 0;
    long long size = strtoll(at, &end, 10);
    if (end == at || size < 0 || errno != 0 || tensor.rank == maxRank)
      return "has a damaged header";
    sizes[tensor.rank++] = size;
    at = end;
  }
  return tensorBytes(tensor.dtype, sizes, tensor.rank, tensor.bytes) ? nullptr : "has a damaged header";
}

const char *read(FILE *file, uint32_t expected, lepton_tensor &tensor) {
  unsigned char prefix[12];
  if (fread(prefix, 1, prefixBytes, file) != prefixBytes || memcmp(prefix, "\x93NUMPY", 6) != 0)
    return "is no .npy file";
  size_t length = prefix[8] | size_t(prefix[9]) << 8;
  if (prefix[6] > 1) {
    if (fread(prefix + prefixBytes, 1, 2, file) != 2)
      return "is truncated";
    length |= size_t(prefix[10]) << 16 | size_t(prefix[11]) << 24;
  }
  if (length > 1u << 20)
    return "has a damaged header";
  auto *header = static_cast<char *>(malloc(length + 1));
  if (!header)
    return "is too large for the memory";
  header[length] = '\0';
  header[fread(header, 1, length, file)] = '\0';
  const char *problem = parse(header, expected, tensor);
  free(header);
  if (problem)
    return problem;
  tensor.data = malloc(tensor.bytes ? tensor.bytes : 1);
  if (!tensor.data)
    return "is too large for the memory";
  return fread(tensor.data, 1, tensor.bytes, file) == tensor.bytes ? nullptr : "is truncated";
}

} // namespace

const char *lepton::rt::readNpy(const char *path, uint32_t expected, lepton_tensor &tensor) {
  tensor = {};
  FILE *file = fopen(path, "rb");
  if (!file)
    return strerror(errno);
  const char *problem = read(file, expected, tensor);
  fclose(file);
  return problem;
}

const char *lepton::rt::writeNpy(const char *path, const lepton_tensor &tensor) {
  const char *descr = isRawByte(tensor.dtype) ? rawByte : nullptr;
  for (const Dtype &dtype : dtypes)
    if (!descr && dtype.number == tensor.dtype)
      descr = dtype.descr;
  if (!descr)
    return "NumPy's format has no such element type";
  char header[2048];
  Text text(header, sizeof header);
  text.add("{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (uint32_t d = 0; d < tensor.rank; ++d)
    text.add("%lld%s", static_cast<long long>(tensor.shape[d]),
             d + 1 < tensor.rank ? ", "
             : tensor.rank == 1  ? ","
                                 : "");
  text.add("), }");
  text.add("%*s\n", int(63 - (prefixBytes + strlen(header)) % 64), "");
  FILE *file = fopen(path, "wb");
  if (!file)
    return strerror(errno);
  const size_t length = strlen(header);
  const char prefix[prefixBytes] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, char(length & 255), char(length >> 8)};
  bool whole = fwrite(prefix, 1, prefixBytes, file) == prefixBytes && fwrite(header, 1, length, file) == length &&
               fwrite(tensor.data, 1, tensor.bytes, file) == tensor.bytes;
  whole = fclose(file) == 0 && whole;
  return whole ? nullptr : "cannot be written";
}
