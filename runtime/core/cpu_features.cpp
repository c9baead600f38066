//===- cpu_features.cpp - What the CPU can do -------------------------------===//
//
// /proc/cpuinfo is neither quick to read on large machines nor always mounted; the instruction (x86-64) or the
// auxiliary vector (AArch64, RISC-V) behind it is asked instead.
//
//===----------------------------------------------------------------------===//
#include "cpu_features.h"
#include "lepton_abi.h"
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#else
#include <sys/auxv.h>
#endif

namespace lepton::rt {

#if defined(__x86_64__)

/// Words of CPUID that hold feature bits, and what the kernel must save on a context switch for the feature to be
/// usable.
enum Word : uint8_t { Leaf1C, Leaf1D, Leaf7B, Leaf7C, Leaf7D, Leaf7S1A, ExtendedC, ExtendedD, WordCount };
enum State : uint8_t { NoState = 0, Avx = 0x6, Avx512 = 0xe6 };
constexpr uint64_t kAmxState = 0x60000;

struct Feature {
  const char *name;
  Word word;
  uint8_t bit;
  State state;
};

static const Feature kFeatures[] = {
    {"sse", Leaf1D, 25, NoState},
    {"sse2", Leaf1D, 26, NoState},
    {"cmov", Leaf1D, 15, NoState},
    {"cx8", Leaf1D, 8, NoState},
    {"fxsr", Leaf1D, 24, NoState},
    {"mmx", Leaf1D, 23, NoState},
    {"pni", Leaf1C, 0, NoState},
    {"sse3", Leaf1C, 0, NoState},
    {"pclmulqdq", Leaf1C, 1, NoState},
    {"pclmul", Leaf1C, 1, NoState},
    {"ssse3", Leaf1C, 9, NoState},
    {"fma", Leaf1C, 12, Avx},
    {"cx16", Leaf1C, 13, NoState},
    {"sse4_1", Leaf1C, 19, NoState},
    {"sse4.1", Leaf1C, 19, NoState},
    {"sse4_2", Leaf1C, 20, NoState},
    {"sse4.2", Leaf1C, 20, NoState},
    {"crc32", Leaf1C, 20, NoState},
    {"movbe", Leaf1C, 22, NoState},
    {"popcnt", Leaf1C, 23, NoState},
    {"aes", Leaf1C, 25, NoState},
    {"xsave", Leaf1C, 26, NoState},
    {"avx", Leaf1C, 28, Avx},
    {"f16c", Leaf1C, 29, Avx},
    {"bmi1", Leaf7B, 3, NoState},
    {"bmi", Leaf7B, 3, NoState},
    {"avx2", Leaf7B, 5, Avx},
    {"bmi2", Leaf7B, 8, NoState},
    {"avx512f", Leaf7B, 16, Avx512},
    {"avx512dq", Leaf7B, 17, Avx512},
    {"adx", Leaf7B, 19, NoState},
    {"avx512ifma", Leaf7B, 21, Avx512},
    {"avx512cd", Leaf7B, 28, Avx512},
    {"sha_ni", Leaf7B, 29, NoState},
    {"sha", Leaf7B, 29, NoState},
    {"avx512bw", Leaf7B, 30, Avx512},
    {"avx512vl", Leaf7B, 31, Avx512},
    {"avx512vbmi", Leaf7C, 1, Avx512},
    {"avx512_vbmi2", Leaf7C, 6, Avx512},
    {"avx512vbmi2", Leaf7C, 6, Avx512},
    {"gfni", Leaf7C, 8, NoState},
    {"vaes", Leaf7C, 9, Avx},
    {"vpclmulqdq", Leaf7C, 10, Avx},
    {"avx512_vnni", Leaf7C, 11, Avx512},
    {"avx512vnni", Leaf7C, 11, Avx512},
    {"avx512_bitalg", Leaf7C, 12, Avx512},
    {"avx512bitalg", Leaf7C, 12, Avx512},
    {"avx512_vpopcntdq", Leaf7C, 14, Avx512},
    {"avx512vpopcntdq", Leaf7C, 14, Avx512},
    {"avx512_fp16", Leaf7D, 23, Avx512},
    {"avx512fp16", Leaf7D, 23, Avx512},
    {"avx_vnni", Leaf7S1A, 4, Avx},
    {"avxvnni", Leaf7S1A, 4, Avx},
    {"avx512_bf16", Leaf7S1A, 5, Avx512},
    {"avx512bf16", Leaf7S1A, 5, Avx512},
    {"amx_bf16", Leaf7D, 22, NoState},
    {"amx-bf16", Leaf7D, 22, NoState},
    {"amx_tile", Leaf7D, 24, NoState},
    {"amx-tile", Leaf7D, 24, NoState},
    {"amx_int8", Leaf7D, 25, NoState},
    {"amx-int8", Leaf7D, 25, NoState},
    {"lahf_lm", ExtendedC, 0, NoState},
    {"sahf", ExtendedC, 0, NoState},
    {"abm", ExtendedC, 5, NoState},
    {"lzcnt", ExtendedC, 5, NoState},
    {"sse4a", ExtendedC, 6, NoState},
    {"lm", ExtendedD, 29, NoState},
    {"64bit", ExtendedD, 29, NoState},
};

/// The register states that the kernel saves; 0 when it saves none of the extended ones.
static uint64_t savedStates(const uint32_t *words) {
  if (!(words[Leaf1C] >> 27 & 1))
    return 0;
  uint32_t low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

struct Cpu {
  uint32_t words[WordCount] = {};
  uint64_t states = 0;

  Cpu() {
    uint32_t a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d))
      words[Leaf1C] = c, words[Leaf1D] = d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
      uint32_t subleaves = a;
      words[Leaf7B] = b, words[Leaf7C] = c, words[Leaf7D] = d;
      if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
        words[Leaf7S1A] = a;
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d))
      words[ExtendedC] = c, words[ExtendedD] = d;
    states = savedStates(words);
  }

  bool has(const Feature &feature) const {
    uint64_t needed = feature.state;
    if (!strncmp(feature.name, "amx", 3))
      needed = kAmxState;
    return words[feature.word] >> feature.bit & 1 && (states & needed) == needed;
  }
};

