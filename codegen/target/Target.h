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

struct Target {
  std::string triple;   // e.g. "x86_64-unknown-linux-gnu"
  std::string arch;     // "x86_64" or "aarch64"
  std::string cpu;      // LLVM's name
  std::string features; // LLVM's list: "+avx2,+fma"
  std::string required; // features that the runtime checks before it runs the code, comma-separated
  int64_t vectorBits = 128;
  int64_t vectorRegisters = 16;
  bool fma = false;
  int64_t l1 = 32 << 10, l2 = 512 << 10; // bytes of data cache of one core
  int64_t multiplyAdds = 2;              // of whole vectors, begun in a cycle
};

/// The target for the flags --target and --cpu (empty: this machine); nothing, and the reason in `error`, where one is unknown.
std::optional<Target> lookupTarget(llvm::StringRef target, llvm::StringRef cpu, std::string &error);

/// What passes may know of it.
TargetAttr targetAttribute(mlir::MLIRContext &context, const Target &target);

} // namespace lepton

#endif // LEPTON_CODEGEN_TARGET_TARGET_H
