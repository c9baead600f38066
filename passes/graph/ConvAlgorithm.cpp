//===- ConvAlgorithm.cpp - the ways to compute a convolution -----------------------------------------------------------===//

#include "passes/graph/ConvAlgorithm.h"
#include "dialects/Lepton/SourceNode.h"
#include "passes/schedule/TunedSchedules.h"

using namespace mlir;
using namespace lepton;

std::string ConvAlgorithm::text() const {
  if (kind != winograd)
    return kind == rows ? "rows" : "direct";
  return "winograd_" + std::to_string(form.tile) + (form.transformsInside ? "_inside" : "");
}

/// Whether a filter takes one pixel for one pixel.
static bool isPointwise(ConvOp op) {
  auto isOne = [](int64_t x) { return x == 1; };
  return op.getGroup() == 1 && llvm::all_of(op.getFilter().getType().getShape().drop_front(2), isOne) &&
         llvm::all_of(op.getStrides(), isOne);
}

/// Whether the blocks that a row of pixels is cut into have enough sums side by side to hide what an addition takes: those of a matrix product, whose rows go on in the next line
/// of the image, always have.
static bool fillsPipeline(ConvOp op, TargetAttr target) {
  constexpr int64_t cycles = 4;  // of an addition
  constexpr int64_t vectors = 2; // of a block of the filter
  constexpr int64_t others = 4;  // registers that hold no sums
  const int64_t pixels = op.getResult().getType().getShape().back(), rows = (target.getRegisters() - others) / vectors;
  return ShapedType::isDynamic(pixels) ||
         pixels * vectors >= cycles * int64_t(target.getMultiplyAdds()) * int64_t(llvm::divideCeil(pixels, rows));
}

ConvLayer::ConvLayer(ConvOp op, Operation *before, Operation *after, TargetAttr target) : op(op) {
  for (Operation *neighbour : {before, after})
    if (neighbour && isPointwise(op))
      neighbours.push_back(neighbour);
  std::optional<WinogradForm> expected = expectedWinogradForm(op, target);
  if (expected)
    all.push_back({ConvAlgorithm::winograd, *expected});
  const bool keepsImage = !neighbours.empty() && fillsPipeline(op, target);
  if (isPointwise(op) && !keepsImage)
    all.push_back({ConvAlgorithm::rows});
  all.push_back({ConvAlgorithm::direct});
  if (keepsImage)
    all.push_back({ConvAlgorithm::rows});
  for (WinogradForm form : winogradForms(op, target))
    if (!(expected && form == *expected))
      all.push_back({ConvAlgorithm::winograd, form});
}

std::string ConvLayer::hash() {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << op->getAttrDictionary() << op.getInput().getType() << op.getFilter().getType() << op.getResult().getType()
     << neighbours.size();
  return hashOfText(text);
}

ConvAlgorithm ConvLayer::chosen() {
  auto module = op->getParentOfType<ModuleOp>();
  if (all.size() == 1 || !module->hasAttr("lepton.tuned"))
    return all.front();
  ArrayAttr entry = tunedEntry(module, hash());
  auto tuned = entry && entry.size() == 1 ? dyn_cast<DictionaryAttr>(entry[0]) : DictionaryAttr();
  auto name = tuned ? tuned.getAs<StringAttr>("algorithm") : StringAttr();
  const auto *found =
      llvm::find_if(all, [&](const ConvAlgorithm &algorithm) { return name && algorithm.text() == name.getValue(); });
  return found == all.end() ? all.front() : *found;
}

DictionaryAttr ConvLayer::description() {
  Builder b(op.getContext());
  SmallVector<StringRef> candidates, nodes = {sourceNode(op.getLoc()).name};
  for (Operation *neighbour : neighbours)
    nodes.push_back(sourceNode(neighbour->getLoc()).name);
  SmallVector<std::string> texts;
  for (const ConvAlgorithm &algorithm : all)
    texts.push_back(algorithm.text());
  llvm::append_range(candidates, texts);
  std::string name = "conv";
  for (auto [i, size] : llvm::enumerate(op.getResult().getType().getShape()))
    name += (i ? "x" : "_") + std::to_string(size);
  for (auto [i, size] : llvm::enumerate(op.getFilter().getType().getShape()))
    name += (i ? "x" : "_by_") + std::to_string(size);
  return b.getDictionaryAttr(
      {b.getNamedAttr("hash", b.getStringAttr(hash())), b.getNamedAttr("name", b.getStringAttr(name)),
       b.getNamedAttr("nodes", b.getStrArrayAttr(nodes)), b.getNamedAttr("chosen", b.getStringAttr(chosen().text())),
       b.getNamedAttr("candidates", b.getStrArrayAttr(candidates))});
}
