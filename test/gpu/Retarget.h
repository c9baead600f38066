//===- Retarget.h - code of a GPU for the emulator ----------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_TEST_GPU_RETARGET_H
#define LEPTON_TEST_GPU_RETARGET_H

#include "llvm/IR/PassManager.h"

namespace lepton {

/// Before: LLVM IR as the code of a GPU would be made from it. After: functions of the CPU, of which `emulator_kernels` (emulator.h) is the list; what threads ask the GPU for are
/// calls of the emulator. An intrinsic that it does not know is an error.
struct Retarget : llvm::PassInfoMixin<Retarget> {
  int dropBarrier = -1; // number of a barrier that is left out, to see that the emulator notices; -1: none
  int dropWait = -1;    // the same of what waits for copies
  bool *failed = nullptr;

  llvm::PreservedAnalyses run(llvm::Module &module, llvm::ModuleAnalysisManager &);
};

} // namespace lepton

#endif // LEPTON_TEST_GPU_RETARGET_H
