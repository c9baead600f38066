//===- PtxAssembler.cpp - machine code of NVIDIA's GPUs ---------------------------------------------------------------------===//

#include "codegen/artifact/PtxAssembler.h"
#include "codegen/artifact/Linker.h"

#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

using namespace lepton;

static std::string contentsOf(const MemoryFile &file) {
  auto buffer = llvm::MemoryBuffer::getFile(file.path(), /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

bool lepton::assemblePtx(llvm::StringRef ptx, const Target &target, std::string &cubin, std::string &error) {
  auto program = llvm::sys::findProgramByName("ptxas");
  if (!program) {
    error = "NVIDIA's assembler, ptxas, is not on the PATH; it comes with CUDA";
    return false;
  }
  const MemoryFile input(llvm::ArrayRef(ptx.data(), ptx.size())), output, messages;
  if (!input.isWhole() || !output.isWhole() || !messages.isWhole()) {
    error = "there is not enough memory to assemble the kernels";
    return false;
  }
  const std::string architecture = "-arch=" + target.gpu, from = input.pathForOthers(), to = output.pathForOthers(),
                    log = messages.pathForOthers();
  const llvm::StringRef arguments[] = {*program, architecture, from, "-o", to};
  const std::optional<llvm::StringRef> redirects[] = {"", log, log};
  if (llvm::sys::ExecuteAndWait(*program, arguments, std::nullopt, redirects, 0, 0, &error) != 0) {
    error = "ptxas does not assemble the kernels: " + (error.empty() ? contentsOf(messages) : error);
    return false;
  }
  cubin = contentsOf(output);
  return true;
}
