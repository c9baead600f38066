//===- Target.cpp - facts about processors -----------------------------------------------------------------------------===//

#include "codegen/target/Target.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/TargetParser/AArch64TargetParser.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"

#include <unistd.h>

using namespace lepton;

namespace {

constexpr const char *linuxSystem = "linux-gnu", *wasiSystem = "wasi";

/// Every Linux for RISC-V expects multiplication, atomics, floats, short instructions; every engine of WebAssembly has vectors.
constexpr Architecture architectures[] = {
    {"x86_64", linuxSystem, "x86-64-v3", "", "", "/lib64/ld-linux-x86-64.so.2", llvm::ELF::EM_X86_64, 0},
    {"aarch64", linuxSystem, "generic", "", "", "/lib/ld-linux-aarch64.so.1", llvm::ELF::EM_AARCH64, 0},
    {"riscv64", linuxSystem, "generic-rv64", "+m,+a,+f,+d,+c", "lp64d", "/lib/ld-linux-riscv64-lp64d.so.1",
     llvm::ELF::EM_RISCV, llvm::ELF::EF_RISCV_RVC | llvm::ELF::EF_RISCV_FLOAT_ABI_DOUBLE},
    {"wasm32", wasiSystem, "lime1", "+simd128", "", "", llvm::ELF::EM_NONE, 0},
};

struct Processor {
  const char *name;
  const char *arch;
  int vectorBits, registers; // of the widest vectors that run at full speed
  bool fma;
  int l1 = 32, l2 = 512; // KiB of data cache of one core; of a level of features: what most of its processors have
  int multiplyAdds = 2;  // of such vectors, begun in a cycle
};

/// LLVM's names of features that compilers use unasked and the runtime can check.
constexpr const char *checkedFeatures[] = {
    // x86-64
    "sse4.2", "popcnt", "avx", "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe", "adx", "sha", "gfni", "vaes",
    "vpclmulqdq", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512ifma", "avx512vbmi", "avx512vbmi2",
    "avx512vnni", "avx512bitalg", "avx512bf16", "avx512fp16", "avxvnni", "avx512vpopcntdq",
    // AArch64
    "lse", "rdm", "rcpc", "dotprod", "fullfp16", "fp16fml", "complxnum", "jscvt", "sve", "sve2", "i8mm", "bf16"};

constexpr Processor processors[] = {
    {"x86-64-v2", "x86_64", 128, 16, false},
    {"x86-64-v3", "x86_64", 256, 16, true},
    {"x86-64-v4", "x86_64", 512, 32, true, 32, 1024},
    {"haswell", "x86_64", 256, 16, true, 32, 256},
    {"znver2", "x86_64", 256, 16, true},
    {"znver3", "x86_64", 256, 16, true},
    {"znver4", "x86_64", 512, 32, true, 32, 1024, 1},
    {"znver5", "x86_64", 512, 32, true, 48, 1024},
    {"skylake-avx512", "x86_64", 512, 32, true, 32, 1024},
    {"icelake-server", "x86_64", 512, 32, true, 48, 1280},
    {"sapphirerapids", "x86_64", 512, 32, true, 48, 2048},
    {"generic", "aarch64", 128, 32, true},
    {"cortex-a72", "aarch64", 128, 32, true},
    {"neoverse-n1", "aarch64", 128, 32, true, 64, 1024},
    {"generic-rv64", "riscv64", 128, 8, true}, // four of 32 registers make a vector
    {"lime1", "wasm32", 128, 12, false},       // LLVM, which knows no limit, fills the rest of the 16 of x86-64
};

struct Gpu {
  const char *kind; // as --target names it
  const char *name;
  const char *triple;
  const char *features; // of NVIDIA's: the oldest version of PTX that has all of it, which most drivers read
  int sharedMemory;     // KiB that a block may have without asking for more
};

constexpr const char *nvidia = "nvptx64-nvidia-cuda", *amd = "amdgcn-amd-amdhsa", *vulkan = "spirv-unknown-vulkan1.1";

/// Vulkan is one for all GPUs: most have as much shared memory, and some no more.
constexpr Gpu gpus[] = {{"cuda", "sm_80", nvidia, "+ptx70", 48},
                        {"cuda", "sm_90a", nvidia, "+ptx80", 48},
                        {"amdgpu", "gfx942", amd, "", 48},
                        {"amdgpu", "gfx1100", amd, "", 48},
                        {"vulkan", "vulkan", vulkan, "", 32}};

} // namespace

