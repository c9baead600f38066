//===- Target.h - facts about processors -----------------------------------------------------------------*- C++ -*-===//
//
// The only place that asks the host, and only for `native`. Everything else reads this struct.
//
//===---------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_CODEGEN_TARGET_TARGET_H
#define LEPTON_CODEGEN_TARGET_TARGET_H

#include "dialects/Lepton/LeptonOps.h"

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace lepton {

/// What all processors of a family have in common.
struct Architecture {
  const char *name;      // as in triples and in the folders of the runtime
  const char *system;    // what stands behind it in triples
  const char *processor; // LLVM's name of the one that code is made for unless another is named
  const char *features;  // that all processors have and LLVM does not know of; LLVM's list
  const char *abi;       // LLVM's name of the calling convention; empty: there is one
  const char *loader;    // of programs
  uint16_t machine;      // in ELF files; EM_NONE: the files are WebAssembly's
  uint32_t elfFlags;     // in ELF files
};

struct Target {
  std::string triple;   // e.g. "x86_64-unknown-linux-gnu"
  std::string arch;     // an Architecture's name
  std::string cpu;      // LLVM's name
  std::string features; // LLVM's list: "+avx2,+fma"
  std::string required; // features that the runtime checks before it runs the code, comma-separated
  int64_t vectorBits = 128;
  int64_t vectorRegisters = 16;
  bool fma = false;
  int64_t l1 = 32 << 10, l2 = 512 << 10;           // bytes of data cache of one core
  int64_t multiplyAdds = 2;                        // of whole vectors, begun in a cycle
  bool isWasm() const { return arch == "wasm32"; } // 32-bit addresses, one thread, another kind of files
  std::string gpu;          // LLVM's name of the GPU that kernels are made for; empty: they are for the CPU
  std::string gpuTriple;    // of its code
  std::string gpuFeatures;  // LLVM's list: the version of PTX
  int64_t sharedMemory = 0; // bytes that the threads of a block may have on every such GPU, without asking for more
  bool isNvidiaGpu() const { return llvm::StringRef(gpuTriple).starts_with("nvptx64"); }
  /// Kernels alone are made for it: there is no runtime that would launch them.
  bool isAmdGpu() const { return llvm::StringRef(gpuTriple).starts_with("amdgcn"); }
  /// Any GPU with a driver for Vulkan, which makes the code for it from SPIR-V.
  bool isVulkan() const { return llvm::StringRef(gpuTriple).starts_with("spirv"); }
};

/// The architecture of this name, which some target has.
const Architecture &architectureOf(llvm::StringRef name);

/// The target for the flags --target (a triple, or `vulkan`, `cuda`, `cuda:` or `amdgpu:` and a GPU, beside this machine) and --cpu (empty: this machine); nothing, and the reason in `error`, where one is unknown.
std::optional<Target> lookupTarget(llvm::StringRef target, llvm::StringRef cpu, std::string &error);

/// What passes may know of it. Where code is to be deterministic that is the same of all processors, so that they get the same operations in the same order.
TargetAttr targetAttribute(mlir::MLIRContext &context, const Target &target, bool isDeterministic = false);

} // namespace lepton

#endif // LEPTON_CODEGEN_TARGET_TARGET_H
