//===- DeviceFunction.cpp - a function of the GPU and its launch --------------------------------------------------------------===//

#include "passes/gpu/DeviceFunction.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"
#include "passes/gpu/Steps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace lepton;

DeviceFunction::DeviceFunction(RewriterBase &b, gpu::GPUModuleOp module, func::FuncOp kernel, StringRef name,
                               int64_t threads)
    : b(b), kernel(kernel), threads(threads) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module.getBody());
  Location loc = kernel.getLoc();
  function = gpu::GPUFuncOp::create(b, loc, name, b.getFunctionType({}, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function.setKnownBlockSize(ArrayRef<int32_t>{int32_t(threads), 1, 1});
  b.setInsertionPointToEnd(&function.getBody().front());
  gpu::ReturnOp::create(b, loc);
  b.setInsertionPointToStart(&function.getBody().front());
  threadIndex = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  blockIndex = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  // Ops of the run that are cloned go again before the function is done.
  mapping.map(kernel.getArgument(0), LLVM::ZeroOp::create(b, loc, kernel.getArgument(0).getType()).getResult());
}

Value DeviceFunction::constant(int64_t value) { return arith::ConstantIndexOp::create(b, function.getLoc(), value); }

Value DeviceFunction::addArgument(Type type, Location loc) {
  unsigned number = function.getNumArguments();
  (void)function.insertArgument(number, type, {}, loc);
  return function.getArgument(number);
}

Value DeviceFunction::importMemory(Value memref) {
  Location loc = memref.getLoc();
  auto type = cast<MemRefType>(memref.getType());
  Value address = addArgument(LLVM::LLVMPointerType::get(b.getContext()), loc);
  SmallVector<Value> sizes;
  for (size_t d = 0; d < type.getNumDynamicDims(); ++d)
    sizes.push_back(addArgument(b.getIndexType(), loc));
  operands.push_back(memref);
  return lrt::ViewOp::create(b, loc, type, address, sizes);
}

Value DeviceFunction::importShape(Value memref) {
  Value shape = makeShape(memref);
  mapping.map(memref, shape);
  return shape;
}

Value DeviceFunction::makeShape(Value memref) {
  SmallVector<Value> sizes;
  for (Value size :
       memref.getDefiningOp()->getOperands().take_back(cast<MemRefType>(memref.getType()).getNumDynamicDims()))
    sizes.push_back(import(size));
  Value nowhere = LLVM::ZeroOp::create(b, memref.getLoc(), LLVM::LLVMPointerType::get(b.getContext()));
  return lrt::ViewOp::create(b, memref.getLoc(), memref.getType(), nowhere, sizes);
}

/// An integer or a float of at most 32 bits as the `index` that it is passed as, and back.
static Value toIndex(OpBuilder &b, Location loc, Value number) {
  Type type = number.getType();
  if (isa<FloatType>(type))
    number = arith::BitcastOp::create(b, loc, b.getIntegerType(type.getIntOrFloatBitWidth()), number);
  return b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), number);
}

static Value fromIndex(OpBuilder &b, Location loc, Value index, Type type) {
  if (type.isIndex())
    return index;
  if (type.isInteger(1))
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, index, arith::ConstantIndexOp::create(b, loc, 0));
  if (!isa<FloatType>(type))
    return b.createOrFold<arith::IndexCastOp>(loc, type, index);
  Value bits = arith::IndexCastOp::create(b, loc, b.getIntegerType(type.getIntOrFloatBitWidth()), index);
  return arith::BitcastOp::create(b, loc, type, bits);
}

Value DeviceFunction::import(Value value) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *source = value.getDefiningOp();
  const bool isMemory = isa<MemRefType>(value.getType());
  Value here;
  if (isMemory && isa_and_present<memref::AllocaOp, lrt::AllocOp>(source) && isOnlyShape(value))
    return importShape(value);
  if (isMemory && (!source || isa<memref::AllocaOp, lrt::AllocOp, lrt::FaultOp>(source))) {
    here = importMemory(value);
  } else if (source && (isMemory || source->hasTrait<OpTrait::ConstantLike>() || dependsOnMemory(source) ||
                        value.getType().isF64())) {
    importUsesOf(source);
    b.clone(*source, mapping);
    return mapping.lookup(value);
  } else {
    here = fromIndex(b, value.getLoc(), addArgument(b.getIndexType(), value.getLoc()), value.getType());
    operands.push_back(value);
  }
  mapping.map(value, here);
  return here;
}

Value DeviceFunction::onHost(Value here) {
  for (auto [host, own] : mapping.getValueMap())
    if (own == here && host.getParentBlock() == &kernel.front() &&
        !(host.getDefiningOp() && dependsOnMemory(host.getDefiningOp())))
      return host;
  return {};
}

void DeviceFunction::importUsesOf(ArrayRef<Operation *> ops) {
  llvm::SetVector<Value> used;
  for (Operation *op : ops) {
    used.insert(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), used);
  }
  auto isOutside = [&](Value value) {
    return llvm::none_of(ops, [&](Operation *op) { return op->isAncestor(value.getParentBlock()->getParentOp()); });
  };
  for (Value value : used)
    if (isOutside(value) && !(value.getDefiningOp() && llvm::is_contained(ops, value.getDefiningOp())))
      import(value);
}

