//===- RuntimeOps.cpp - the dialect `lrt` --------------------------------------------------------------------------===//

#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace lepton::lrt;

#include "dialects/Runtime/RuntimeDialect.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Runtime/RuntimeOps.cpp.inc"

namespace {

/// On buffers a call writes its outputs where they are.
struct CallBufferization : bufferization::DstBufferizableOpInterfaceExternalModel<CallBufferization, CallOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const bufferization::AnalysisState &) const {
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const bufferization::BufferizationOptions &options,
                          bufferization::BufferizationState &state) const {
    auto call = cast<CallOp>(op);
    SmallVector<Value> inputs, outputs;
    for (auto [from, to] : {std::pair(call.getInputs(), &inputs), std::pair(call.getOutputs(), &outputs)})
      for (Value value : from) {
        FailureOr<Value> buffer = bufferization::getBuffer(rewriter, value, options, state);
        if (failed(buffer))
          return failure();
        to->push_back(*buffer);
      }
    CallOp::create(rewriter, op->getLoc(), TypeRange(), call.getRun(), call.getCallee(), inputs, outputs,
                   call.getDtypes(), call.getNumbers());
    bufferization::replaceOpWithBufferizedValues(rewriter, op, outputs);
    return success();
  }
};

} // namespace

void RuntimeDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Runtime/RuntimeOps.cpp.inc"
      >();
  CallOp::attachInterface<CallBufferization>(*getContext());
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!symbols.lookupNearestSymbolFrom(*this, getKernelAttr()))
    return emitOpError() << "refers to no kernel: " << getKernelAttr();
  return success();
}

LogicalResult ParallelForOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto body = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getBodyAttr());
  if (!body)
    return emitOpError() << "refers to no function: " << getBodyAttr();
  return success();
}
