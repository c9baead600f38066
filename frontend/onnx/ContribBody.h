//===- ContribBody.h - operators of the domain com.microsoft as function bodies ---------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_CONTRIBBODY_H
#define LEPTON_FRONTEND_ONNX_CONTRIBBODY_H

#include "onnx/onnx_pb.h"
#include "llvm/ADT/ArrayRef.h"
#include <memory>
#include <vector>

namespace lepton::importer {

/// The body of a node of the domain com.microsoft in standard operators; null where the operator, or this form of it, is not covered.
/// `types` are those of its inputs; none where it is only asked whether there is a body.
std::unique_ptr<::onnx::FunctionProto> contribBody(const ::onnx::NodeProto &node,
                                                   llvm::ArrayRef<::onnx::TypeProto> types);

struct ContribOperator {
  const char *name, *limit; // what of it is not covered; empty: all of it is
};
/// The operators of which it covers some form.
std::vector<ContribOperator> contribOperators();

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_CONTRIBBODY_H
