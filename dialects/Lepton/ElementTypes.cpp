//===- ElementTypes.cpp - the element types of tensors ------------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"
#include "runtime/core/lepton_abi.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lepton;

Type lepton::elementTypeOfNumber(MLIRContext *context, int32_t dtype) {
  Builder b(context);
  auto unsignedType = [&](unsigned width) { return IntegerType::get(context, width, IntegerType::Unsigned); };
  switch (dtype) {
  case LEPTON_FLOAT:
    return b.getF32Type();
  case LEPTON_DOUBLE:
    return b.getF64Type();
  case LEPTON_FLOAT16:
    return b.getF16Type();
  case LEPTON_BFLOAT16:
    return b.getBF16Type();
  case LEPTON_FLOAT8E4M3FN:
    return b.getType<Float8E4M3FNType>();
  case LEPTON_FLOAT8E4M3FNUZ:
    return b.getType<Float8E4M3FNUZType>();
  case LEPTON_FLOAT8E5M2:
    return b.getType<Float8E5M2Type>();
  case LEPTON_FLOAT8E5M2FNUZ:
    return b.getType<Float8E5M2FNUZType>();
  case LEPTON_FLOAT8E8M0:
    return b.getType<Float8E8M0FNUType>();
  case LEPTON_FLOAT6E2M3:
    return b.getType<Float6E2M3FNType>();
  case LEPTON_FLOAT6E3M2:
    return b.getType<Float6E3M2FNType>();
  case LEPTON_FLOAT4E2M1:
    return b.getType<Float4E2M1FNType>();
  case LEPTON_BOOL:
    return b.getI1Type();
  case LEPTON_INT2:
    return b.getIntegerType(2);
  case LEPTON_INT4:
    return b.getIntegerType(4);
  case LEPTON_INT8:
    return b.getI8Type();
  case LEPTON_INT16:
    return b.getI16Type();
  case LEPTON_INT32:
    return b.getI32Type();
  case LEPTON_INT64:
    return b.getI64Type();
  case LEPTON_UINT2:
    return unsignedType(2);
  case LEPTON_UINT4:
    return unsignedType(4);
  case LEPTON_UINT8:
    return unsignedType(8);
  case LEPTON_UINT16:
    return unsignedType(16);
  case LEPTON_UINT32:
    return unsignedType(32);
  case LEPTON_UINT64:
    return unsignedType(64);
  case LEPTON_COMPLEX64:
    return ComplexType::get(b.getF32Type());
  case LEPTON_COMPLEX128:
    return ComplexType::get(b.getF64Type());
  case LEPTON_STRING:
    return b.getType<StringType>();
  default:
    return {};
  }
}

Type lepton::numericType(MLIRContext *context, int32_t dtype) {
  Type type = elementTypeOfNumber(context, dtype);
  return isa_and_nonnull<IntegerType, FloatType>(type) ? type : Type();
}

uint32_t lepton::numberOfElementType(Type elementType) {
  if (isa<SequenceType>(elementType))
    return LEPTON_SEQUENCE;
  if (isa<OptionalType>(elementType))
    return LEPTON_OPTIONAL;
  if (isa<MapType>(elementType))
    return LEPTON_MAP;
  for (int32_t number = 1; number <= LEPTON_FLOAT6E3M2; ++number)
    if (elementTypeOfNumber(elementType.getContext(), number) == elementType)
      return number;
  return 0;
}

StringRef lepton::nameOfElementType(Type elementType) {
  static constexpr StringRef names[] = {
      "",          "float",      "uint8",      "int8",         "uint16",         "int16",      "int32",
      "int64",     "string",     "bool",       "float16",      "double",         "uint32",     "uint64",
      "complex64", "complex128", "bfloat16",   "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz",
      "uint4",     "int4",       "float4e2m1", "float8e8m0",   "uint2",          "int2",       "float6e2m3",
      "float6e3m2"};
  static_assert(std::size(names) == LEPTON_FLOAT6E3M2 + 1);
  const uint32_t number = numberOfElementType(elementType);
  return number < std::size(names) ? names[number] : "";
}

bool lepton::isNarrow(Type elementType) {
  if (auto floatType = dyn_cast<FloatType>(elementType))
    return floatType.getWidth() <= 8;
  auto integer = dyn_cast<IntegerType>(elementType);
  return integer && integer.getWidth() > 1 && integer.getWidth() < 8;
}

bool lepton::isHandle(Type elementType) { return isa<StringType, SequenceType, OptionalType, MapType>(elementType); }

Type lepton::computeType(Type elementType) {
  MLIRContext *context = elementType.getContext();
  if (auto floatType = dyn_cast<FloatType>(elementType))
    return floatType.getWidth() < 32 ? Type(Float32Type::get(context)) : elementType;
  return isNarrow(elementType) ? IntegerType::get(context, 8, cast<IntegerType>(elementType).getSignedness())
                               : elementType;
}
