//===- TensorFiles.cpp - tensors in files --------------------------------------------------------------------------------===//

#include "tools/lepton/TensorFiles.h"
#include "api/Files.h"

#include "frontend/onnx/TensorFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace lepton;
using namespace lepton::cli;

/// The text after `'key':` in a header.
static llvm::StringRef field(llvm::StringRef header, llvm::StringRef key) {
  size_t at = header.find(("'" + key + "':").str());
  return at == llvm::StringRef::npos ? llvm::StringRef() : header.drop_front(at + key.size() + 3).ltrim();
}

/// The type that NumPy calls `descr`. Raw bytes have the type that is expected, where that has no name.
static const Dtype *findNamed(llvm::StringRef descr, uint32_t expected) {
  const Dtype *wanted = findDtype(expected);
  if (wanted && wanted->descr == llvm::StringRef(rawElement) && (descr == rawElement || descr == "|V1"))
    return wanted;
  if (descr == "<f1") // ml_dtypes writes it, though NumPy does not read it
    return findDtype(LEPTON_FLOAT8E5M2);
  for (const Dtype &dtype : dtypes())
    if (descr != rawElement && (descr == dtype.descr || (descr == "|V2" && dtype.number == LEPTON_BFLOAT16)))
      return &dtype;
  return nullptr;
}

static bool parseHeader(llvm::StringRef header, uint32_t expected, HostTensor &tensor, std::string &error) {
  llvm::StringRef descr = field(header, "descr"), shape = field(header, "shape");
  if (!field(header, "fortran_order").starts_with("False")) {
    error = "is in Fortran order; save it in C order";
    return false;
  }
  llvm::StringRef name = descr.substr(1).split('\'').first;
  const Dtype *found = findNamed(name, expected);
  if (!found || !shape.consume_front("(")) {
    error = "has the type '" + name.str() + "', which is not " + (expected ? dtypeText(expected) : "supported");
    return false;
  }
  tensor.dtype = found->number;
  llvm::SmallVector<llvm::StringRef> sizes;
  shape.split(')').first.split(sizes, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef size : sizes) {
    int64_t value;
    if (size.trim().empty())
      continue;
    if (size.trim().getAsInteger(10, value) || value < 0) {
      error = "has a damaged header";
      return false;
    }
    tensor.shape.push_back(value);
  }
  return true;
}

bool lepton::cli::readNpy(const std::string &path, uint32_t expected, HostTensor &tensor, std::string &error) {
  auto buffer = llvm::MemoryBuffer::getFile(path, false, false);
  if (!buffer) {
    error = "cannot be read: " + buffer.getError().message();
    return false;
  }
  llvm::StringRef file = (*buffer)->getBuffer();
  if (file.size() < 12 || !file.starts_with("\x93NUMPY")) {
    error = "is no .npy file";
    return false;
  }
  bool isOld = file[6] == 1;
  size_t length = 0;
  memcpy(&length, file.data() + 8, isOld ? 2 : 4);
  size_t start = (isOld ? 10 : 12) + length;
  if (start > file.size() || !parseHeader(file.slice(isOld ? 10 : 12, start), expected, tensor, error)) {
    error = error.empty() ? "is truncated" : error;
    return false;
  }
  uint64_t bytes = dtypeBytes(tensor.dtype);
  for (int64_t size : tensor.shape)
    if (__builtin_mul_overflow(bytes, uint64_t(size), &bytes))
      bytes = UINT64_MAX;
  if (file.size() - start < bytes) {
    error = "is truncated";
    return false;
  }
  tensor.data.assign(file.data() + start, file.data() + start + bytes);
  return true;
}

bool lepton::cli::writeNpy(const std::string &path, const lepton_tensor &tensor, std::string &error) {
  const Dtype *dtype = findDtype(tensor.dtype);
  if (!dtype) {
    error = path + ": NumPy's format has no such values; write ONNX's (--output-format=pb)";
    return false;
  }
  std::string header = std::string("{'descr': '") + dtype->descr + "', 'fortran_order': False, 'shape': (";
  for (uint32_t d = 0; d < tensor.rank; ++d)
    header += std::to_string(tensor.shape[d]) + (tensor.rank == 1 ? "," : d + 1 < tensor.rank ? ", " : "");
  header += "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  const uint16_t length = header.size();
  std::string content("\x93NUMPY\x01\x00", 8);
  content.append(reinterpret_cast<const char *>(&length), 2);
  content += header;
  content.append(static_cast<const char *>(tensor.data), tensor.bytes);
  return writeWhole(path, content, error);
}

static HostTensor fromFile(TensorFile file) {
  HostTensor tensor;
  tensor.dtype = file.dataType;
  tensor.shape = std::move(file.shape);
  tensor.data.assign(file.bytes.begin(), file.bytes.end());
  tensor.strings = std::move(file.strings);
  for (TensorFile &element : file.elements)
    tensor.elements.push_back(fromFile(std::move(element)));
  return tensor;
}

bool lepton::cli::readTensor(const std::string &path, uint32_t expected, HostTensor &tensor, std::string &error) {
  if (!llvm::StringRef(path).ends_with(".pb"))
    return readNpy(path, expected, tensor, error);
  TensorFile file;
  if (!readTensorFile(path, expected, file, error))
    return false;
  tensor = fromFile(std::move(file));
  return true;
}

static TensorFile toFile(const lepton_tensor &tensor, const std::string &name) {
  TensorFile file;
  file.dataType = tensor.dtype;
  file.name = name;
  file.shape.assign(tensor.shape, tensor.shape + tensor.rank);
  if (isContainer(tensor.dtype))
    for (int64_t i = 0; i < tensor.shape[0]; ++i)
      file.elements.push_back(toFile(static_cast<const lepton_tensor *>(tensor.data)[i], ""));
  else if (tensor.dtype == LEPTON_STRING)
    for (uint64_t i = 0; i < tensor.bytes / sizeof(const char *); ++i)
      file.strings.push_back(static_cast<const char *const *>(tensor.data)[i]);
  else
    file.bytes.assign(static_cast<const char *>(tensor.data), tensor.bytes);
  return file;
}

bool lepton::cli::writeTensor(const std::string &folder, const std::string &name, const std::string &format,
                              const lepton_tensor &tensor, std::string &error) {
  std::string file;
  for (char c : name)
    file += c == '/' || c == '\0' ? '_' : c;
  if (file.empty() || file[0] == '.')
    file = "_" + file;
  std::string path = folder + "/" + file + "." + format;
  if (format == "npy")
    return writeNpy(path, tensor, error);
  return writeWhole(path, tensorFileBytes(toFile(tensor, name)), error);
}
