//===- ExternalData.h - weights in files of their own ------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_EXTERNALDATA_H
#define LEPTON_FRONTEND_ONNX_EXTERNALDATA_H

#include "onnx/onnx_pb.h"
#include "llvm/ADT/ArrayRef.h"
#include <memory>
#include <string>

namespace lepton::importer {

/// A part of a file, mapped while the object lives.
class MappedFile {
public:
  MappedFile(void *pages, size_t length, size_t skip, size_t size)
      : pages(pages), length(length), skip(skip), size(size) {}
  MappedFile(const MappedFile &) = delete;
  ~MappedFile();
  llvm::ArrayRef<char> bytes() const { return {static_cast<const char *>(pages) + skip, size}; }

private:
  void *pages;
  size_t length, skip, size;
};

/// Maps the data of a tensor of `expected` bytes from a file in `folder`. The file is opened part by part of its path without following links, so it
/// cannot lie elsewhere. Null with the reason in `error`.
std::shared_ptr<MappedFile> mapExternalData(const ::onnx::TensorProto &tensor, const std::string &folder,
                                            int64_t expected, std::string &error);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_EXTERNALDATA_H