void DeviceFunction::replaceAccesses(Value shape) {
  Value cell;
  for (Operation *user : llvm::make_early_inc_range(shape.getUsers())) {
    if (!isa<memref::LoadOp, memref::StoreOp>(user))
      continue;
    OpBuilder::InsertionGuard guard(b);
    if (!cell) {
      b.setInsertionPointToStart(&function.getBody().front());
      auto type = MemRefType::get({}, cast<MemRefType>(shape.getType()).getElementType());
      cell = memref::AllocaOp::create(b, shape.getLoc(), type);
    }
    b.setInsertionPoint(user);
    if (auto load = dyn_cast<memref::LoadOp>(user)) {
      b.replaceOpWithNewOp<memref::LoadOp>(load, cell, ValueRange{});
    } else {
      memref::StoreOp::create(b, user->getLoc(), cast<memref::StoreOp>(user).getValue(), cell, ValueRange{});
      b.eraseOp(user);
    }
  }
}

Value DeviceFunction::shared(MemRefType type, Location loc) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto own = MemRefType::get(type.getShape(), type.getElementType(), MemRefLayoutAttrInterface(), space);
  return memref::MemorySpaceCastOp::create(b, loc, type, function.addWorkgroupAttribution(own, loc));
}

Value DeviceFunction::scratch(MemRefType type, ValueRange sizesOnHost, Location loc) {
  OpBuilder::InsertionGuard guard(b);
  SmallVector<int64_t> shape = {ShapedType::kDynamic};
  llvm::append_range(shape, type.getShape());
  scratches.push_back(
      {MemRefType::get(shape, type.getElementType()), SmallVector<Value>(sizesOnHost), unsigned(operands.size())});
  operands.push_back({});
  Value address = addArgument(LLVM::LLVMPointerType::get(b.getContext()), loc);
  (void)addArgument(b.getIndexType(), loc); // the number of blocks
  SmallVector<Value> here;
  for (Value size : sizesOnHost)
    here.push_back(addArgument(size.getType(), loc));
  b.setInsertionPointAfterValue(blockIndex);
  Value bytes = constant(elementBytes(type.getElementType()));
  for (int64_t d = 0, next = 0; d < type.getRank(); ++d)
    bytes =
        b.createOrFold<arith::MulIOp>(loc, bytes, type.isDynamicDim(d) ? here[next++] : constant(type.getDimSize(d)));
  Value offset = arith::MulIOp::create(b, loc, blockIndex, bytes);
  return LLVM::GEPOp::create(
      b, loc, address.getType(), b.getI8Type(), address,
      ArrayRef<LLVM::GEPArg>{arith::IndexCastOp::create(b, loc, b.getI64Type(), offset).getResult()});
}

void DeviceFunction::lowerChecks() {
  SmallVector<lrt::CheckOp> checks;
  function.walk([&](lrt::CheckOp op) { checks.push_back(op); });
  if (checks.empty())
    return;
  auto module = kernel->getParentOfType<ModuleOp>();
  SmallVector<Attribute> messages;
  if (auto known = module->getAttrOfType<ArrayAttr>("lepton.messages"))
    llvm::append_range(messages, known);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&kernel.front());
  auto type = MemRefType::get({1}, b.getI32Type());
  Value word = lrt::FaultOp::create(b, kernel.getLoc(), type, kernel.getArgument(0));
  b.setInsertionPointToStart(&function.getBody().front());
  Value fault = importMemory(word);
  for (lrt::CheckOp check : checks) {
    auto *place = llvm::find(messages, check.getMessageAttr());
    const int64_t number = place - messages.begin();
    if (place == messages.end())
      messages.push_back(check.getMessageAttr());
    b.setInsertionPoint(check);
    Location loc = check.getLoc();
    Value fails = arith::XOrIOp::create(b, loc, check.getCondition(), arith::ConstantIntOp::create(b, loc, 1, 1));
    auto branch = scf::IfOp::create(b, loc, fails, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
    Value code = arith::ConstantIntOp::create(b, loc, number + 1, 32);
    memref::StoreOp::create(b, loc, code, fault, ValueRange{arith::ConstantIndexOp::create(b, loc, 0)});
    b.eraseOp(check);
  }
  module->setAttr("lepton.messages", b.getArrayAttr(messages));
}

void DeviceFunction::launch(Value blocks) {
  Location loc = function.getLoc();
  Value context = kernel.getArgument(0);
  SmallVector<Value> allocated;
  for (const Scratch &scratch : scratches) {
    SmallVector<Value> sizes = {blocks};
    llvm::append_range(sizes, scratch.sizes);
    allocated.push_back(lrt::AllocOp::create(b, loc, scratch.type, context, sizes));
    operands[scratch.operand] = allocated.back();
  }
  for (Value &operand : operands)
    if (operand.getType().isIntOrFloat())
      operand = toIndex(b, loc, operand);
  auto module = function->getParentOfType<gpu::GPUModuleOp>();
  auto symbol = SymbolRefAttr::get(module.getNameAttr(), {FlatSymbolRefAttr::get(function.getNameAttr())});
  lrt::LaunchOp::create(b, loc, context, symbol, blocks, b.getI64IntegerAttr(threads), operands);
  for (Value memory : allocated)
    lrt::DeallocOp::create(b, loc, context, memory);
}
