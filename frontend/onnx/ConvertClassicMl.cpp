//===- ConvertClassicMl.cpp - operators of ai.onnx.ml on numbers -----------------------------------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/GraphImporter.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

constexpr const char *domain = "ai.onnx.ml";

Value numbers(Node &n, ArrayRef<double> values, Type type) {
  std::vector<double> data(values.begin(), values.end());
  auto tensor = RankedTensorType::get({int64_t(data.size())}, n.g.b.getF64Type());
  ArrayRef<char> bytes(reinterpret_cast<const char *>(data.data()), data.size() * sizeof(double));
  return n.g.cast(n.loc, n.g.constant(n.loc, makeConstant(tensor, bytes)), type);
}

Value pick(Node &n, Value table, Value indices) {
  return n.make<GatherOp>({table, indices}, n.g.attr("axis", int64_t(0)));
}

LogicalResult arrayFeatureExtractor(Node &n) {
  Value x = n.rank(0) == 1 ? unsqueezed(n, n.input(0), ArrayRef<int64_t>{0}) : n.input(0);
  if (rankOf(x) < 1)
    return n.error("needs an input of at least one dimension");
  return n.result(n.make<GatherOp>({x, n.g.reshape(n.loc, n.input(1), -1)}, n.g.attr("axis", rankOf(x) - 1)));
}

LogicalResult binarizer(Node &n) {
  Value x = n.input(0), above = n.make<GreaterOp>({x, n.scalarLike(x, n.number("threshold", 0))});
  return n.result(n.g.cast(n.loc, above, n.elementType(0)));
}

LogicalResult scaler(Node &n) {
  Type f32 = n.g.b.getF32Type();
  Value x = n.g.cast(n.loc, n.input(0), f32);
  if (n.has("offset"))
    x = n.make<SubOp>({x, numbers(n, n.numbers("offset"), f32)});
  return n.result(n.has("scale") ? n.make<MulOp>({x, numbers(n, n.numbers("scale"), f32)}) : x);
}

LogicalResult linearRegressor(Node &n) {
  int64_t targets = n.integer("targets", 1);
  SmallVector<double> coefficients = n.numbers("coefficients");
  if (n.rank(0) != 2 || targets < 1 || coefficients.size() % targets)
    return n.error("needs an input [batch, features], and coefficients for each of its targets");
  if (n.text("post_transform", "NONE") != "NONE")
    return n.error("has the post_transform '" + n.text("post_transform", "") + "', which is not supported");
  Type f32 = n.g.b.getF32Type();
  Value rows = n.g.reshape(n.loc, numbers(n, coefficients, f32), {targets, int64_t(coefficients.size()) / targets});
  Value y = n.make<MatMulOp>({n.g.cast(n.loc, n.input(0), f32), n.g.transpose(n.loc, rows, {1, 0})});
  return n.result(n.has("intercepts") ? n.make<AddOp>({y, numbers(n, n.numbers("intercepts"), f32)}) : y);
}

//===----------------------------------------------------------------------------------------------------------------------===//
// TreeEnsemble
//===----------------------------------------------------------------------------------------------------------------------===//

enum Mode { LessOrEqual, Less, GreaterOrEqual, Greater, Equal, NotEqual, Member };

/// All trees are walked at once, a level at a time: tables say of each node which feature it compares with what, and where to go on. Leaves come after the nodes
/// in the tables, and lead to themselves.
struct TreeEnsemble {
  Node &n;
  Type type;
  SmallVector<int64_t> features, whenTrue, whenFalse, modes, missing, roots, targets;
  SmallVector<double> splits, weights;
  std::vector<SmallVector<double>> members; // of each node
  size_t nodes = 0;
  int64_t depth = 0;

  explicit TreeEnsemble(Node &n) : n(n), type(n.elementType(0)) {}

  LogicalResult read(StringRef name, SmallVector<double> &values) {
    const auto *attribute = n.attribute(name);
    if (!attribute)
      return success();
    auto tensor = n.importer.tensor(attribute->t(), n.loc);
    if (failed(tensor))
      return failure();
    for (int64_t i = 0; i < tensor->getNumElements(); ++i)
      values.push_back(isa<FloatType>(tensor->getElementType()) ? readFloat(*tensor, i)
                                                                : double(readInteger(*tensor, i)));
    return success();
  }

