//===- half.cpp - Conversions to and from 16-bit floats in software ---------===//
//
// The names are compiler-rt's and libgcc's: what LLVM calls where no instruction converts. x86-64 has none for float16
// before F16C, none from double before AVX512-FP16, none for bfloat16 before AVX512-BF16; RISC-V has none before Zfh.
// LLVM for AArch64 calls none, and for WebAssembly none is left to it (codegen/cpu/HalfFloats.h).
//
//===----------------------------------------------------------------------===//
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) || defined(__riscv)

namespace {

template <typename To, typename From> To bitsAs(From value) {
  static_assert(sizeof(To) == sizeof(From), "only the type changes");
  To result;
  memcpy(&result, &value, sizeof result);
  return result;
}

/// A binary format: bits of its mantissa, its exponent's bias.
template <typename T, int mantissa, int exponentBias> struct Format {
  using Bits = T;
  static constexpr int mantissaBits = mantissa, bias = exponentBias, maxExponent = 2 * exponentBias + 1;
};
using Float16 = Format<uint16_t, 10, 15>;
using BFloat16 = Format<uint16_t, 7, 127>;
using Float = Format<uint32_t, 23, 127>;
using Double = Format<uint64_t, 52, 1023>;

/// The nearest number of a narrower format, ties to even.
template <typename From, typename To> uint16_t narrow(typename From::Bits bits) {
  using Bits = typename From::Bits;
  constexpr int shift = From::mantissaBits - To::mantissaBits;
  constexpr uint16_t infinity = To::maxExponent << To::mantissaBits, quiet = 1 << (To::mantissaBits - 1);
  const uint16_t sign = uint16_t(bits >> (sizeof(Bits) * 8 - 16)) & 0x8000u;
  const int exponent = int(bits >> From::mantissaBits) & From::maxExponent;
  Bits mantissa = bits & ((Bits(1) << From::mantissaBits) - 1);
  if (exponent == From::maxExponent) // infinities stay; what is no number stays none, and is quiet
    return sign | infinity | (mantissa ? quiet | uint16_t(mantissa >> shift) : 0);
  int scaled = exponent - From::bias + To::bias, drop = shift;
  if (scaled >= To::maxExponent)
    return sign | infinity;
  if (exponent == 0 && From::bias == To::bias) // a denormal of both
    scaled = 0;
  else if (scaled <= 0) { // a denormal of the narrower: its leading one is explicit
    drop += 1 - scaled;
    if (drop > From::mantissaBits + 1)
      return sign;
    mantissa |= exponent ? Bits(1) << From::mantissaBits : 0;
    scaled = 0;
  }
  const Bits rest = mantissa & ((Bits(1) << drop) - 1), half = Bits(1) << (drop - 1);
  uint32_t result = (uint32_t(scaled) << To::mantissaBits) + uint32_t(mantissa >> drop);
  result += rest > half || (rest == half && (result & 1)); // may carry into the exponent, which is right
  return uint16_t(sign | result);
}

} // namespace

extern "C" {

float __extendhfsf2(_Float16 value) {
  const uint32_t bits = bitsAs<uint16_t>(value), sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u)
    return bitsAs<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13 | (magnitude > 0x7c00u ? 0x400000u : 0u));
  if (magnitude < 0x400u) // zero or a denormal: exact in float
    return bitsAs<float>(sign | bitsAs<uint32_t>(float(magnitude) * 0x1p-24f));
  return bitsAs<float>(sign | ((magnitude << 13) + ((127u - 15u) << 23)));
}

double __extendhfdf2(_Float16 value) { return double(__extendhfsf2(value)); }

_Float16 __truncsfhf2(float value) { return bitsAs<_Float16>(narrow<Float, Float16>(bitsAs<uint32_t>(value))); }
_Float16 __truncdfhf2(double value) { return bitsAs<_Float16>(narrow<Double, Float16>(bitsAs<uint64_t>(value))); }
__bf16 __truncsfbf2(float value) { return bitsAs<__bf16>(narrow<Float, BFloat16>(bitsAs<uint32_t>(value))); }
__bf16 __truncdfbf2(double value) { return bitsAs<__bf16>(narrow<Double, BFloat16>(bitsAs<uint64_t>(value))); }
}

#endif