/// The code may use whatever the processor has: it runs where all of that is there.
static std::string requiredFeatures(const llvm::StringMap<bool> &features) {
  std::string required;
  for (const char *name : checkedFeatures)
    if (features.lookup(name))
      required += (required.empty() ? "" : ",") + std::string(name);
  return required;
}

/// What LLVM takes for granted on a processor.
static llvm::StringMap<bool> featuresOf(const Processor &processor) {
  llvm::StringMap<bool> features;
  if (llvm::StringRef(processor.arch) == "x86_64") {
    llvm::SmallVector<llvm::StringRef> names;
    llvm::X86::getFeaturesForCPU(processor.name, names);
    for (llvm::StringRef name : names) {
      features[name] = true;
      llvm::X86::updateImpliedFeatures(name, /*Enabled=*/true, features);
    }
  } else if (auto known = llvm::AArch64::parseCpu(processor.name)) {
    std::vector<llvm::StringRef> names; // with a sign in front
    llvm::AArch64::getExtensionFeatures(known->getImpliedExtensions(), names);
    for (llvm::StringRef name : names)
      features[name.drop_front()] = true;
  }
  return features;
}

static Target fromTable(const Processor &processor) {
  Target target;
  target.arch = processor.arch;
  target.triple = target.arch + "-unknown-" + architectureOf(target.arch).system;
  target.cpu = processor.name;
  target.features = architectureOf(target.arch).features;
  target.vectorBits = processor.vectorBits;
  target.vectorRegisters = processor.registers;
  target.fma = processor.fma;
  target.l1 = processor.l1 << 10;
  target.l2 = processor.l2 << 10;
  target.multiplyAdds = processor.multiplyAdds;
  target.required = requiredFeatures(featuresOf(processor));
  return target;
}

/// This machine, by what it says of itself.
static Target host() {
  Target target;
  target.triple = llvm::sys::getProcessTriple();
  target.arch = llvm::Triple(target.triple).getArchName().str();
  target.cpu = llvm::sys::getHostCPUName().str();
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  std::vector<std::string> list;
  for (const auto &feature : features)
    list.push_back((feature.second ? "+" : "-") + feature.first().str());
  llvm::sort(list);
  target.features = llvm::join(list, ",");
  bool wide = features.lookup("avx512f") && features.lookup("avx512bw") && features.lookup("avx512dq") &&
              features.lookup("avx512vl");
  bool isArm = target.arch == "aarch64";
  bool middle = features.lookup("avx2") && features.lookup("fma");
  target.vectorBits = wide ? 512 : middle ? 256 : 128;
  target.vectorRegisters = wide || isArm ? 32 : 16;
  target.fma = middle || isArm;
  if (long l1 = sysconf(_SC_LEVEL1_DCACHE_SIZE); l1 > 0) // some kernels do not say
    target.l1 = l1;
  if (long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE); l2 >= target.l1)
    target.l2 = l2;
  for (const Processor &processor : processors)
    if (target.cpu == processor.name && target.vectorBits == processor.vectorBits)
      target.multiplyAdds = processor.multiplyAdds;
  target.required = requiredFeatures(features);
  return target;
}

const Architecture &lepton::architectureOf(llvm::StringRef name) {
  return *llvm::find_if(architectures, [&](const Architecture &known) { return name == known.name; });
}

/// As --target names it.
static std::string tripleOf(const Architecture &architecture) {
  return std::string(architecture.name) + "-" + architecture.system;
}

