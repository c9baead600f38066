//===- ModelDescriptor.cpp - the model's description as data in the object ---------------------------------------------------===//

#include "codegen/artifact/ModelDescriptor.h"
#include "runtime/core/lepton_abi.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Instructions.h"

using namespace lepton;

namespace {

/// Makes constants in one module.
struct Constants {
  llvm::Module &module;
  llvm::LLVMContext &context = module.getContext();
  llvm::PointerType *pointer = llvm::PointerType::get(context, 0);

  llvm::Constant *u32(uint32_t value) { return llvm::ConstantInt::get(llvm::Type::getInt32Ty(context), value); }
  llvm::Constant *u64(uint64_t value) { return llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), value); }
  llvm::Constant *null() { return llvm::ConstantPointerNull::get(pointer); }

  llvm::Constant *global(llvm::Constant *value) {
    return new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true, llvm::GlobalValue::PrivateLinkage,
                                    value);
  }
  llvm::Constant *string(llvm::StringRef text) { return global(llvm::ConstantDataArray::getString(context, text)); }

  llvm::Constant *numbers(const std::vector<int64_t> &values) {
    if (values.empty())
      return null();
    std::vector<uint64_t> words(values.begin(), values.end());
    return global(llvm::ConstantDataArray::get(context, words));
  }

  llvm::Constant *names(const std::vector<std::string> &names) {
    if (llvm::all_of(names, [](const std::string &name) { return name.empty(); }))
      return null();
    std::vector<llvm::Constant *> pointers;
    for (const std::string &name : names)
      pointers.push_back(name.empty() ? null() : string(name));
    return global(llvm::ConstantArray::get(llvm::ArrayType::get(pointer, pointers.size()), pointers));
  }

  /// An array of lepton_value_info.
  llvm::Constant *values(const std::vector<ValueInfo> &infos) {
    if (infos.empty())
      return null();
    std::vector<llvm::Constant *> structs;
    for (const ValueInfo &info : infos)
      structs.push_back(llvm::ConstantStruct::getAnon(
          {string(info.name), numbers(info.shape), names(info.dimNames), u32(info.dtype),
           u32(info.anyRank ? LEPTON_ANY_RANK : uint32_t(info.shape.size())), values(info.element)}));
    return global(llvm::ConstantArray::get(llvm::ArrayType::get(structs.front()->getType(), structs.size()), structs));
  }

  llvm::Constant *external(const char *name) {
    llvm::Constant *found = module.getOrInsertGlobal(name, llvm::Type::getInt8Ty(context));
    llvm::cast<llvm::GlobalValue>(found)->setVisibility(llvm::GlobalValue::HiddenVisibility);
    return found;
  }

  /// A function of pointers that the runtime defines. WebAssembly tells functions apart by their types, too.
  llvm::Constant *function(const char *name, llvm::Type *result, unsigned arguments) {
    auto *type = llvm::FunctionType::get(result, std::vector<llvm::Type *>(arguments, pointer), false);
    return llvm::cast<llvm::Constant>(module.getOrInsertFunction(name, type).getCallee());
  }

  /// A struct whose second field is its size.
  llvm::Constant *sized(std::vector<llvm::Constant *> fields) {
    auto *type = llvm::ConstantStruct::getAnon(fields)->getType();
    fields[1] = u32(module.getDataLayout().getTypeAllocSize(type));
    return llvm::ConstantStruct::getAnon(fields);
  }

  /// A lepton_device_code.
  llvm::Constant *deviceCode(const DeviceCode &code) {
    if (code.image.empty())
      return null();
    auto image = [&](const std::string &bytes) -> llvm::Constant * {
      if (bytes.empty())
        return null();
      auto *constant = llvm::cast<llvm::GlobalVariable>(string(bytes));
      constant->setAlignment(llvm::Align(64));
      return constant;
    };
    return global(
        llvm::ConstantStruct::getAnon({image(code.image), image(code.machineCode), external("lepton_weights"),
                                       names(code.messages), u64(code.messages.size()), u64(code.replayable),
                                       external(code.runtime.c_str()), u64(code.image.size()), u64(code.tensorBytes)}));
  }

  /// A lepton_weights_file.
  llvm::Constant *weightsFile(const ModelInfo &info) {
    if (info.weightsPlace != WeightsPlace::file)
      return null();
    return global(llvm::ConstantStruct::getAnon({string(info.weightsFile), string(info.weightsHash)}));
  }

  /// An array of lepton_dim_bounds.
  llvm::Constant *bounds(const std::vector<DimBounds> &bounds) {
    if (bounds.empty())
      return null();
    std::vector<llvm::Constant *> structs;
    for (const DimBounds &each : bounds)
      structs.push_back(llvm::ConstantStruct::getAnon({string(each.name), u64(each.minimum), u64(each.maximum)}));
    return global(llvm::ConstantArray::get(llvm::ArrayType::get(structs.front()->getType(), structs.size()), structs));
  }
};

} // namespace

