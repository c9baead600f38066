//===- Measurement.h - what kernels take on this machine ------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_MEASUREMENT_H
#define LEPTON_API_MEASUREMENT_H

#include "api/Facts.h"
#include "api/lepton.hpp"
#include "codegen/target/Target.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace lepton {

/// Compiles the model once more, in this process.
using LoadFn = llvm::function_ref<std::shared_ptr<Executable>(const CompileOptions &, std::string &)>;

/// Runs a model that was compiled for `target` with made-up inputs, and adds to the facts what each kernel took and what the machine can do; or, where it
/// cannot be run here, why.
void measureKernels(LoadFn load, const CompileOptions &options, const Target &target, CompileFacts &facts);

} // namespace lepton

#endif // LEPTON_API_MEASUREMENT_H
