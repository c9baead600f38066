//===- GraphFinder.cpp - the steps of a model and the values between them -----------------------------------------------===//

#include "api/FactFinder.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/SourceNode.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace lepton;

/// `1x64xf32` of a tensor; other types as they are.
static std::string typeText(Type type) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor) {
    os << type;
    return text;
  }
  for (int64_t size : tensor.getShape())
    ShapedType::isDynamic(size) ? os << "?x" : os << size << "x";
  os << tensor.getElementType();
  return text;
}

namespace {

/// Follows values through what only views them, and into and out of the regions of branches and loops. What a loop carries from one iteration to the
/// next is left out, so that the graph has no cycles.
class GraphFinder {
public:
  explicit GraphFinder(CompileFacts &facts) : facts(facts) {}

  void run(func::FuncOp main) {
    for (BlockArgument argument : main.getArguments()) {
      auto name = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "lepton.name");
      sources[argument].insert(
          add(GraphNode::input, name ? name.str() : "input", argument.getLoc(), argument.getType(), {}));
    }
    visit(main.front());
    for (OpOperand &operand : main.front().getTerminator()->getOpOperands()) {
      auto name = main.getResultAttrOfType<StringAttr>(operand.getOperandNumber(), "lepton.name");
      add(GraphNode::output, name ? name.str() : "output", operand.getOwner()->getLoc(), operand.get().getType(),
          sources[operand.get()].getArrayRef());
    }
  }

private:
  using Sources = llvm::SmallSetVector<size_t, 4>;

  size_t add(GraphNode::Kind kind, StringRef name, Location loc, Type type, ArrayRef<size_t> from) {
    const bool isValue = kind == GraphNode::input || kind == GraphNode::output;
    facts.graph.push_back({kind, name.str(), isValue ? "" : sourceNode(loc).name.str(), typeText(type), from.vec()});
    return facts.graph.size() - 1;
  }

  void visit(Block &block) {
    for (Operation &op : block.without_terminator())
      if (op.getNumRegions() > 0)
        visitRegions(op);
      else
        visitOp(op);
  }

  /// Tensors alone: sizes would tie all kernels to the input whose size they have.
  Sources gather(ValueRange values) {
    Sources all;
    for (Value value : values)
      if (isa<TensorType>(value.getType()))
        all.insert_range(sources[value]);
    return all;
  }

  void visitOp(Operation &op) {
    Sources from = gather(op.getOperands());
    const bool isStep = isa<LeptonDialect>(op.getDialect()) && !isa<ConstantOp>(op) && op.getNumResults() > 0;
    if (isStep) {
      auto call = dyn_cast<CallOp>(op);
      size_t step =
          add(call ? GraphNode::kernel : GraphNode::other, call ? call.getCallee() : op.getName().stripDialect(),
              op.getLoc(), op.getResult(0).getType(), from.getArrayRef());
      facts.graph[step].times = iterationsAround(&op);
      from.clear();
      from.insert(step);
    }
    for (Value result : op.getResults())
      sources[result] = from;
  }

  /// The last of `from` become the last of `to`: loops have bounds and conditions in front.
  void bind(ValueRange from, ValueRange to) {
    const size_t number = std::min(from.size(), to.size());
    for (auto [source, target] : llvm::zip_equal(from.take_back(number), to.take_back(number)))
      sources[target].insert_range(Sources(sources[source]));
  }

  void visitRegions(Operation &op) {
    ValueRange entering = op.getOperands();
    for (Region &region : op.getRegions())
      for (Block &block : region) {
        bind(entering, block.getArguments());
        visit(block);
        entering = block.getTerminator()->getOperands(); // of a loop's body, after its condition
        bind(entering, op.getResults());
      }
  }

  CompileFacts &facts;
  llvm::DenseMap<Value, Sources> sources; // of each value: the steps that it comes from
};

} // namespace

void lepton::findGraph(ModuleOp module, CompileFacts &facts) {
  GraphFinder(facts).run(module.lookupSymbol<func::FuncOp>("main"));
}
