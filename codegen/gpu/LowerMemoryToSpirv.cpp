//===- LowerMemoryToSpirv.cpp - accesses of memory become those of SPIR-V's variables -----------------------------------------===//
//
// Before: gpu.func with addresses and numbers as arguments, views of memory, those of parts as memref.reinterpret_cast, loads and stores.
// After:  gpu.func without arguments; spirv.Load and spirv.Store of an element of a variable, whose place in it is one number.
//
//===--------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/Passes.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lepton {
#define GEN_PASS_DEF_LOWERMEMORYTOSPIRV
#include "codegen/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;
using spirv::StorageClass;

namespace {

/// Where the elements of a view lie, as seen from the first one of what it is a view of.
struct Layout {
  Value offset;
  SmallVector<Value> sizes, strides;
};

/// The memory of one kernel.
class KernelMemory {
public:
  explicit KernelMemory(gpu::GPUFuncOp kernel) : kernel(kernel), b(kernel.getContext()), loc(kernel.getLoc()) {}

  LogicalResult lower() {
    takeNumbers();
    SmallVector<Operation *> accesses;
    kernel.walk([&](Operation *op) {
      if (isa<memref::LoadOp, memref::StoreOp>(op))
        accesses.push_back(op);
      replaceSizes(op);
    });
    for (Operation *op : accesses)
      lowerAccess(op);
    decorateBuffers();
    return eraseOthers();
  }

private:
  //===--------------------------------------------------------------------------------------------------------------------===//
  // Numbers
  //===--------------------------------------------------------------------------------------------------------------------===//

  Value constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  Value numberOf(OpFoldResult value) { return getValueOrCreateConstantIndexOp(b, loc, value); }
  Value add(Value l, Value r) { return b.createOrFold<arith::AddIOp>(loc, l, r); }
  Value multiply(Value l, Value r) { return b.createOrFold<arith::MulIOp>(loc, l, r); }
  Value castTo(Type type, Value number) { return b.createOrFold<arith::IndexCastOp>(loc, type, number); }
  void toStart() { b.setInsertionPointToStart(&kernel.getBody().front()); }

  /// The numbers among the arguments are push constants of 32 bits.
  void takeNumbers() {
    SmallVector<Value> numbers;
    for (BlockArgument argument : kernel.getArguments())
      if (argument.getType().isIndex())
        numbers.push_back(argument);
    if (numbers.empty())
      return;
    Type i32 = b.getI32Type();
    SmallVector<uint32_t> offsets;
    for (size_t i = 0; i < numbers.size(); ++i)
      offsets.push_back(i * sizeof(uint32_t));
    auto members = spirv::StructType::get(SmallVector<Type>(numbers.size(), i32), offsets);
    auto variable = makeGlobal("_numbers", members, StorageClass::PushConstant);
    toStart();
    Value address = spirv::AddressOfOp::create(b, loc, variable);
    for (auto [place, number] : llvm::enumerate(numbers)) {
      Value member = spirv::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(place)),
            here = spirv::LoadOp::create(b, loc, spirv::AccessChainOp::create(b, loc, address, member));
      number.replaceAllUsesWith(castTo(b.getIndexType(), here));
    }
  }

  //===--------------------------------------------------------------------------------------------------------------------===//
  // Layouts
  //===--------------------------------------------------------------------------------------------------------------------===//

  /// What this is a part of, or the same with another type; null where it is neither.
  static Value sourceOf(Value memory) {
    Operation *op = memory.getDefiningOp();
    const bool isOfOther = isa_and_present<memref::MemorySpaceCastOp, memref::CastOp, memref::ReinterpretCastOp,
                                           memref::ExtractStridedMetadataOp>(op);
    return isOfOther ? op->getOperand(0) : Value();
  }

  static Value rootOf(Value memory) {
    while (Value source = sourceOf(memory))
      memory = source;
    return memory;
  }

  Layout layoutOf(Value memory) {
    if (auto known = layouts.find(memory); known != layouts.end())
      return known->second;
    OpBuilder::InsertionGuard guard(b);
    if (memory.getDefiningOp())
      b.setInsertionPointAfterValue(memory);
    else
      toStart();
    auto part = memory.getDefiningOp<memref::ReinterpretCastOp>();
    Layout layout = part ? layoutOfPart(part) : sourceOf(memory) ? layoutOf(sourceOf(memory)) : layoutOfWhole(memory);
    return layouts[memory] = layout;
  }

