//===- spirv.cpp - What a module of SPIR-V asks of a GPU ------------------------===//
#include "spirv.h"

namespace lepton::rt::vulkan {

Features::Features() {
  core.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  storage16.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES;
  pointers.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VARIABLE_POINTERS_FEATURES;
  storage8.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES;
  small.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES;
  core.pNext = &storage16;
  storage16.pNext = &pointers;
  pointers.pNext = &storage8;
  storage8.pNext = &small;
}

namespace {

// Numbers of the SPIR-V specification.
constexpr uint32_t kMagic = 0x07230203, kHeaderWords = 5;
constexpr uint32_t kOpExecutionMode = 16, kOpCapability = 17, kOpFunction = 54, kLocalSize = 17;

/// A capability, and what it takes of a GPU: a feature or operations among the threads of a subgroup; neither of them: every GPU has it.
struct Capability {
  uint32_t number;
  const char *name;
  VkBool32 &(*feature)(Features &);
  VkSubgroupFeatureFlags subgroups;
};

#define LEPTON_FEATURE(member) [](Features &features) -> VkBool32 & { return features.member; }

constexpr Capability capabilities[] = {
    {0, "Matrix", nullptr, 0},
    {1, "Shader", nullptr, 0},
    {9, "Float16", LEPTON_FEATURE(small.shaderFloat16), 0},
    {10, "Float64", LEPTON_FEATURE(core.features.shaderFloat64), 0},
    {11, "Int64", LEPTON_FEATURE(core.features.shaderInt64), 0},
    {22, "Int16", LEPTON_FEATURE(core.features.shaderInt16), 0},
    {39, "Int8", LEPTON_FEATURE(small.shaderInt8), 0},
    {61, "GroupNonUniform", nullptr, VK_SUBGROUP_FEATURE_BASIC_BIT},
    {62, "GroupNonUniformVote", nullptr, VK_SUBGROUP_FEATURE_VOTE_BIT},
    {63, "GroupNonUniformArithmetic", nullptr, VK_SUBGROUP_FEATURE_ARITHMETIC_BIT},
    {64, "GroupNonUniformBallot", nullptr, VK_SUBGROUP_FEATURE_BALLOT_BIT},
    {65, "GroupNonUniformShuffle", nullptr, VK_SUBGROUP_FEATURE_SHUFFLE_BIT},
    {66, "GroupNonUniformShuffleRelative", nullptr, VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT},
    {67, "GroupNonUniformClustered", nullptr, VK_SUBGROUP_FEATURE_CLUSTERED_BIT},
    {4433, "StorageBuffer16BitAccess", LEPTON_FEATURE(storage16.storageBuffer16BitAccess), 0},
    {4434, "UniformAndStorageBuffer16BitAccess", LEPTON_FEATURE(storage16.uniformAndStorageBuffer16BitAccess), 0},
    {4441, "VariablePointersStorageBuffer", LEPTON_FEATURE(pointers.variablePointersStorageBuffer), 0},
    {4448, "StorageBuffer8BitAccess", LEPTON_FEATURE(storage8.storageBuffer8BitAccess), 0},
    {4449, "UniformAndStorageBuffer8BitAccess", LEPTON_FEATURE(storage8.uniformAndStorageBuffer8BitAccess), 0},
};

#undef LEPTON_FEATURE

} // namespace

static void need(uint32_t number, Features &has, VkSubgroupFeatureFlags subgroups, Features &wanted, Needs &needs) {
  for (const Capability &known : capabilities) {
    if (known.number != number)
      continue;
    const bool isThere = (!known.feature || known.feature(has)) && (subgroups & known.subgroups) == known.subgroups;
    if (!isThere && !needs.missing)
      needs.missing = known.name;
    if (known.feature)
      known.feature(wanted) = VK_TRUE;
    return;
  }
  needs.unknown = number;
}

Needs readModule(const uint32_t *words, uint64_t bytes, Features &has, VkSubgroupFeatureFlags subgroups,
                 Features &wanted) {
  Needs needs = {};
  const uint64_t count = bytes / sizeof(uint32_t);
  needs.isModule = bytes % sizeof(uint32_t) == 0 && count > kHeaderWords && words[0] == kMagic;
  for (uint64_t at = kHeaderWords; needs.isModule && at < count;) {
    const uint32_t length = words[at] >> 16, op = words[at] & 0xffff;
    needs.isModule = length > 0 && length <= count - at;
    if (op == kOpFunction || !needs.isModule)
      break;
    if (op == kOpCapability && length == 2)
      need(words[at + 1], has, subgroups, wanted, needs);
    if (op == kOpExecutionMode && length == 6 && words[at + 2] == kLocalSize && words[at + 3] > needs.threads)
      needs.threads = words[at + 3];
    at += length;
  }
  return needs;
}

} // namespace lepton::rt::vulkan