static std::optional<Target> lookupGpu(llvm::StringRef kind, llvm::StringRef name, llvm::StringRef cpu,
                                       std::string &error) {
  // Any processor of this architecture can launch the kernels.
  const std::string host = llvm::Triple(llvm::sys::getProcessTriple()).getArchName().str() + "-linux-gnu";
  std::optional<Target> target = lookupTarget(host, cpu, error);
  if (!target)
    return target;
  std::string known;
  for (const Gpu &gpu : gpus) {
    if (kind != gpu.kind)
      continue;
    known += std::string(known.empty() ? "" : ", ") + gpu.name;
    if (name != gpu.name)
      continue;
    target->gpu = gpu.name;
    target->gpuTriple = gpu.triple;
    target->gpuFeatures = gpu.features;
    target->sharedMemory = gpu.sharedMemory << 10;
    return target;
  }
  error = (name.empty() ? "--target=" + kind.str() + " names no GPU" : "unknown GPU '" + name.str() + "'") +
          "; known are " + known;
  return std::nullopt;
}

std::optional<Target> lepton::lookupTarget(llvm::StringRef target, llvm::StringRef cpu, std::string &error) {
  auto [kind, name] = target.split(':');
  if (kind == "cuda" || kind == "amdgpu" || kind == "vulkan")
    return lookupGpu(kind, target == "cuda" ? gpus[0].name : target == "vulkan" ? target : name, cpu, error);
  const std::string hostArch = llvm::Triple(llvm::sys::getProcessTriple()).getArchName().str();
  const bool isNamed = !target.empty() && target != "native";
  std::string arch = hostArch;
  if (isNamed) {
    llvm::Triple triple(llvm::Triple::normalize(target));
    arch = llvm::Triple::getArchTypeName(triple.getArch()).str();
    const bool isKnown = llvm::any_of(architectures, [&](const Architecture &known) {
      return known.name == arch && (triple.isOSLinux()  ? linuxSystem
                                    : triple.isOSWASI() ? wasiSystem
                                                        : "") == llvm::StringRef(known.system);
    });
    if (!isKnown) {
      auto names = llvm::map_range(architectures, tripleOf);
      error = "unknown target '" + target.str() + "'; known are native, " + llvm::join(names, ", ") +
              ", cuda, cuda:sm_80, cuda:sm_90a, amdgpu:gfx942, amdgpu:gfx1100, vulkan";
      return std::nullopt;
    }
  }
  if (cpu == "native" || (cpu.empty() && !isNamed)) {
    if (arch == hostArch)
      return host();
    error = "--cpu=native names this machine, which is no " + target.str() + "; name the processor";
    return std::nullopt;
  }
  const std::string wanted = !cpu.empty() ? cpu.str() : architectureOf(arch).processor;
  std::string known;
  for (const Processor &processor : processors) {
    if (wanted == processor.name && arch == processor.arch)
      return fromTable(processor);
    if (wanted == processor.name) {
      error = "processor '" + wanted + "' is no " + arch + "; add --target=" + tripleOf(architectureOf(processor.arch));
      return std::nullopt;
    }
    known += std::string(known.empty() ? "" : ", ") + processor.name;
  }
  error = "unknown processor '" + wanted + "'; known are native, " + known;
  return std::nullopt;
}

TargetAttr lepton::targetAttribute(mlir::MLIRContext &context, const Target &target, bool isDeterministic) {
  if (isDeterministic) // what two registers of 128 bits hold, one of 256, or half of one of 512
    return TargetAttr::get(&context, "any", /*vector_bits=*/256, /*registers=*/16, /*fma=*/true, /*l1=*/32 << 10,
                           /*l2=*/512 << 10, /*multiply_adds=*/2, /*shared_memory=*/0);
  if (!target.gpu.empty())
    return TargetAttr::get(&context, target.gpu, /*vector_bits=*/128, /*registers=*/255, /*fma=*/true,
                           /*l1=*/128 << 10, /*l2=*/40 << 20, /*multiply_adds=*/2, target.sharedMemory);
  return TargetAttr::get(&context, target.cpu, target.vectorBits, target.vectorRegisters, target.fma, target.l1,
                         target.l2, target.multiplyAdds, /*shared_memory=*/0);
}