  /// Its numbers are those of the whole memory, whatever it is made from.
  Layout layoutOfPart(memref::ReinterpretCastOp part) {
    auto numbersOf = [&](ArrayRef<OpFoldResult> values) {
      return llvm::map_to_vector(values, [&](OpFoldResult value) { return numberOf(value); });
    };
    return {numberOf(part.getMixedOffsets().front()), numbersOf(part.getMixedSizes()),
            numbersOf(part.getMixedStrides())};
  }

  Layout layoutOfWhole(Value memory) {
    auto type = cast<MemRefType>(memory.getType());
    auto view = memory.getDefiningOp<lrt::ViewOp>();
    Layout layout{constant(0), {}, {}};
    for (int64_t d = 0, next = 0; d < type.getRank(); ++d)
      layout.sizes.push_back(type.isDynamicDim(d) ? Value(view.getSizes()[next++]) : constant(type.getDimSize(d)));
    layout.strides.resize(type.getRank());
    Value stride = constant(1);
    for (int64_t d = type.getRank() - 1; d >= 0; --d) {
      layout.strides[d] = stride;
      stride = multiply(stride, layout.sizes[d]);
    }
    return layout;
  }

  /// The place of its first element, as seen from where the argument that its address is made from points to.
  Value beginOf(lrt::ViewOp view) {
    auto step = view.getAddress().getDefiningOp<LLVM::GEPOp>();
    if (!step)
      return constant(0);
    Value wide = step.getDynamicIndices().front();
    auto narrow = wide.getDefiningOp<arith::IndexCastOp>();
    Value bytes = narrow ? narrow.getIn() : castTo(b.getIndexType(), wide);
    return b.createOrFold<arith::DivUIOp>(loc, bytes,
                                          constant(elementBytes(cast<MemRefType>(view.getType()).getElementType())));
  }

  /// What asks for sizes and strides gets the numbers.
  void replaceSizes(Operation *op) {
    if (auto dim = dyn_cast<memref::DimOp>(op))
      if (auto place = dim.getConstantIndex())
        dim.replaceAllUsesWith(layoutOf(dim.getSource()).sizes[*place]);
    auto asked = dyn_cast<memref::ExtractStridedMetadataOp>(op);
    if (!asked)
      return;
    const Layout layout = layoutOf(asked.getSource());
    asked.getOffset().replaceAllUsesWith(layout.offset);
    for (auto [size, number] : llvm::zip_equal(asked.getSizes(), layout.sizes))
      size.replaceAllUsesWith(number);
    for (auto [stride, number] : llvm::zip_equal(asked.getStrides(), layout.strides))
      stride.replaceAllUsesWith(number);
  }

  //===--------------------------------------------------------------------------------------------------------------------===//
  // Variables
  //===--------------------------------------------------------------------------------------------------------------------===//

  /// What an element of memory is: a bool takes a byte, and there is no bfloat16.
  Type storedType(Type type) {
    return type.isInteger(1) ? b.getI8Type() : type.isBF16() ? b.getI16Type() : type.isIndex() ? b.getI64Type() : type;
  }