#else

struct Feature {
  const char *name;
  uint8_t word; // 0: AT_HWCAP, 1: AT_HWCAP2
  uint8_t bit;
};

static const Feature kFeatures[] = {
#if defined(__aarch64__)
    {"fp", 0, 0},        {"fp-armv8", 0, 0}, {"asimd", 0, 1},  {"neon", 0, 1},      {"aes", 0, 3},
    {"pmull", 0, 4},     {"sha1", 0, 5},     {"sha2", 0, 6},   {"crc32", 0, 7},     {"crc", 0, 7},
    {"atomics", 0, 8},   {"lse", 0, 8},      {"fphp", 0, 9},   {"asimdhp", 0, 10},  {"fullfp16", 0, 10},
    {"asimdrdm", 0, 12}, {"rdm", 0, 12},     {"jscvt", 0, 13}, {"fcma", 0, 14},     {"complxnum", 0, 14},
    {"lrcpc", 0, 15},    {"rcpc", 0, 15},    {"dcpop", 0, 16}, {"sha3", 0, 17},     {"asimddp", 0, 20},
    {"dotprod", 0, 20},  {"sha512", 0, 21},  {"sve", 0, 22},   {"asimdfhm", 0, 23}, {"fp16fml", 0, 23},
    {"sve2", 1, 1},      {"i8mm", 1, 13},    {"bf16", 1, 14},
#else // RISC-V: a bit for each letter of the alphabet
    {"m", 0, 12}, {"a", 0, 0}, {"f", 0, 5}, {"d", 0, 3}, {"c", 0, 2},
#endif
};

struct Cpu {
  unsigned long words[2] = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
  bool has(const Feature &feature) const { return words[feature.word] >> feature.bit & 1; }
};

#endif

static bool cpuHas(const Cpu &cpu, const char *name, size_t length) {
  for (const Feature &feature : kFeatures)
    if (strlen(feature.name) == length && !memcmp(feature.name, name, length))
      return cpu.has(feature);
  return false;
}

bool cpuHasFeatures(const char *features, char *missing, size_t size) {
  if (!features || !*features)
    return true;
  Cpu cpu;
  for (const char *at = features; *at;) {
    size_t length = strcspn(at, ",");
    if (length && !cpuHas(cpu, at, length)) {
      size_t copied = length < size ? length : size - 1;
      memcpy(missing, at, copied);
      missing[copied] = '\0';
      return false;
    }
    at += length + (at[length] == ',');
  }
  return true;
}

} // namespace lepton::rt

extern "C" int32_t lepton_rt_suits(const lepton_model *model) {
  char missing[1];
  return lepton::rt::cpuHasFeatures(model->features, missing, sizeof missing);
}
