//===- Retarget.cpp - code of a GPU for the emulator ------------------------------------------------------------------------===//

#include "test/gpu/Retarget.h"
#include "test/gpu/emulator.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicsAMDGPU.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace lepton;
using namespace llvm;

static constexpr unsigned sharedSpace = 3;

namespace {

struct Rewriter {
  Module &module;
  LLVMContext &context = module.getContext();
  Type *word = Type::getInt32Ty(context), *number = Type::getInt64Ty(context), *none = Type::getVoidTy(context);
  PointerType *pointer = PointerType::get(context, 0);
  int dropBarrier, dropWait;
  int barriers = 0, waits = 0, meetings = 0; // waits: for copies; meetings: of the threads of a warp

  FunctionCallee emulator(StringRef name, ArrayRef<Type *> arguments, Type *result = nullptr) {
    return module.getOrInsertFunction(("emulator_" + name).str(),
                                      FunctionType::get(result ? result : none, arguments, false));
  }

  /// What the GPU does for a thread; false where the emulator cannot.
  bool replace(CallInst *call) {
    IRBuilder<> b(call);
    const char *name = nullptr;
    switch (call->getIntrinsicID()) {
    case Intrinsic::nvvm_read_ptx_sreg_tid_x:
    case Intrinsic::amdgcn_workitem_id_x:
      name = "emulator_thread";
      break;
    case Intrinsic::nvvm_read_ptx_sreg_ctaid_x:
    case Intrinsic::amdgcn_workgroup_id_x:
      name = "emulator_block";
      break;
    case Intrinsic::nvvm_barrier_cta_sync_aligned_all:
    case Intrinsic::amdgcn_s_barrier:
      if (barriers++ != dropBarrier)
        b.CreateCall(emulator("barrier", {}));
      call->eraseFromParent();
      return true;
    case Intrinsic::nvvm_cp_async_ca_shared_global_4:
    case Intrinsic::nvvm_cp_async_ca_shared_global_4_s:
      return copy(call, 4);
    case Intrinsic::nvvm_cp_async_ca_shared_global_8:
    case Intrinsic::nvvm_cp_async_ca_shared_global_8_s:
      return copy(call, 8);
    case Intrinsic::nvvm_cp_async_cg_shared_global_16:
    case Intrinsic::nvvm_cp_async_cg_shared_global_16_s:
      return copy(call, 16);
    case Intrinsic::nvvm_cp_async_commit_group:
      b.CreateCall(emulator("close_group", {}));
      call->eraseFromParent();
      return true;
    case Intrinsic::nvvm_cp_async_wait_group:
      if (waits++ != dropWait)
        b.CreateCall(emulator("wait_groups", {word}), {call->getArgOperand(0)});
      call->eraseFromParent();
      return true;
    case Intrinsic::nvvm_f2tf32_rna:
      call->replaceAllUsesWith(b.CreateCall(emulator("tf32", {b.getFloatTy()}, word), {call->getArgOperand(0)}));
      call->eraseFromParent();
      return true;
    case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_b16:
      return loadMatrices(call, false);
    case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_trans_b16:
      return loadMatrices(call, true);
    case Intrinsic::nvvm_mma_m16n8k8_row_col_tf32:
      return multiplyAdd(call, EMULATOR_TF32);
    case Intrinsic::nvvm_mma_m16n8k16_row_col_f32_f32:
      return multiplyAdd(call, EMULATOR_FP16);
    case Intrinsic::nvvm_mma_m16n8k16_row_col_bf16:
      return multiplyAdd(call, EMULATOR_BF16);
    default:
      errs() << "the emulator does not know " << call->getCalledFunction()->getName() << "\n";
      return false;
    }
    Value *result = b.CreateCall(module.getOrInsertFunction(name, FunctionType::get(word, false)));
    call->replaceAllUsesWith(result);
    call->eraseFromParent();
    return true;
  }

  /// Memory of a thread, of words.
  Value *variable(CallInst *call, unsigned words) {
    IRBuilder<> entry(&*call->getFunction()->getEntryBlock().getFirstInsertionPt());
    return entry.CreateAlloca(word, entry.getInt32(words));
  }

  /// The call's result is what lies in memory, four members.
  bool takeResult(CallInst *call, Value *memory) {
    IRBuilder<> b(call);
    Value *result = PoisonValue::get(call->getType());
    Type *member = cast<StructType>(call->getType())->getElementType(0);
    for (unsigned i = 0; i < 4; ++i)
      result = b.CreateInsertValue(result, b.CreateLoad(member, b.CreateConstGEP1_64(word, memory, i)), i);
    call->replaceAllUsesWith(result);
    call->eraseFromParent();
    return true;
  }

  /// cp.async: the last argument, where there is one more, is how much of it is copied.
  bool copy(CallInst *call, int bytes) {
    IRBuilder<> b(call);
    Value *copied = call->arg_size() > 2 ? call->getArgOperand(2) : b.getInt32(bytes);
    b.CreateCall(emulator("copy", {pointer, pointer, word, word}),
                 {b.CreateAddrSpaceCast(call->getArgOperand(0), pointer),
                  b.CreateAddrSpaceCast(call->getArgOperand(1), pointer), b.getInt32(bytes), copied});
    call->eraseFromParent();
    return true;
  }

  bool loadMatrices(CallInst *call, bool isTransposed) {
    Value *memory = variable(call, 4);
    IRBuilder<> b(call);
    b.CreateCall(emulator("load_matrices", {pointer, pointer, word}),
                 {b.CreateAddrSpaceCast(call->getArgOperand(0), pointer), memory, b.getInt32(isTransposed)});
    ++meetings;
    return takeResult(call, memory);
  }

