//===- TunedSchedules.h - schedules that were found by measurement -----------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_SCHEDULE_TUNEDSCHEDULES_H
#define LEPTON_PASSES_SCHEDULE_TUNEDSCHEDULES_H

#include "dialects/Lepton/LeptonOps.h"
#include "passes/vector/ContractionAnalysis.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lepton {

/// An op whose schedule can be tuned.
struct ContractionRoot {
  mlir::linalg::GenericOp op;
  Contraction contraction;
};

/// The contractions of a kernel, in the order of its text.
std::vector<ContractionRoot> findContractions(mlir::func::FuncOp kernel, TargetAttr target);

/// 32 hexadecimal digits.
std::string hashOfText(llvm::StringRef text);

/// What a kernel computes and how, but for what is tuned and its name: 32 hexadecimal digits, the same in every model that has the kernel. They are others after
/// each phase; tiles are kept under those in front of the phase `tile`, schedules under those in front of the phase `vector`.
std::string kernelHash(mlir::func::FuncOp kernel);

/// What the module's `lepton.tuned` says of what has this hash; null where that is nothing.
mlir::ArrayAttr tunedEntry(mlir::ModuleOp module, llvm::StringRef hash);

/// The same of a kernel as it is now.
mlir::ArrayAttr tunedEntry(mlir::func::FuncOp kernel);

/// The same of a kernel in front of the phase `vector`, a schedule for each contraction; empty where it says nothing, or what the target cannot obey.
llvm::SmallVector<ScheduleAttr> tunedSchedules(mlir::func::FuncOp kernel, llvm::ArrayRef<ContractionRoot> roots,
                                               TargetAttr target);

} // namespace lepton

#endif // LEPTON_PASSES_SCHEDULE_TUNEDSCHEDULES_H
