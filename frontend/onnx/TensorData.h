//===- TensorData.h - the bytes of a TensorProto -------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_TENSORDATA_H
#define LEPTON_FRONTEND_ONNX_TENSORDATA_H

#include "onnx/onnx_pb.h"
#include <string>

namespace lepton::importer {

/// The elements as raw_data would hold them, whichever field they are in.
std::string rawBytes(const ::onnx::TensorProto &tensor);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_TENSORDATA_H