  LogicalResult read() {
    SmallVector<double> modeNumbers, memberNumbers;
    if (failed(read("nodes_splits", splits)) || failed(read("leaf_weights", weights)) ||
        failed(read("nodes_modes", modeNumbers)) || failed(read("membership_values", memberNumbers)))
      return failure();
    modes.assign(modeNumbers.begin(), modeNumbers.end());
    features = n.integers("nodes_featureids");
    whenTrue = n.integers("nodes_truenodeids");
    whenFalse = n.integers("nodes_falsenodeids");
    missing = n.integers("nodes_missing_value_tracks_true", SmallVector<int64_t>(features.size(), 0));
    roots = n.integers("tree_roots");
    targets = n.integers("leaf_targetids");
    SmallVector<int64_t> trueLeafs = n.integers("nodes_trueleafs"), falseLeafs = n.integers("nodes_falseleafs");
    nodes = features.size();
    bool sameSizes = splits.size() == nodes && modes.size() == nodes && whenTrue.size() == nodes &&
                     whenFalse.size() == nodes && missing.size() == nodes && trueLeafs.size() == nodes &&
                     falseLeafs.size() == nodes;
    if (!sameSizes || targets.size() != weights.size() || roots.empty())
      return n.error("has attributes of different lengths, or no trees");
    size_t next = 0; // the members of one node after the other end with a NaN each
    for (size_t i = 0; i < nodes; ++i) {
      auto inRange = [&](int64_t id, bool isLeaf) { return id >= 0 && id < int64_t(isLeaf ? weights.size() : nodes); };
      if (modes[i] < 0 || modes[i] > Member || features[i] < 0 || !inRange(whenTrue[i], trueLeafs[i]) ||
          !inRange(whenFalse[i], falseLeafs[i]))
        return n.error("has a node " + Twine(i) + " with a mode, feature or branch that is out of range");
      whenTrue[i] += trueLeafs[i] ? nodes : 0;
      whenFalse[i] += falseLeafs[i] ? nodes : 0;
      members.emplace_back();
      while (modes[i] == Member && next < memberNumbers.size() && !std::isnan(memberNumbers[next]))
        members.back().push_back(memberNumbers[next++]);
      next += modes[i] == Member;
    }
    return measure();
  }

  /// The depth of the trees; fails where they go in circles.
  LogicalResult measure() {
    SmallVector<int64_t> level(roots);
    for (int64_t root : roots)
      if (root < 0 || root >= int64_t(nodes))
        return n.error("has a tree whose root is no node");
    for (; !level.empty(); ++depth) {
      if (depth > int64_t(nodes))
        return n.error("has a tree that leads back to itself");
      llvm::SmallSetVector<int64_t, 16> below;
      for (int64_t node : level)
        for (int64_t child : {whenTrue[node], whenFalse[node]})
          if (child < int64_t(nodes))
            below.insert(child);
      level.assign(below.begin(), below.end());
    }
    return success();
  }

  Value table(ArrayRef<int64_t> ofNodes, bool leavesToThemselves) {
    SmallVector<int64_t> all(ofNodes);
    for (size_t i = 0; i < weights.size(); ++i)
      all.push_back(leavesToThemselves ? nodes + i : 0);
    return n.g.integers(n.loc, all);
  }

  Value compare(int64_t mode, Value x, Value split, Value at) {
    switch (mode) {
    case LessOrEqual:
      return n.make<LessOrEqualOp>({x, split});
    case Less:
      return n.make<LessOp>({x, split});
    case GreaterOrEqual:
      return n.make<GreaterOrEqualOp>({x, split});
    case Greater:
      return n.make<GreaterOp>({x, split});
    case Equal:
      return n.make<EqualOp>({x, split});
    case NotEqual:
      return n.make<BitwiseNotOp>(n.make<EqualOp>({x, split}));
    }
    size_t most = 1;
    for (const auto &list : members)
      most = std::max(most, list.size());
    SmallVector<double> all;
    for (size_t i = 0; i < nodes + weights.size(); ++i)
      for (size_t k = 0; k < most; ++k)
        all.push_back(i < nodes && k < members[i].size() ? members[i][k] : std::nan(""));
    Value lists = n.g.reshape(n.loc, numbers(n, all, type), {int64_t(nodes + weights.size()), int64_t(most)});
    return reduced(n, ReduceKind::max, n.make<EqualOp>({unsqueezed(n, x, ArrayRef<int64_t>{2}), pick(n, lists, at)}),
                   ArrayRef<int64_t>{2});
  }

