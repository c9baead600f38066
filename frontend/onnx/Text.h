//===- Text.h - strings in graphs --------------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_TEXT_H
#define LEPTON_FRONTEND_ONNX_TEXT_H

#include "frontend/onnx/Node.h"

namespace lepton::importer {

/// Strings that are known now, as the dialect holds them (dialects/Lepton/Text.td).
struct StringList {
  mlir::Value bytes, offsets;
};
/// `offsets` gets the shape `shape`, which takes as many elements as there are strings.
StringList stringList(GraphBuilder &g, mlir::Location loc, llvm::ArrayRef<std::string> texts,
                      llvm::ArrayRef<int64_t> shape);
/// A constant of strings.
mlir::Value stringConstant(GraphBuilder &g, mlir::Location loc, llvm::ArrayRef<std::string> texts,
                           llvm::ArrayRef<int64_t> shape);
/// For each string of `value` its number in `texts` (the last, where one occurs twice), `missing` for one that is not among them: i64 of the same shape.
mlir::Value numbersOf(Node &n, mlir::Value value, llvm::ArrayRef<std::string> texts, int64_t missing);
/// Numbers that compare as the strings do: i64 of the same shape. Of numbers, they themselves.
mlir::Value comparable(Node &n, mlir::Value value);
/// Conversions between strings and an element type of numbers; null, with an error, where there is none.
mlir::Value spelled(Node &n, mlir::Value numbers);
mlir::Value readAs(Node &n, mlir::Value strings, mlir::Type elementType);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_TEXT_H
