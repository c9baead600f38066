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
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace lepton;

/// Constants of this many bytes are handed to the program, and computed, where they are; smaller ones, among them axes and shapes, are in it.
static constexpr size_t largeBytes = 1 << 20;

/// Makes inputs of the large constants of `main`, which would otherwise be copied into an object, a library, and the memory of its loader; their values.
static SmallVector<ElementsAttr> takeLargeConstants(func::FuncOp main) {
  SmallVector<ElementsAttr> taken;
  for (auto constant : llvm::make_early_inc_range(main.getOps<ConstantOp>())) {
    auto value = dyn_cast<DenseResourceElementsAttr>(constant.getValue());
    if (!value || constantBytes(value).data.size() < largeBytes)
      continue;
    (void)main.insertArgument(main.getNumArguments(), constant.getType(), {}, constant.getLoc());
    constant.getResult().replaceAllUsesWith(main.getArguments().back());
    constant.erase();
    taken.push_back(value);
  }
  return taken;
}

/// Only sizes matter here: a type of the same width stands for all.
static ValueInfo describe(const Twine &name, Type type) {
  static const uint32_t byWidth[] = {LEPTON_UINT8, LEPTON_UINT16, LEPTON_UINT32, LEPTON_UINT64, LEPTON_COMPLEX128};
  auto tensor = cast<RankedTensorType>(type);
  ValueInfo info;
  info.name = name.str();
  info.dtype = byWidth[llvm::Log2_64_Ceil(elementBytes(tensor.getElementType()))];
  info.shape = tensor.getShape().vec();
  info.dimNames.resize(tensor.getRank());
  return info;
}

/// A pool of its own, so that a pass can wait for it.
static FailureOr<SmallVector<ElementsAttr>> evaluate(ModuleOp module, MLIRContext *context, int optLevel,
                                                     bool isDeterministic, bool &isFault) {
  std::string error;
  auto target = lookupTarget("", "", error);
  auto main = module.lookupSymbol<func::FuncOp>("main");
  SmallVector<ElementsAttr> given = takeLargeConstants(main);
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
  std::vector<lepton_tensor> inputs, outputs(types.size(), lepton_tensor{});
  for (auto [i, value] : llvm::enumerate(given)) {
    ValueInfo &input = info.inputs.emplace_back(describe("input" + Twine(i), value.getType()));
    ArrayRef<char> bytes = constantBytes(value).data;
    inputs.push_back({const_cast<char *>(bytes.data()), input.shape.data(), input.dtype, uint32_t(input.shape.size()),
                      bytes.size()});
  }
  std::vector<AsmResourceBlob> large(types.size());
  for (auto [i, type] : llvm::enumerate(types)) {
    ValueInfo &output = info.outputs.emplace_back(describe("constant" + Twine(i), type));
    auto tensor = cast<RankedTensorType>(type);
    size_t bytes = tensor.getNumElements() * elementBytes(tensor.getElementType());
    if (bytes < largeBytes || tensor.getElementType().isInteger(1)) // which an attribute packs
      continue;
    large[i] = HeapAsmResourceBlob::allocate(bytes, 64);
    outputs[i] = {large[i].getMutableData().data(), output.shape.data(), output.dtype, uint32_t(output.shape.size()),
                  bytes};
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
  lepton_status status = api.session_run(session, inputs.data(), outputs.data(), &problem);
  SmallVector<ElementsAttr> values;
  if (status == LEPTON_OK)
    for (auto [type, output, blob] : llvm::zip_equal(types, outputs, large)) {
      auto tensor = cast<RankedTensorType>(type);
      if (!blob.getData().empty()) {
        values.push_back(DenseResourceElementsAttr::get(tensor, "folded", std::move(blob)));
        continue;
      }
      values.push_back(
          makeConstant(tensor, ArrayRef<char>(static_cast<const char *>(output.data), output.bytes), "folded"));
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
