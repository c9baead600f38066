//===- DeviceCode.cpp - what a GPU runs ------------------------------------------------------------------------------------------------===//

#include "api/Compilation.h"
#include "codegen/artifact/PtxAssembler.h"
#include "codegen/cpu/LowerToLlvm.h"
#include "codegen/gpu/GpuEmitter.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace lepton;

bool Compilation::takeDeviceCode(llvm::function_ref<bool(DeviceCode &)> emit) {
  if (chosen.gpu.empty())
    return true;
  if (!emit(modelInfo.device))
    return false;
  modelInfo.device.runtime = chosen.isVulkan() ? "lepton_rt_vulkan" : "lepton_rt_cuda";
  if (auto messages = module()->getAttrOfType<ArrayAttr>("lepton.messages"))
    for (auto message : messages.getAsRange<StringAttr>())
      modelInfo.device.messages.push_back(message.str());
  module().walk([&](lrt::LaunchOp launch) {
    for (Type argument : launch.getArgs().getTypes())
      if (auto memory = dyn_cast<MemRefType>(argument); memory && memory.hasStaticShape())
        modelInfo.device.tensorBytes = std::max<uint64_t>(
            modelInfo.device.tensorBytes, memory.getNumElements() * elementBytes(memory.getElementType()));
  });
  PassManager pm(context.get());
  buildLlvmPipeline(pm);
  if (failed(pm.run(module())))
    return fail(Failure::internal, "the part of the model that launches its kernels cannot be compiled");
  lrt::launchedModule(module())->erase();
  bool fetches = false;
  module().walk([&](LLVM::CallOp call) { fetches |= call.getCallee() == "lepton_rt_fetch"; });
  modelInfo.device.replayable = !fetches && llvm::all_of(modelInfo.inputs, [](const ValueInfo &input) {
    return !llvm::is_contained(input.shape, -1);
  });
  return true;
}

bool Compilation::emitDeviceCode(DeviceCode &code) {
  if (!emitGpu(GpuForm::assembly, code.image))
    return false;
  std::string error; // without an assembler the driver makes the machine code
  if (chosen.isNvidiaGpu())
    assemblePtx(code.image, chosen, code.machineCode, error);
  return true;
}

bool Compilation::emitGpu(GpuForm form, std::string &code) {
  ObjectBytes bytes;
  std::string error;
  const bool isAssembled = form == GpuForm::object && chosen.isNvidiaGpu();
  if (!emitGpuCode(module(), chosen, options.optLevel, isAssembled ? GpuForm::assembly : form, bytes))
    return fail(Failure::internal, "no code was generated");
  if (isAssembled)
    return assemblePtx(llvm::StringRef(bytes.data(), bytes.size()), chosen, code, error) || fail(Failure::input, error);
  if (form == GpuForm::object && !chosen.isVulkan())
    return linkCodeObject(std::move(bytes), chosen, code, error) || fail(Failure::internal, "linking failed: " + error);
  code.assign(bytes.begin(), bytes.end());
  return true;
}
