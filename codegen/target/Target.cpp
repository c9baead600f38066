//===- Target.cpp - facts about processors -----------------------------------------------------------------------------===//

#include "codegen/target/Target.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace lepton;

namespace {

struct Processor {
  const char *name;
  const char *arch;
  int vectorBits, registers;
  bool fma;
  const char *required;
};

constexpr const char *avx2 = "sse4_2,avx,avx2,fma,f16c,bmi1,bmi2,lzcnt,movbe";
constexpr const char *avx512 =
    "sse4_2,avx,avx2,fma,f16c,bmi1,bmi2,lzcnt,movbe,avx512f,avx512bw,avx512cd,avx512dq,avx512vl";

/// LLVM's names of features that compilers use unasked and the runtime can check.
constexpr const char *checkedFeatures[] = {"sse4.2",     "popcnt",     "avx",         "avx2",           "fma",
                                           "f16c",       "bmi",        "bmi2",        "lzcnt",          "movbe",
                                           "adx",        "sha",        "gfni",        "vaes",           "vpclmulqdq",
                                           "avx512f",    "avx512bw",   "avx512cd",    "avx512dq",       "avx512vl",
                                           "avx512ifma", "avx512vbmi", "avx512vbmi2", "avx512vnni",     "avx512bitalg",
                                           "avx512bf16", "avx512fp16", "avxvnni",     "avx512vpopcntdq"};

/// vectorBits: of the widest registers that run at full speed.
constexpr Processor processors[] = {
    {"x86-64-v2", "x86_64", 128, 16, false, "sse4_2"},   {"x86-64-v3", "x86_64", 256, 16, true, avx2},
    {"x86-64-v4", "x86_64", 512, 32, true, avx512},      {"haswell", "x86_64", 256, 16, true, avx2},
    {"znver2", "x86_64", 256, 16, true, avx2},           {"znver3", "x86_64", 256, 16, true, avx2},
    {"znver4", "x86_64", 512, 32, true, avx512},         {"znver5", "x86_64", 512, 32, true, avx512},
    {"skylake-avx512", "x86_64", 512, 32, true, avx512}, {"icelake-server", "x86_64", 512, 32, true, avx512},
    {"sapphirerapids", "x86_64", 512, 32, true, avx512}, {"generic", "aarch64", 128, 32, true, ""},
    {"cortex-a72", "aarch64", 128, 32, true, ""},        {"neoverse-n1", "aarch64", 128, 32, true, ""},
};

} // namespace

static Target fromTable(const Processor &processor) {
  Target target;
  target.arch = processor.arch;
  target.triple = target.arch + "-unknown-linux-gnu";
  target.cpu = processor.name;
  target.vectorBits = processor.vectorBits;
  target.vectorRegisters = processor.registers;
  target.fma = processor.fma;
  target.required = processor.required;
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
  // The code may use whatever this machine has: it runs where all of that is there.
  for (const char *name : checkedFeatures)
    if (features.lookup(name))
      target.required += (target.required.empty() ? "" : ",") + std::string(name);
  return target;
}

std::optional<Target> lepton::lookupTarget(llvm::StringRef target, llvm::StringRef cpu, std::string &error) {
  std::string arch;
  if (!target.empty() && target != "native") {
    arch = llvm::Triple(target).getArch() == llvm::Triple::aarch64  ? "aarch64"
           : llvm::Triple(target).getArch() == llvm::Triple::x86_64 ? "x86_64"
                                                                    : "";
    if (arch.empty()) {
      error = "unknown target '" + target.str() + "'; known are native, x86_64-linux-gnu and aarch64-linux-gnu";
      return std::nullopt;
    }
  }
  bool isHost = arch.empty() || arch == llvm::Triple(llvm::sys::getProcessTriple()).getArchName();
  if ((cpu.empty() && isHost && target != "x86_64-linux-gnu") || cpu == "native") {
    if (isHost)
      return host();
    error = "--cpu=native names this machine, which is no " + target.str() + "; name the processor";
    return std::nullopt;
  }
  std::string wanted = cpu.empty() ? (arch == "aarch64" ? "generic" : "x86-64-v3") : cpu.str();
  std::string known;
  for (const Processor &processor : processors) {
    if (wanted == processor.name && (arch.empty() || arch == processor.arch))
      return fromTable(processor);
    known += std::string(known.empty() ? "" : ", ") + processor.name;
  }
  error = "unknown processor '" + wanted + "'; known are native, " + known;
  return std::nullopt;
}