  /// mma.sync: four and two words of the thread, and its four sums, by way of memory.
  bool multiplyAdd(CallInst *call, emulator_multiplicand multiplicand) {
    Value *memory[] = {variable(call, 4), variable(call, 2), variable(call, 4)};
    IRBuilder<> b(call);
    const int first[] = {0, 4, 6, 10};
    for (int part = 0; part < 3; ++part)
      for (int i = first[part]; i < first[part + 1]; ++i)
        b.CreateStore(call->getArgOperand(i), b.CreateConstGEP1_64(word, memory[part], i - first[part]));
    b.CreateCall(emulator("multiply_add", {pointer, pointer, pointer, word}),
                 {memory[0], memory[1], memory[2], b.getInt32(multiplicand)});
    ++meetings;
    return takeResult(call, memory[2]);
  }

  /// void call(void **arguments)
  Function *makeCaller(Function &kernel) {
    auto *caller = Function::Create(FunctionType::get(none, {pointer}, false), GlobalValue::InternalLinkage,
                                    kernel.getName() + ".call", module);
    IRBuilder<> b(BasicBlock::Create(context, "", caller));
    SmallVector<Value *> values;
    for (Argument &argument : kernel.args()) {
      Value *place = b.CreateLoad(pointer, b.CreateConstGEP1_64(pointer, caller->getArg(0), argument.getArgNo()));
      values.push_back(b.CreateLoad(argument.getType(), place));
    }
    b.CreateCall(&kernel, values);
    b.CreateRetVoid();
    return caller;
  }

  Constant *array(ArrayRef<Constant *> elements) {
    if (elements.empty())
      return ConstantPointerNull::get(pointer);
    auto *value = ConstantArray::get(ArrayType::get(elements.front()->getType(), elements.size()), elements);
    return new GlobalVariable(module, value->getType(), true, GlobalValue::PrivateLinkage, value);
  }

  /// An entry of emulator_kernels.
  Constant *describe(Function &kernel, ArrayRef<GlobalVariable *> shared, bool hasBarriers) {
    SmallVector<Constant *> buffers;
    for (GlobalVariable *buffer : shared)
      buffers.push_back(ConstantStruct::getAnon(
          {ConstantExpr::getAddrSpaceCast(buffer, pointer),
           ConstantInt::get(number, module.getDataLayout().getTypeAllocSize(buffer->getValueType()))}));
    Constant *text = ConstantDataArray::getString(context, kernel.getName());
    auto *name = new GlobalVariable(module, text->getType(), true, GlobalValue::PrivateLinkage, text);
    SmallVector<Constant *> sizes;
    for (Argument &argument : kernel.args())
      sizes.push_back(ConstantInt::get(number, module.getDataLayout().getTypeStoreSize(argument.getType())));
    return ConstantStruct::getAnon({name, makeCaller(kernel), array(buffers), ConstantInt::get(number, shared.size()),
                                    ConstantInt::get(number, hasBarriers), array(sizes),
                                    ConstantInt::get(number, sizes.size())});
  }
};

} // namespace

/// The shared memory that a function's instructions use, by way of constants or not.
static SmallVector<GlobalVariable *> sharedMemoryOf(Function &function) {
  SetVector<GlobalVariable *> found;
  for (GlobalVariable &global : function.getParent()->globals()) {
    SmallVector<User *> users(global.users());
    while (global.getAddressSpace() == sharedSpace && !users.empty()) {
      User *user = users.pop_back_val();
      auto *instruction = dyn_cast<Instruction>(user);
      if (instruction && instruction->getFunction() == &function)
        found.insert(&global);
      else if (!instruction)
        append_range(users, user->users());
    }
  }
  return found.takeVector();
}

static bool isOfGpu(Function &function) {
  return function.getName().starts_with("llvm.nvvm.") || function.getName().starts_with("llvm.amdgcn.");
}

PreservedAnalyses Retarget::run(Module &module, ModuleAnalysisManager &) {
  Rewriter rewriter{.module = module, .dropBarrier = dropBarrier, .dropWait = dropWait};
  SmallVector<Constant *> kernels;
  for (Function &function : make_early_inc_range(module)) {
    const bool isKernel =
        is_contained({CallingConv::PTX_Kernel, CallingConv::AMDGPU_KERNEL}, function.getCallingConv());
    if (function.isDeclaration() || !isKernel)
      continue;
    const int before = rewriter.barriers + rewriter.meetings;
    for (Instruction &instruction : make_early_inc_range(instructions(function))) {
      auto *call = dyn_cast<CallInst>(&instruction);
      if (call && call->getCalledFunction() && isOfGpu(*call->getCalledFunction()) && !rewriter.replace(call))
        *failed = true;
    }
    function.setCallingConv(CallingConv::C);
    function.setLinkage(GlobalValue::InternalLinkage);
    function.setAttributes(AttributeList()); // of a GPU's processor
    kernels.push_back(
        rewriter.describe(function, sharedMemoryOf(function), rewriter.barriers + rewriter.meetings > before));
  }
  for (GlobalVariable &global : module.globals())
    if (global.getAddressSpace() == sharedSpace)
      global.setInitializer(Constant::getNullValue(global.getValueType()));
  auto *type = ArrayType::get(kernels.empty() ? rewriter.word : kernels.front()->getType(), kernels.size());
  new GlobalVariable(module, type, true, GlobalValue::ExternalLinkage, ConstantArray::get(type, kernels),
                     "emulator_kernels");
  new GlobalVariable(module, rewriter.number, true, GlobalValue::ExternalLinkage,
                     ConstantInt::get(rewriter.number, kernels.size()), "emulator_kernel_count");
  return PreservedAnalyses::none();
}
