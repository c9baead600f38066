//===- RuntimeOps.cpp - the dialect `lrt` --------------------------------------------------------------------------===//

#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace lepton::lrt;

#include "dialects/Runtime/RuntimeDialect.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Runtime/RuntimeOps.cpp.inc"

void RuntimeDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Runtime/RuntimeOps.cpp.inc"
      >();
}

LogicalResult ParallelForOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto body = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getBodyAttr());
  if (!body)
    return emitOpError() << "refers to no function: " << getBodyAttr();
  return success();
}
