//===- ConstantEvaluator.cpp - computes constants by compiling them --------------------------------------------------------------------===//

#include "api/ConstantEvaluator.h"
#include "codegen/artifact/Linker.h"
#include "codegen/artifact/LoadedArtifact.h"
#include "codegen/artifact/ObjectEmitter.h"
#include "codegen/artifact/WeightsObject.h"
#include "codegen/cpu/LowerToLlvm.h"
#include "dialects/Lepton/LeptonOps.h"
#include "passes/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace lepton;

/// A pool of its own, so that a pass can wait for it.
static FailureOr<SmallVector<ElementsAttr>> evaluate(ModuleOp module, MLIRContext *context, int optLevel,
                                                     bool isDeterministic, bool &isFault) {
  std::string error;
  auto target = lookupTarget("", "", error);
  auto main = module.lookupSymbol<func::FuncOp>("main");
  SmallVector<Type> types(main.getResultTypes());
  PipelineOptions options;
  options.optLevel = std::min(optLevel, 1);
  module->setAttr("lepton.target", targetAttribute(*context, *target, isDeterministic));
  PassManager pm(context);
  buildKernelPipeline(pm, options);
  buildTilePipeline(pm, options);
  buildBufferPipeline(pm, options);
  buildSchedulePipeline(pm, options);
  buildVectorPipeline(pm, options);
  buildLlvmPipeline(pm);
  if (failed(pm.run(module)) || !module->hasAttr("lepton.arena_bytes")) { // given up: not all passes ran
    isFault = !module->hasAttr("lepton.refused");
    return failure();
  }
  ModelInfo info;
  info.name = "constants";
  for (auto [i, type] : llvm::enumerate(types)) {
    // Only sizes matter here: a type of the same width stands for all.
    static const uint32_t byWidth[] = {LEPTON_UINT8, LEPTON_UINT16, LEPTON_UINT32, LEPTON_UINT64, LEPTON_COMPLEX128};
    auto tensor = cast<RankedTensorType>(type);
    ValueInfo &output = info.outputs.emplace_back();
    output.name = "constant" + std::to_string(i);
    output.dtype = byWidth[llvm::Log2_64_Ceil(elementBytes(tensor.getElementType()))];
    output.shape = tensor.getShape().vec();
    output.dimNames.resize(tensor.getRank());
  }
  info.arenaBytes = module->getAttrOfType<IntegerAttr>("lepton.arena_bytes").getInt();
  std::vector<ObjectBytes> objects = emitCode(module, info, *target, 1, CodeForm::object, 1);
  if (objects.empty())
    return failure();
  objects.push_back(writeWeightsObject(module, architectureOf(target->arch)));
  MemoryFile library;
  if (!linkSharedLibrary(objects, *target, library, error))
    return emitError(module.getLoc()) << "constants cannot be computed: " << error;
  auto artifact = LoadedArtifact::load(library.path(), error);
  if (!artifact)
    return emitError(module.getLoc()) << "constants cannot be computed: " << error;
  const lepton_api &api = artifact->api();
  lepton_session *session = nullptr;
  lepton_error problem = {};
  if (api.session_create(api.model, nullptr, &session, &problem) != LEPTON_OK)
    return emitError(module.getLoc()) << "constants cannot be computed: " << problem.message;
  std::vector<lepton_tensor> outputs(types.size(), lepton_tensor{});
  lepton_status status = api.session_run(session, nullptr, outputs.data(), &problem);
  SmallVector<ElementsAttr> values;
  if (status == LEPTON_OK)
    for (auto [type, output] : llvm::zip_equal(types, outputs)) {
      values.push_back(makeConstant(cast<RankedTensorType>(type),
                                    ArrayRef<char>(static_cast<const char *>(output.data), output.bytes), "folded"));
      api.tensor_release(&output);
    }
  api.session_destroy(session);
  isFault = status != LEPTON_INVALID_ARGUMENT;
  if (status != LEPTON_OK)
    return emitError(module.getLoc()) << "a constant cannot be computed: " << problem.message;
  return values;
}

ConstantEvaluator lepton::makeConstantEvaluator(std::shared_ptr<MLIRContext> context, int optLevel,
                                                bool isDeterministic, bool &isFault) {
  return [context, optLevel, isDeterministic, &isFault](ModuleOp module) {
    isFault = true;
    auto values = evaluate(module, context.get(), optLevel, isDeterministic, isFault);
    isFault &= failed(values);
    return values;
  };
}
