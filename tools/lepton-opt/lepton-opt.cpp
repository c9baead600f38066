//===- lepton-opt.cpp - runs passes over IR files -----------------------------------------------------------------===//

#include "codegen/Passes.h"
#include "codegen/cpu/LowerToLlvm.h"
#include "codegen/gpu/LowerToNvvm.h"
#include "codegen/gpu/LowerToRocdl.h"
#include "codegen/gpu/LowerToSpirv.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

/// Each phase as a pipeline of its own: `--lepton-phase-kernel` and so on.
template <void (*Build)(mlir::OpPassManager &, const lepton::PipelineOptions &)>
static void registerPhase(llvm::StringRef name, llvm::StringRef description) {
  static mlir::PassPipelineRegistration<> registration(name, description,
                                                       [](mlir::OpPassManager &pm) { Build(pm, {}); });
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<lepton::LeptonDialect, lepton::lrt::RuntimeDialect>();
  mlir::registerAllPasses();
  lepton::registerLeptonPasses();
  lepton::registerLeptonCodegenPasses();
  registerPhase<lepton::buildGraphPipeline>("lepton-phase-graph", "the phase graph");
  registerPhase<lepton::buildKernelPipeline>("lepton-phase-kernel", "the phase kernel");
  registerPhase<lepton::buildTilePipeline>("lepton-phase-tile", "the phase tile");
  registerPhase<lepton::buildBufferPipeline>("lepton-phase-buffer", "the phase buffer");
  registerPhase<lepton::buildSchedulePipeline>("lepton-phase-schedule", "the phase schedule");
  registerPhase<lepton::buildVectorPipeline>("lepton-phase-vector", "the phase vector");
  registerPhase<lepton::buildGpuPipeline>("lepton-phase-gpu", "the phase gpu");
  mlir::PassPipelineRegistration<> nvvmPhase("lepton-phase-nvvm", "the phase nvvm",
                                             [](mlir::OpPassManager &pm) { lepton::buildNvvmPipeline(pm); });
  mlir::PassPipelineRegistration<> rocdlPhase("lepton-phase-rocdl", "the phase rocdl",
                                              [](mlir::OpPassManager &pm) { lepton::buildRocdlPipeline(pm); });
  mlir::PassPipelineRegistration<> spirvPhase("lepton-phase-spirv", "the phase spirv",
                                              [](mlir::OpPassManager &pm) { lepton::buildSpirvPipeline(pm); });
  mlir::PassPipelineRegistration<> llvmPhase("lepton-phase-llvm", "the phase llvm",
                                             [](mlir::OpPassManager &pm) { lepton::buildLlvmPipeline(pm); });
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Lepton's optimizer driver\n", registry));
}
