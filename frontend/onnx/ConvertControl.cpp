//===- ConvertControl.cpp - If, Loop and Scan --------------------------------------------------------------------------------------===//

#include "frontend/onnx/GraphImporter.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

/// The type that two branches or iterations have in common: sizes that differ are dynamic. Null where they cannot meet.
RankedTensorType join(Type a, Type b) {
  auto left = cast<RankedTensorType>(a), right = cast<RankedTensorType>(b);
  if (left.getElementType() != right.getElementType() || left.getRank() != right.getRank())
    return {};
  SmallVector<int64_t> sizes;
  for (auto [l, r] : llvm::zip_equal(left.getShape(), right.getShape()))
    sizes.push_back(l == r ? l : ShapedType::kDynamic);
  return RankedTensorType::get(sizes, left.getElementType());
}

/// Imports a subgraph into a new block of `region`, ended by a yield of its outputs; `extra` is yielded first.
FailureOr<SmallVector<Value>> importInto(Node &n, Region &region, const ::onnx::GraphProto &graph, ArrayRef<Type> arguments) {
  OpBuilder::InsertionGuard guard(n.g.b);
  Block *block = n.g.b.createBlock(&region, region.end(), arguments, SmallVector<Location>(arguments.size(), n.loc));
  auto outputs = n.importer.importSubgraph(graph, block->getArguments());
  if (failed(outputs))
    return failure();
  YieldOp::create(n.g.b, n.loc, *outputs);
  return outputs;
}

/// Branches whose results differ in rank: exporters write "squeeze, if the dimension is 1" so. The first branch is what the author meant; that it is
/// taken is checked when the model runs.
LogicalResult speculate(Node &n, const ::onnx::GraphProto &branch) {
  AssertOp::create(n.g.b, n.loc, n.input(0), "the model was compiled for the first branch of this If, whose branches differ in rank; fix the sizes it depends on (--dim)");
  auto outputs = n.importer.importSubgraph(branch, {});
  if (failed(outputs))
    return failure();
  for (auto [i, value] : llvm::enumerate(*outputs))
    n.set(i, value);
  return success();
}

LogicalResult importIf(Node &n) {
  const auto *thenGraph = n.attribute("then_branch"), *elseGraph = n.attribute("else_branch");
  if (!thenGraph || !elseGraph)
    return n.error("lacks a branch");
  // A condition that is known picks its branch now: exporters ask for ranks and sizes that are fixed.
  if (auto known = n.constantIntegers(0)) {
    auto outputs = n.importer.importSubgraph(known->front() ? thenGraph->g() : elseGraph->g(), {});
    if (failed(outputs))
      return failure();
    for (auto [i, value] : llvm::enumerate(*outputs))
      n.set(i, value);
    return success();
  }
  OperationState state(n.loc, IfOp::getOperationName());
  Region *thenRegion = state.addRegion(), *elseRegion = state.addRegion();
  auto thenValues = importInto(n, *thenRegion, thenGraph->g(), {});
  auto elseValues = failed(thenValues) ? FailureOr<SmallVector<Value>>(failure()) : importInto(n, *elseRegion, elseGraph->g(), {});
  if (failed(elseValues))
    return failure();
  if (thenValues->size() != elseValues->size())
    return n.error("has branches with different numbers of outputs");
  for (auto [a, b] : llvm::zip_equal(*thenValues, *elseValues)) {
    RankedTensorType type = join(a.getType(), b.getType());
    if (!type)
      return speculate(n, thenGraph->g());
    state.addTypes(type);
  }
  state.addOperands(n.input(0));
  Operation *op = n.g.b.create(state);
  for (auto [i, value] : llvm::enumerate(op->getResults()))
    n.set(i, value);
  return success();
}

Type sliceStack(Type slice) {
  auto type = cast<RankedTensorType>(slice);
  SmallVector<int64_t> sizes = {ShapedType::kDynamic};
  llvm::append_range(sizes, type.getShape());
  return RankedTensorType::get(sizes, type.getElementType());
}

LogicalResult importLoop(Node &n) {
  const auto *graph = n.attribute("body");
  if (!graph)
    return n.error("lacks its body");
  Builder &b = n.g.b;
  SmallVector<Value> inits;
  SmallVector<Type> carried;
  for (int i = 2; i < n.inputCount(); ++i) {
    inits.push_back(n.input(i));
    carried.push_back(n.input(i).getType());
  }
  // Sizes that change from one iteration to the next are dynamic: import the body until the types hold.
  auto scalar = [&](Type element) { return RankedTensorType::get({}, element); };
  for (int attempt = 0;; ++attempt) {
    OperationState state(n.loc, LoopOp::getOperationName());
    Region *body = state.addRegion();
    SmallVector<Type> arguments = {scalar(b.getI64Type()), scalar(b.getI1Type())};
    llvm::append_range(arguments, carried);
    auto yielded = importInto(n, *body, graph->g(), arguments);
    if (failed(yielded))
      return failure();
    if (yielded->size() < 1 + carried.size())
      return n.error("has a body with too few outputs");
    bool holds = true;
    for (size_t i = 0; i < carried.size(); ++i) {
      RankedTensorType type = join(carried[i], (*yielded)[1 + i].getType());
      if (!type)
        return n.error("carries a value whose rank or element type changes from one iteration to the next");
      holds &= type == carried[i];
      carried[i] = type;
    }
    if (!holds && attempt < 4)
      continue;
    int64_t collected = yielded->size() - 1 - carried.size();
    state.addTypes(carried);
    for (int64_t i = 0; i < collected; ++i)
      state.addTypes(sliceStack((*yielded)[1 + carried.size() + i].getType()));
    SmallVector<Value> operands;
    if (n.input(0))
      operands.push_back(n.g.reshape(n.loc, n.input(0), {}));
    if (n.input(1))
      operands.push_back(n.g.reshape(n.loc, n.input(1), {}));
    llvm::append_range(operands, inits);
    state.addOperands(operands);
    state.addAttribute("collected", b.getI64IntegerAttr(collected));
    state.addAttribute("operandSegmentSizes", b.getDenseI32ArrayAttr({n.input(0) ? 1 : 0, n.input(1) ? 1 : 0, int32_t(inits.size())}));
    Operation *op = n.g.b.create(state);
    for (auto [i, value] : llvm::enumerate(op->getResults()))
      n.set(i, value);
    return success();
  }
}

const Entry entries[] = {{"If", 1, importIf}, {"Loop", 1, importLoop}};

} // namespace

ArrayRef<Entry> importer::controlConverters() { return entries; }
