//===- RuntimePattern.h - what the patterns that make calls of the runtime share ------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_CPU_RUNTIMEPATTERN_H
#define LEPTON_CODEGEN_CPU_RUNTIMEPATTERN_H

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/CheckedArithmetic.h"

namespace lepton {

/// The address of a constant text.
mlir::Value constantText(mlir::OpBuilder &b, mlir::Location loc, mlir::ModuleOp module, llvm::StringRef content);

template <typename OpT> struct RuntimePattern : mlir::ConvertOpToLLVMPattern<OpT> {
  using mlir::ConvertOpToLLVMPattern<OpT>::ConvertOpToLLVMPattern;
  using Value = mlir::Value;
  using Type = mlir::Type;
  using Location = mlir::Location;
  using OpBuilder = mlir::OpBuilder;
  using ConversionPatternRewriter = mlir::ConversionPatternRewriter;

  static Value i64(OpBuilder &b, Location loc, int64_t value) {
    return mlir::LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(value));
  }

  static Value call(OpBuilder &b, Location loc, llvm::StringRef name, Type result, mlir::ValueRange arguments) {
    auto op = mlir::LLVM::CallOp::create(b, loc, result ? mlir::TypeRange(result) : mlir::TypeRange(), name, arguments);
    return result ? op.getResult() : Value();
  }

  static Type pointer(OpBuilder &b) { return mlir::LLVM::LLVMPointerType::get(b.getContext()); }

  /// Storage on the stack that does not grow in a loop.
  static Value stack(ConversionPatternRewriter &b, Location loc, Type type, mlir::Operation *op) {
    OpBuilder::InsertionGuard guard(b);
    auto function = op->getParentOfType<mlir::FunctionOpInterface>();
    b.setInsertionPointToStart(&function.getFunctionBody().front());
    return mlir::LLVM::AllocaOp::create(b, loc, pointer(b), type, i64(b, loc, 1), 8);
  }

  /// The sizes in an array on the stack.
  static Value shapeOf(ConversionPatternRewriter &b, Location loc, llvm::ArrayRef<Value> sizes, mlir::Operation *op) {
    auto type = mlir::LLVM::LLVMArrayType::get(b.getI64Type(), std::max<size_t>(sizes.size(), 1));
    Value shape = stack(b, loc, type, op);
    for (auto [d, size] : llvm::enumerate(sizes))
      mlir::LLVM::StoreOp::create(b, loc, size,
                                  mlir::LLVM::GEPOp::create(b, loc, pointer(b), b.getI64Type(), shape,
                                                            llvm::ArrayRef<mlir::LLVM::GEPArg>{int32_t(d)}));
    return shape;
  }

  /// All sizes of a memref type, the dynamic ones from `dynamic`.
  static llvm::SmallVector<Value> allSizes(OpBuilder &b, Location loc, mlir::MemRefType type,
                                           mlir::ValueRange dynamic) {
    llvm::SmallVector<Value> sizes;
    for (int64_t d = 0; d < type.getRank(); ++d) {
      sizes.push_back(type.isDynamicDim(d) ? dynamic.front() : i64(b, loc, type.getDimSize(d)));
      if (type.isDynamicDim(d))
        dynamic = dynamic.drop_front();
    }
    return sizes;
  }

  /// A descriptor of dense row-major memory.
  Value descriptor(OpBuilder &b, Location loc, mlir::MemRefType type, Value memory, llvm::ArrayRef<Value> sizes) const {
    auto result = mlir::MemRefDescriptor::poison(b, loc, this->getTypeConverter()->convertType(type));
    result.setAllocatedPtr(b, loc, memory);
    result.setAlignedPtr(b, loc, memory);
    result.setConstantOffset(b, loc, 0);
    Value stride = i64(b, loc, 1);
    int64_t staticStride = 1;
    for (int64_t d = type.getRank() - 1; d >= 0; --d) {
      result.setSize(b, loc, d, sizes[d]);
      result.setStride(b, loc, d, staticStride >= 0 ? i64(b, loc, staticStride) : stride);
      if (d == 0)
        break;
      // An empty tensor may have strides that are no numbers.
      staticStride = staticStride < 0 || type.isDynamicDim(d)
                         ? -1
                         : llvm::checkedMul(staticStride, type.getDimSize(d)).value_or(-1);
      stride = mlir::LLVM::MulOp::create(b, loc, stride, sizes[d]);
    }
    return result;
  }
};

} // namespace lepton

#endif // LEPTON_CODEGEN_CPU_RUNTIMEPATTERN_H
