//===- TensorData.h - the bytes of a TensorProto -------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_TENSORDATA_H
#define LEPTON_FRONTEND_ONNX_TENSORDATA_H

#include "onnx/onnx_pb.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace lepton::importer {

/// More elements than any memory holds.
constexpr int64_t largestCount = int64_t(1) << 40;
/// More dimensions than any model has.
constexpr int largestRank = 64;

/// The number of elements of a tensor with these sizes; nothing where one is negative or the product overflows.
std::optional<int64_t> elementCount(llvm::ArrayRef<int64_t> sizes);
inline std::optional<int64_t> elementCount(const ::onnx::TensorProto &tensor) {
  return elementCount({tensor.dims().data(), size_t(tensor.dims_size())});
}
/// The elements in whatever field they are, each in whole bytes; false with the reason in `error` where they do not fit the shape.
bool readElements(const ::onnx::TensorProto &tensor, std::string &elements, std::string &error);

/// The way back: fills a tensor's data, of numbers, from elements in whole bytes.
void setElements(::onnx::TensorProto &tensor, std::string elements);

/// Bytes of an element of a data type in memory, at least one; 0 for a type that is not one of numbers.
unsigned bytesInMemory(int32_t dataType);
/// Bits of an element of a data type in ONNX's files, which pack those of less than a byte; 0 for a type that is not supported.
unsigned bitsInFile(int32_t dataType);
/// `count` elements of a byte each from packed ones, which follow each other from the lowest bit on; there are as many as the count takes.
std::string unpack(llvm::StringRef packed, unsigned bits, int64_t count);
std::string pack(llvm::StringRef elements, unsigned bits);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_TENSORDATA_H
