//===- PtxAssembler.h - machine code of NVIDIA's GPUs -----------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_PTXASSEMBLER_H
#define LEPTON_CODEGEN_ARTIFACT_PTXASSEMBLER_H

#include "codegen/target/Target.h"

namespace lepton {

/// Has NVIDIA's assembler, the program ptxas on the PATH, make machine code (a cubin) of PTX, which only GPUs of the target's generation run. False with the reason
/// in `error` where it is not installed, or refuses.
bool assemblePtx(llvm::StringRef ptx, const Target &target, std::string &cubin, std::string &error);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_PTXASSEMBLER_H