  /// The places in the tables [batch, trees] one level further down.
  Value descend(Value at) {
    Value feature = pick(n, table(features, false), at),
          x = n.make<GatherElementsOp>({n.input(0), feature}, n.g.attr("axis", int64_t(1)));
    SmallVector<double> all(splits);
    all.resize(nodes + weights.size());
    Value split = pick(n, numbers(n, all, type), at), mode = pick(n, table(modes, false), at), goes;
    for (int64_t kind : llvm::SmallSetVector<int64_t, 8>(modes.begin(), modes.end())) {
      Value holds = compare(kind, x, split, at);
      goes = goes ? n.make<WhereOp>({n.make<EqualOp>({mode, integer(n, kind)}), holds, goes}) : holds;
    }
    if (llvm::any_of(missing, [](int64_t flag) { return flag != 0; })) {
      Value tracked = n.make<EqualOp>({pick(n, table(missing, false), at), integer(n, 1)});
      goes = n.make<BitwiseOrOp>({goes, n.make<BitwiseAndOp>({tracked, n.make<IsNaNOp>(x)})});
    }
    return n.make<WhereOp>({goes, pick(n, table(whenTrue, true), at), pick(n, table(whenFalse, true), at)});
  }

  LogicalResult convert() {
    if (n.rank(0) != 2 || !n.isFloat(0))
      return n.error("needs a floating-point input [batch, features]");
    if (failed(read()))
      return failure();
    Value batch = sizesOf(n, n.input(0), 0, 1);
    Value shape = joined(n, {batch, n.g.integers(n.loc, int64_t(roots.size()))}, 0);
    Value at = n.make<ExpandOp>({n.g.integers(n.loc, roots), shape});
    for (int64_t level = 0; level < depth; ++level)
      at = descend(at);
    Value leaf = n.make<SubOp>({at, integer(n, nodes)}), weight = pick(n, numbers(n, weights, type), leaf);
    return aggregate(weight, pick(n, n.g.integers(n.loc, targets), leaf));
  }

  LogicalResult aggregate(Value weight, Value target) {
    int64_t function = n.integer("aggregate_function", 1), post = n.integer("post_transform", 0);
    if (function < 0 || function > 3 || post < 0 || post > 2)
      return n.error("has an aggregate_function or post_transform that is not supported");
    ReduceKind kinds[] = {ReduceKind::sum, ReduceKind::sum, ReduceKind::min, ReduceKind::max};
    double most = type.isF64() ? std::numeric_limits<double>::max() : double(std::numeric_limits<float>::max());
    double neutral = function == 2 ? most : function == 3 ? -most : 0;
    Value isTarget = n.make<EqualOp>(
        {unsqueezed(n, target, ArrayRef<int64_t>{2}), iota(n, integer(n, n.integer("n_targets", 1)), 2, 3)});
    Value own = n.make<WhereOp>({isTarget, unsqueezed(n, weight, ArrayRef<int64_t>{2}), n.scalarLike(weight, neutral)});
    Value y = reduced(n, kinds[function], own, ArrayRef<int64_t>{1});
    if (function == 0)
      y = n.make<lepton::DivOp>({y, n.scalarLike(y, double(roots.size()))});
    if (post == 1)
      y = n.make<SoftmaxOp>(y, n.g.attr("axis", int64_t(1)));
    return n.result(post == 2 ? n.make<SigmoidOp>(y) : y);
  }
};

LogicalResult treeEnsemble(Node &n) { return TreeEnsemble(n).convert(); }

const Entry entries[] = {
    {"ArrayFeatureExtractor", 1, arrayFeatureExtractor, domain},
    {"Binarizer", 1, binarizer, domain},
    {"Scaler", 1, scaler, domain},
    {"LinearRegressor", 1, linearRegressor, domain},
    {"TreeEnsemble", 5, treeEnsemble, domain},
};

} // namespace

ArrayRef<Entry> importer::classicMlConverters() { return entries; }
