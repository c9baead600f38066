//===- GraphBuilder.h - makes lepton ops with inferred types ---------------------------------------------*- C++ -*-===//
//
// The way to add ops to a graph, for importers, the native builder and graph passes alike: result types are inferred, and small integer
// results whose contents are known (shape arithmetic) become constants on the spot.
//
//===------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_DIALECTS_GRAPHBUILDER_H
#define LEPTON_DIALECTS_GRAPHBUILDER_H

#include "dialects/Lepton/LeptonOps.h"

namespace lepton {

class GraphBuilder {
public:
  GraphBuilder(mlir::OpBuilder &builder, ShapeAnalysis &shapes) : b(builder), shapes(shapes) {}

  mlir::OpBuilder &b;
  ShapeAnalysis &shapes;

  /// Makes an op of one result. Emits an error at `loc` and returns null where the op is wrong.
  template <typename OpT>
  mlir::Value create(mlir::Location loc, mlir::ValueRange operands,
                     llvm::ArrayRef<mlir::NamedAttribute> attributes = {}) {
    return create(loc, OpT::getOperationName(), operands, attributes, {});
  }
  /// The same with optional operands: `segments` counts the values of each operand group.
  mlir::Value create(mlir::Location loc, llvm::StringRef name, mlir::ValueRange operands,
                     llvm::ArrayRef<mlir::NamedAttribute> attributes, llvm::ArrayRef<int32_t> segments);
  /// The op itself, where it has several results; null where it is wrong.
  mlir::Operation *createOp(mlir::Location loc, llvm::StringRef name, mlir::ValueRange operands,
                            llvm::ArrayRef<mlir::NamedAttribute> attributes, llvm::ArrayRef<int32_t> segments,
                            unsigned results);

  mlir::NamedAttribute attr(llvm::StringRef name, mlir::Attribute value) { return b.getNamedAttr(name, value); }
  mlir::NamedAttribute attr(llvm::StringRef name, int64_t value) { return attr(name, b.getI64IntegerAttr(value)); }
  mlir::NamedAttribute attr(llvm::StringRef name, double value) { return attr(name, b.getF64FloatAttr(value)); }
  mlir::NamedAttribute attr(llvm::StringRef name, llvm::ArrayRef<int64_t> values) {
    return attr(name, b.getDenseI64ArrayAttr(values));
  }
  mlir::NamedAttribute flag(llvm::StringRef name) { return attr(name, b.getUnitAttr()); }
  mlir::NamedAttribute kind(ReduceKind kind) { return attr("kind", ReduceKindAttr::get(b.getContext(), kind)); }

  mlir::Value constant(mlir::Location loc, mlir::ElementsAttr value);
  /// A one-dimensional i64 constant.
  mlir::Value integers(mlir::Location loc, llvm::ArrayRef<int64_t> values);
  /// A scalar (rank 0) of a tensor element type.
  mlir::Value scalar(mlir::Location loc, mlir::Type elementType, double value);

  // Compositions that many callers need.
  mlir::Value reshape(mlir::Location loc, mlir::Value input, llvm::ArrayRef<int64_t> shape);
  mlir::Value transpose(mlir::Location loc, mlir::Value input, llvm::ArrayRef<int64_t> perm);
  mlir::Value cast(mlir::Location loc, mlir::Value input, mlir::Type elementType);
  mlir::Value slice(mlir::Location loc, mlir::Value input, int64_t axis, int64_t start, int64_t end, int64_t step = 1);
  /// `pads`, a vector of i64, counts the elements added before, then after each of `axes`. They are `fill`, a scalar, or 0.
  mlir::Value pad(mlir::Location loc, mlir::Value input, mlir::Value pads, llvm::ArrayRef<int64_t> axes,
                  mlir::Value fill = {}, PadMode mode = PadMode::constant);
  /// The sizes of all dimensions, as a tensor of i64.
  mlir::Value shapeOf(mlir::Location loc, mlir::Value input);

private:
  mlir::Value fold(mlir::Operation *op);
};

} // namespace lepton

#endif // LEPTON_DIALECTS_GRAPHBUILDER_H
