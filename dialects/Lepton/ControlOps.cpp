//===- ControlOps.cpp - verifiers of branches, loops and calls of kernels ------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace lepton;

/// Whether a value of one type may become one of the other: sizes may be known on one side only, and handles are all stored alike.
static bool agree(Type a, Type b) {
  auto one = dyn_cast<RankedTensorType>(a), other = dyn_cast<RankedTensorType>(b);
  return one && other && succeeded(verifyCompatibleShape(one, other)) &&
         (one.getElementType() == other.getElementType() ||
          (isHandle(one.getElementType()) && isHandle(other.getElementType())));
}

static LogicalResult verifyAgreement(Operation *op, StringRef what, TypeRange given, TypeRange wanted) {
  if (given.size() != wanted.size())
    return op->emitOpError() << "has " << given.size() << " " << what << ", expected " << wanted.size();
  for (auto [i, types] : llvm::enumerate(llvm::zip_equal(given, wanted)))
    if (!agree(std::get<0>(types), std::get<1>(types)))
      return op->emitOpError() << "has " << std::get<0>(types) << " as number " << i << " of the " << what
                               << ", expected " << std::get<1>(types);
  return success();
}

static LogicalResult verifyScalar(Operation *op, StringRef what, Type type, unsigned bits) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor && tensor.getElementType().isSignlessInteger(bits) &&
      (!tensor.hasStaticShape() || tensor.getNumElements() == 1))
    return success();
  return op->emitOpError() << "needs " << what << " as one element of i" << bits << ", got " << type;
}

/// What a region yields; nothing, with an error, where it ends otherwise.
static FailureOr<TypeRange> yieldedTypes(Operation *op, Region &region) {
  auto yield = dyn_cast<YieldOp>(region.front().back());
  if (!yield)
    return op->emitOpError() << "has a region that does not end with lepton.yield";
  return TypeRange(yield.getValues());
}

LogicalResult IfOp::verify() {
  if (failed(verifyScalar(*this, "the condition", getCondition().getType(), 1)))
    return failure();
  for (auto [region, what] : {std::pair(&getThenRegion(), "values of the first branch"),
                              std::pair(&getElseRegion(), "values of the second branch")}) {
    auto yielded = yieldedTypes(*this, *region);
    if (failed(yielded) || failed(verifyAgreement(*this, what, *yielded, getResultTypes())))
      return failure();
  }
  return success();
}

LogicalResult AssertOp::verify() { return verifyScalar(*this, "the condition", getCondition().getType(), 1); }

LogicalResult LoopOp::verify() {
  const size_t carried = getInits().size();
  if (int64_t(getCollected()) < 0 || carried + getCollected() != getNumResults())
    return emitOpError() << "has " << getNumResults() << " results for " << carried << " carried and "
                         << int64_t(getCollected()) << " collected values";
  TypeRange results = getResultTypes(), arguments = getBody().getArgumentTypes();
  if ((getTripCount() && failed(verifyScalar(*this, "the trip count", getTripCount().getType(), 64))) ||
      (getCondition() && failed(verifyScalar(*this, "the condition", getCondition().getType(), 1))) ||
      failed(verifyAgreement(*this, "initial values", TypeRange(getInits()), results.take_front(carried))))
    return failure();
  if (arguments.size() != 2 + carried)
    return emitOpError() << "has a body of " << arguments.size()
                         << " arguments, expected the iteration, the condition and " << carried << " carried values";
  auto yielded = yieldedTypes(*this, getBody());
  if (failed(yielded) || failed(verifyScalar(*this, "the iteration", arguments[0], 64)) ||
      failed(verifyScalar(*this, "the condition in the body", arguments[1], 1)) ||
      failed(verifyAgreement(*this, "carried arguments of the body", arguments.drop_front(2),
                             results.take_front(carried))))
    return failure();
  if (yielded->empty() || yielded->size() != 1 + getNumResults())
    return emitOpError() << "has a body that yields " << yielded->size() << " values, expected the condition and "
                         << getNumResults() << " more";
  auto wanted = llvm::to_vector_of<Type>(results.take_front(carried));
  for (Type type : results.drop_front(carried)) {
    auto stack = dyn_cast<RankedTensorType>(type);
    if (!stack || stack.getRank() == 0)
      return emitOpError() << "collects slices into " << type << ", which has no dimension to stack them along";
    wanted.push_back(RankedTensorType::get(stack.getShape().drop_front(), stack.getElementType()));
  }
  if (failed(verifyScalar(*this, "the condition that the body yields", yielded->front(), 1)))
    return failure();
  return verifyAgreement(*this, "values that the body yields", yielded->drop_front(), wanted);
}

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getCalleeAttr());
  if (!kernel)
    return emitOpError() << "calls '" << getCallee() << "', which is no function of the module";
  if (failed(verifyAgreement(*this, "inputs of the kernel", TypeRange(getInputs()), kernel.getArgumentTypes())))
    return failure();
  return verifyAgreement(*this, "results of the kernel", getResultTypes(), kernel.getResultTypes());
}
