//===- ConstantData.cpp - the bytes of constants ----------------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace lepton;

/// Constants up to this many bytes are DenseElementsAttr, readable in the IR; larger ones are resources, which are not uniqued.
static constexpr int64_t largestInlineConstant = 1024;

int64_t lepton::elementBytes(Type elementType) {
  if (auto complex = dyn_cast<ComplexType>(elementType))
    return 2 * elementBytes(complex.getElementType());
  if (isHandle(elementType))
    return 8;
  return llvm::divideCeil(elementType.getIntOrFloatBitWidth(), 8);
}

bool lepton::isTooLarge(RankedTensorType type) {
  constexpr int64_t most = int64_t(1) << 47; // no process maps more
  if (llvm::is_contained(type.getShape(), 0))
    return false;
  int64_t bytes = elementBytes(type.getElementType());
  return llvm::any_of(type.getShape(), [&](int64_t size) {
    return !ShapedType::isDynamic(size) && (llvm::MulOverflow(bytes, size, bytes) || bytes > most);
  });
}

ConstantBytes lepton::constantBytes(ElementsAttr attribute) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    if (const AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      return {blob->getData(), false, {}};
    // Left out where IR was printed for reading: zeros of its type.
    static constexpr char zero[sizeof(double) * 2] = {};
    return {{zero, size_t(elementBytes(attribute.getElementType()))}, true, {}};
  }
  auto dense = cast<DenseElementsAttr>(attribute);
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.getElementType().isInteger(1))
    return {raw, dense.isSplat(), {}};
  ConstantBytes bytes;
  bytes.isSplat = dense.isSplat();
  int64_t count = bytes.isSplat ? 1 : dense.getNumElements();
  bytes.storage.resize(count);
  if (bytes.isSplat)
    bytes.storage[0] = dense.getSplatValue<bool>();
  else
    for (auto [i, value] : llvm::enumerate(dense.getValues<bool>()))
      bytes.storage[i] = value;
  bytes.data = ArrayRef<char>(bytes.storage.data(), count);
  return bytes;
}

/// Where element `i` starts.
static const char *at(const ConstantBytes &bytes, Type elementType, int64_t i) {
  return bytes.data.data() + (bytes.isSplat ? 0 : i * elementBytes(elementType));
}

int64_t lepton::readInteger(ElementsAttr attribute, int64_t i) {
  Type type = attribute.getElementType();
  if (auto dense = dyn_cast<DenseElementsAttr>(attribute); dense && type.isInteger(1))
    return dense.isSplat() ? dense.getSplatValue<bool>() : *(dense.value_begin<bool>() + i);
  ConstantBytes bytes = constantBytes(attribute);
  uint64_t value = 0;
  int64_t size = elementBytes(type);
  memcpy(&value, at(bytes, type, i), size);
  unsigned bits = type.getIntOrFloatBitWidth();
  if (bits < 64 && !type.isUnsignedInteger() && bits > 1) // of a narrow type, too
    return int64_t(value << (64 - bits)) >> (64 - bits);
  return value;
}

double lepton::readFloat(ElementsAttr attribute, int64_t i) {
  auto type = cast<FloatType>(attribute.getElementType());
  ConstantBytes bytes = constantBytes(attribute);
  uint64_t bits = 0;
  memcpy(&bits, at(bytes, type, i), elementBytes(type));
  llvm::APFloat value(type.getFloatSemantics(), llvm::APInt(type.getWidth(), bits));
  bool losesInfo;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return value.convertToDouble();
}

ElementsAttr lepton::makeConstant(RankedTensorType type, ArrayRef<char> bytes, StringRef name) {
  Type elementType = type.getElementType();
  if (elementType.isInteger(1)) {
    SmallVector<bool> values(bytes.begin(), bytes.end());
    return DenseElementsAttr::get(type, ArrayRef<bool>(values));
  }
  if (int64_t(bytes.size()) <= largestInlineConstant && isa<IntegerType, FloatType, ComplexType>(elementType))
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  return DenseResourceElementsAttr::get(type, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64));
}
