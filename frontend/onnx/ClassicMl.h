//===- ClassicMl.h - what converters of ai.onnx.ml share ----------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_CLASSICML_H
#define LEPTON_FRONTEND_ONNX_CLASSICML_H

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/GraphImporter.h"

namespace lepton::importer {

inline constexpr const char *classicDomain = "ai.onnx.ml";

/// A vector of numbers of an element type.
mlir::Value numbers(Node &n, llvm::ArrayRef<double> values, mlir::Type type);
/// The first operand as rows of floating-point numbers: a vector is one row, and what is no double becomes a float. Null, after an error, for other ranks.
mlir::Value rowsOf(Node &n);
/// Numbers of the attribute `name`, of floats, or of `name`_as_tensor.
llvm::FailureOr<llvm::SmallVector<double>> numbersOrTensor(Node &n, llvm::StringRef name);
/// The elements of a tensor attribute; none where it is absent.
llvm::FailureOr<llvm::SmallVector<double>> tensorNumbers(Node &n, llvm::StringRef name);

/// post_transform applied to scores [batch, classes]; as in onnxruntime, of the transforms only PROBIT changes a single score. Null, after an error, for an unknown one.
mlir::Value transformed(Node &n, mlir::Value scores, llvm::StringRef transform);
/// Scores of two classes from one [batch, 1]: both logistic functions for LOGISTIC, and otherwise [1 - s, s] for a score that is a probability, [-s, s] for one that is not.
mlir::Value twoClasses(Node &n, mlir::Value score, bool isProbability, llvm::StringRef transform);
/// The class labels at computed positions, from the attributes that hold them.
mlir::Value labelsAt(Node &n, llvm::StringRef integers, mlir::Value positions);
/// The position of each row's largest score.
mlir::Value largest(Node &n, mlir::Value scores);
/// Column `i` of a matrix, as a vector.
mlir::Value column(Node &n, mlir::Value matrix, int64_t i);
/// Sets the outputs of a classifier.
llvm::LogicalResult classified(Node &n, mlir::Value labels, mlir::Value scores);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_CLASSICML_H