  spirv::GlobalVariableOp makeGlobal(const std::string &name, Type type, StorageClass storage) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(kernel);
    return spirv::GlobalVariableOp::create(b, loc, TypeAttr::get(spirv::PointerType::get(type, storage)),
                                           b.getStringAttr(kernel.getName() + name), FlatSymbolRefAttr());
  }

  /// A variable for one argument and one type of elements: there is no other way to see memory as of several types.
  Value bufferOf(BlockArgument argument, Type type) {
    Value &address = buffers[{argument, type}];
    if (address)
      return address;
    const unsigned binding = llvm::count_if(kernel.getArguments().take_front(argument.getArgNumber()),
                                            [](Value before) { return isa<LLVM::LLVMPointerType>(before.getType()); });
    std::string name;
    llvm::raw_string_ostream(name) << "_buffer" << binding << "_" << type;
    auto elements = spirv::RuntimeArrayType::get(type, elementBytes(type));
    auto variable = makeGlobal(name, spirv::StructType::get({elements}, {0}), StorageClass::StorageBuffer);
    variable.setDescriptorSet(0);
    variable.setBinding(binding);
    return address = spirv::AddressOfOp::create(b, loc, variable);
  }

  /// What the threads of a block share.
  Value sharedVariable(BlockArgument attribution, spirv::ArrayType type) {
    return spirv::AddressOfOp::create(
        b, loc,
        makeGlobal("_shared" + std::to_string(attribution.getArgNumber() - kernel.getFunctionType().getNumInputs()),
                   type, StorageClass::Workgroup));
  }

  Value constantTable(memref::GetGlobalOp table, spirv::ArrayType type) {
    auto global = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(kernel, table.getNameAttr());
    auto values = dyn_cast_or_null<DenseElementsAttr>(global.getInitialValueAttr());
    if (!values)
      return {};
    values = values.reshape(RankedTensorType::get({int64_t(type.getNumElements())}, values.getElementType()));
    if (values.getElementType().isInteger(1))
      values =
          cast<DenseIntElementsAttr>(values).mapValues(b.getI8Type(), [](const APInt &value) { return value.zext(8); });
    if (values.getElementType().isBF16())
      values = values.bitcast(b.getI16Type());
    return spirv::ConstantOp::create(b, loc, type, values);
  }

  /// The variable that stands for memory which is no argument.
  Value variableOf(Value root, Type type) {
    Value &variable = variables[root];
    if (variable)
      return variable;
    auto array = spirv::ArrayType::get(type, std::max<int64_t>(cast<MemRefType>(root.getType()).getNumElements(), 1));
    if (auto attribution = dyn_cast<BlockArgument>(root))
      return variable = sharedVariable(attribution, array);
    Value initial;
    if (auto table = root.getDefiningOp<memref::GetGlobalOp>())
      initial = constantTable(table, array);
    return variable = spirv::VariableOp::create(b, loc, spirv::PointerType::get(array, StorageClass::Function),
                                                StorageClass::Function, initial);
  }

  /// What the argument is that an address is made from; null where it is made from none.
  static BlockArgument argumentOf(Value address) {
    while (auto step = address.getDefiningOp<LLVM::GEPOp>())
      address = step.getBase();
    return dyn_cast<BlockArgument>(address);
  }

  //===--------------------------------------------------------------------------------------------------------------------===//
  // Accesses
  //===--------------------------------------------------------------------------------------------------------------------===//

  /// Null where the memory is of no kind that a variable stands for.
  Value pointerTo(Value memory, ValueRange indices) {
    Value root = rootOf(memory);
    auto type = cast<MemRefType>(root.getType());
    auto view = root.getDefiningOp<lrt::ViewOp>();
    BlockArgument argument = view ? argumentOf(view.getAddress()) : BlockArgument();
    const bool isVariable =
        type.hasStaticShape() && (isa<BlockArgument>(root) || root.getDefiningOp<memref::AllocaOp>() ||
                                  root.getDefiningOp<memref::GetGlobalOp>());
    if (!argument && !isVariable)
      return {};
    Type stored = storedType(type.getElementType());
    Value variable;
    {
      OpBuilder::InsertionGuard guard(b);
      toStart();
      variable = argument ? bufferOf(argument, stored) : variableOf(root, stored);
    }
    const Layout layout = layoutOf(memory);
    Value place = view ? add(beginOf(view), layout.offset) : layout.offset;
    for (auto [index, stride] : llvm::zip_equal(indices, layout.strides))
      place = add(place, multiply(index, stride));
    SmallVector<Value> path;
    if (argument) // the only member of a structure
      path.push_back(spirv::ConstantOp::getZero(b.getI32Type(), loc, b));
    path.push_back(castTo(b.getI32Type(), place));
    return spirv::AccessChainOp::create(b, loc, variable, path);
  }

  Value fromStored(Value value, Type type) {
    if (type.isInteger(1))
      return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value,
                                   arith::ConstantIntOp::create(b, loc, value.getType(), 0));
    if (type.isBF16())
      return arith::BitcastOp::create(b, loc, type, value);
    return type.isIndex() ? castTo(type, value) : value;
  }

  Value toStored(Value value, Type stored) {
    Type type = value.getType();
    if (type.isInteger(1))
      return arith::ExtUIOp::create(b, loc, stored, value);
    if (type.isBF16())
      return arith::BitcastOp::create(b, loc, stored, value);
    return type.isIndex() ? castTo(stored, value) : value;
  }

  void lowerAccess(Operation *op) {
    auto load = dyn_cast<memref::LoadOp>(op);
    auto store = dyn_cast<memref::StoreOp>(op);
    b.setInsertionPoint(op);
    loc = op->getLoc();
    Value pointer =
        load ? pointerTo(load.getMemRef(), load.getIndices()) : pointerTo(store.getMemRef(), store.getIndices());
    if (!pointer)
      return; // and found to be left
    if (load)
      load.replaceAllUsesWith(fromStored(spirv::LoadOp::create(b, loc, pointer), load.getType()));
    else
      spirv::StoreOp::create(
          b, loc, pointer,
          toStored(store.getValueToStore(), cast<spirv::PointerType>(pointer.getType()).getPointeeType()));
    op->erase();
  }

  //===--------------------------------------------------------------------------------------------------------------------===//
  // The end
  //===--------------------------------------------------------------------------------------------------------------------===//

  /// Variables of one argument lie in the same place. What threads write for others to read behind a barrier may stay in no cache of their own.
  void decorateBuffers() {
    bool hasBarrier = false;
    kernel.walk([&](gpu::BarrierOp) { hasBarrier = true; });
    for (BlockArgument argument : kernel.getArguments()) {
      SmallVector<spirv::GlobalVariableOp> ofArgument;
      bool isRead = false, isWritten = false;
      for (auto [key, address] : buffers) {
        if (key.first != argument)
          continue;
        ofArgument.push_back(SymbolTable::lookupNearestSymbolFrom<spirv::GlobalVariableOp>(
            kernel, address.getDefiningOp<spirv::AddressOfOp>().getVariableAttr()));
        for (Operation *pointer : address.getUsers())
          for (Operation *user : pointer->getUsers())
            (isa<spirv::StoreOp>(user) ? isWritten : isRead) = true;
      }
      for (spirv::GlobalVariableOp variable : ofArgument) {
        if (ofArgument.size() > 1)
          variable->setAttr("aliased", b.getUnitAttr());
        if (hasBarrier && isRead && isWritten)
          variable->setAttr("coherent", b.getUnitAttr());
      }
    }
  }

  /// Views and what they were made from.
  LogicalResult eraseOthers() {
    kernel.walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
      if (isOpTriviallyDead(op))
        op->erase();
    });
    WalkResult result = kernel.walk([](Operation *op) {
      auto isMemory = [](Type type) { return isa<BaseMemRefType, LLVM::LLVMPointerType>(type); };
      const bool isView = llvm::any_of(op->getResultTypes(), isMemory) && isMemoryEffectFree(op);
      if (isView || llvm::none_of(op->getOperandTypes(), isMemory))
        return WalkResult::advance();
      op->emitError() << "comes to memory by '" << op->getName()
                      << "', which there is not for Vulkan yet; compile it for a CPU";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return failure();
    kernel.getBody().front().eraseArguments([](BlockArgument) { return true; });
    kernel.setFunctionType(b.getFunctionType({}, {}));
    kernel->removeAttr("workgroup_attributions");
    return success();
  }

  gpu::GPUFuncOp kernel;
  OpBuilder b;
  Location loc; // of what is being lowered
  llvm::DenseMap<Value, Layout> layouts;
  llvm::MapVector<std::pair<Value, Type>, Value> buffers;
  llvm::DenseMap<Value, Value> variables;
};

struct LowerMemoryToSpirv : lepton::impl::LowerMemoryToSpirvBase<LowerMemoryToSpirv> {
  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<gpu::GPUFuncOp>())
      if (failed(KernelMemory(kernel).lower()))
        return signalPassFailure();
    for (auto constant : llvm::make_early_inc_range(getOperation().getOps<memref::GlobalOp>()))
      constant.erase();
  }
};

} // namespace