void lepton::addModelDescriptor(llvm::Module &module, const ModelInfo &info) {
  Constants c{module};
  llvm::Constant *model = c.sized({c.u32(LEPTON_ABI_VERSION),
                                   c.u32(0),
                                   c.string(info.name),
                                   c.string(info.target),
                                   c.string(info.required),
                                   c.values(info.inputs),
                                   c.values(info.outputs),
                                   c.u32(info.inputs.size()),
                                   c.u32(info.outputs.size()),
                                   c.u64(info.arenaBytes),
                                   c.u64(info.weightsBytes),
                                   c.u64(info.hash),
                                   c.u32(info.threads),
                                   c.u32(info.kernels),
                                   module.getFunction("lepton_entry"),
                                   c.bounds(info.dimBounds),
                                   c.u64(info.dimBounds.size()),
                                   c.deviceCode(info.device),
                                   c.weightsFile(info),
                                   c.u64(uint64_t(info.weightsPlace))});
  // Weak: where several models are linked into one program, the runtime's lepton_artifact_api gives the first.
  new llvm::GlobalVariable(module, model->getType(), true, llvm::GlobalValue::WeakAnyLinkage, model,
                           "lepton_artifact_model");
  module.getFunction("lepton_entry")->setVisibility(llvm::GlobalValue::HiddenVisibility);
  if (info.symbol.empty())
    return;
  // The table refers to this model whatever becomes of the weak name.
  auto *own = new llvm::GlobalVariable(module, model->getType(), true, llvm::GlobalValue::PrivateLinkage, model);
  llvm::Type *status = llvm::Type::getInt32Ty(c.context), *none = llvm::Type::getVoidTy(c.context);
  llvm::Constant *table =
      c.sized({c.u32(LEPTON_ABI_VERSION), c.u32(0), own, c.function("lepton_session_create", status, 4),
               c.function("lepton_session_run", status, 4), c.function("lepton_session_destroy", none, 1),
               c.function("lepton_tensor_release", none, 1)});
  std::string name = info.symbol + "_api";
  if (llvm::GlobalValue *taken = module.getNamedValue(name))
    taken->setName(name + "_kernel");
  auto *function = llvm::Function::Create(llvm::FunctionType::get(c.pointer, false), llvm::GlobalValue::ExternalLinkage,
                                          name, module);
  auto *block = llvm::BasicBlock::Create(c.context, "", function);
  llvm::ReturnInst::Create(c.context, c.global(table), block);
}

void lepton::addModelChooser(llvm::Module &module, llvm::ArrayRef<std::string> versions, const std::string &symbol) {
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::getUnqual(context);
  auto *integer = llvm::Type::getInt32Ty(context);
  auto *giveTable = llvm::FunctionType::get(pointer, false);
  auto suits = module.getOrInsertFunction("lepton_rt_suits", llvm::FunctionType::get(integer, {pointer}, false));
  auto *choose = llvm::Function::Create(giveTable, llvm::GlobalValue::ExternalLinkage, "lepton_artifact_api", module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", choose));
  for (const std::string &version : versions) {
    llvm::Value *table = b.CreateCall(module.getOrInsertFunction(version + "_api", giveTable));
    if (&version == &versions.back()) {
      b.CreateRet(table);
      break;
    }
    llvm::Value *model = b.CreateLoad(pointer, b.CreateConstGEP1_64(b.getInt8Ty(), table, offsetof(lepton_api, model)));
    auto *taken = llvm::BasicBlock::Create(context, "", choose), *next = llvm::BasicBlock::Create(context, "", choose);
    b.CreateCondBr(b.CreateIsNotNull(b.CreateCall(suits, {model})), taken, next);
    b.SetInsertPoint(taken);
    b.CreateRet(table);
    b.SetInsertPoint(next);
  }
  if (!symbol.empty())
    llvm::GlobalAlias::create(giveTable, 0, llvm::GlobalValue::ExternalLinkage, symbol + "_api", choose, &module);
}

void lepton::addBareFunction(llvm::Module &module, const ModelInfo &info) {
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::getUnqual(context);
  auto *integer = llvm::Type::getInt32Ty(context);
  llvm::Function *entry = module.getFunction("lepton_entry");
  entry->setVisibility(llvm::GlobalValue::HiddenVisibility);
  std::string name = info.symbol + "_run";
  if (llvm::GlobalValue *taken = module.getNamedValue(name))
    taken->setName(name + "_kernel");
  const size_t inputs = info.inputs.size(), outputs = info.outputs.size();
  auto *function = llvm::Function::Create(
      llvm::FunctionType::get(integer, std::vector<llvm::Type *>(inputs + outputs + 2, pointer), false),
      llvm::GlobalValue::ExternalLinkage, name, module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", function));
  auto arrayOf = [&](size_t first, size_t count) {
    llvm::Value *array = b.CreateAlloca(llvm::ArrayType::get(pointer, std::max<size_t>(count, 1)));
    for (size_t i = 0; i < count; ++i)
      b.CreateStore(function->getArg(first + i), b.CreateConstGEP1_64(pointer, array, i));
    return array;
  };
  auto run = module.getOrInsertFunction("lepton_bare_run",
                                        llvm::FunctionType::get(integer, std::vector<llvm::Type *>(5, pointer), false));
  llvm::Value *arguments[] = {entry, arrayOf(0, inputs), arrayOf(inputs, outputs), function->getArg(inputs + outputs),
                              function->getArg(inputs + outputs + 1)};
  b.CreateRet(b.CreateCall(run, arguments));
}
