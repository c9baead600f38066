//===- Tuning.h - the compiler's part in tuning ----------------------------------------------------------------*- C++ -*-===//
//
// Tuning is a search over the algorithms of convolutions in the whole model, then over the tiles and the `#lepton.schedule` of one kernel at a time (tune/). The compiler says
// which of them a model has and how each could be computed, gives each kernel as a model of its own, and obeys what was found. A kernel alone compiles in a moment and is measured without what surrounds it; it
// enters the line behind the phase `kernel`, so that all that was decided before stays decided, and is the same function from there on.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_API_TUNING_H
#define LEPTON_API_TUNING_H

#include "api/Facts.h"
#include "tune/TuningDatabase.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>

namespace lepton {

/// What schedules for this module are kept under.
TuningKey tuningKey(mlir::ModuleOp module, unsigned threads);

/// Puts what the database says for `key` on the module as `lepton.tuned`, for the phases `graph`, `tile` and `schedule`. False with the reason in `error`.
bool attachTuned(mlir::ModuleOp module, const std::string &path, const TuningKey &key, std::string &error);

/// Whether the module has kernels, that is, stands behind the phase `kernel`.
bool hasKernels(mlir::ModuleOp module);

/// The kernels of a model, each as a model of its own.
class KernelDump {
public:
  /// Takes the kernels as they are after the phase `kernel`.
  void take(mlir::ModuleOp module);
  /// After the phase `schedule`, which listed the choices: writes a NAME.mlir for each kernel that can be tuned, and kernels.json about all of them.
  /// False with the reason in `error`.
  bool write(mlir::ModuleOp module, const std::string &folder, const TuningKey &key, std::string &error) const;

private:
  struct Kernel {
    std::string text;               // of the model; empty where there can be none
    std::string reason;             // why there is none
    std::vector<int64_t> constants; // inputs that are weights
    KernelFacts facts;
  };
  std::map<std::string, Kernel> kernels;
  mlir::ArrayAttr layers; // of the entry; null where no convolution has a choice
};

} // namespace lepton

#endif // LEPTON_API_TUNING_H
