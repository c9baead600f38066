//===- ConvertTrees.cpp - ensembles of decision trees of ai.onnx.ml ----------------------------------------------------------===//

#include "frontend/onnx/ClassicMl.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

enum Mode { LessOrEqual, Less, GreaterOrEqual, Greater, Equal, NotEqual, Member };

struct Branch {
  int64_t feature = 0, mode = LessOrEqual;
  int64_t whenTrue = 0, whenFalse = 0; // places: the number of a node, or -1 - that of a leaf
  bool missing = false;                // a NaN counts as true
  double split = 0;
};

struct Vote {
  int64_t target;
  double weight;
};

/// Trees as `lepton.tree_ensemble` has them.
struct Forest {
  Node &n;
  SmallVector<int64_t> roots;
  std::vector<Branch> nodes;
  std::vector<SmallVector<Vote, 1>> leaves;

  explicit Forest(Node &n) : n(n) {}

  /// Whether all places and targets exist, and no tree leads back to itself; reports what is wrong.
  LogicalResult check(int64_t outputs) {
    auto exists = [&](int64_t place) {
      return place >= 0 ? place < int64_t(nodes.size()) : ~place < int64_t(leaves.size());
    };
    for (const auto &[i, node] : llvm::enumerate(nodes))
      if (node.feature < 0 || node.feature >= std::numeric_limits<int32_t>::max() || !exists(node.whenTrue) ||
          !exists(node.whenFalse))
        return n.error("has a node " + Twine(i) + " with a mode, feature or branch that is out of range");
    for (const auto &votes : leaves)
      for (const Vote &vote : votes)
        if (vote.target < 0 || vote.target >= outputs)
          return n.error("has a leaf that votes for the target " + Twine(vote.target) + ", out of range for " +
                         Twine(outputs));
    if (roots.empty() || !llvm::all_of(roots, exists))
      return n.error("has no trees, or a tree whose root is no node");
    return checkAcyclic();
  }

  LogicalResult checkAcyclic() {
    enum : char { New, Open, Done };
    std::vector<char> state(nodes.size(), New);
    SmallVector<int64_t> stack(roots);
    while (!stack.empty()) {
      int64_t place = stack.back();
      if (place < 0 || state[place] != New) {
        if (place >= 0)
          state[place] = Done; // either all below it was visited, or it was reached twice
        stack.pop_back();
        continue;
      }
      state[place] = Open;
      for (int64_t next : {nodes[place].whenTrue, nodes[place].whenFalse}) {
        if (next >= 0 && state[next] == Open)
          return n.error("has a tree that leads back to itself");
        stack.push_back(next);
      }
    }
    return success();
  }

  Value table(const std::vector<int32_t> &values, ArrayRef<int64_t> shape) {
    auto type = RankedTensorType::get(shape, n.g.b.getI32Type());
    return n.g.constant(n.loc, makeConstant(type, ArrayRef<char>(reinterpret_cast<const char *>(values.data()),
                                                                 values.size() * sizeof(int32_t))));
  }

  /// The scores [batch, outputs] of `rows`.
  Value score(Value rows, ReduceKind kind, int64_t outputs) {
    Type type = elementTypeOf(rows);
    bool missing = llvm::any_of(nodes, [](const Branch &node) { return node.missing; });
    llvm::SmallSetVector<int64_t, 6> modes;
    int64_t features = 0;
    for (const Branch &node : nodes) {
      modes.insert(node.mode);
      features = std::max(features, node.feature + 1);
    }
    bool flags = missing || modes.size() > 1;
    std::vector<int32_t> first, branches, targets, firsts;
    std::vector<double> splits, weights;
    for (const Branch &node : nodes) {
      branches.insert(branches.end(), {int32_t(node.feature), int32_t(node.whenTrue), int32_t(node.whenFalse)});
      if (flags)
        branches.push_back(node.mode + (node.missing ? 8 : 0));
      splits.push_back(node.split);
    }
    bool single = llvm::all_of(leaves, [](const auto &votes) { return votes.size() == 1; });
    for (const auto &votes : leaves) {
      firsts.push_back(targets.size());
      for (const Vote &vote : votes) {
        targets.push_back(vote.target);
        weights.push_back(vote.weight);
      }
    }
    firsts.push_back(targets.size());
    first.assign(roots.begin(), roots.end());
    auto list = [&](const std::vector<int32_t> &values) { return table(values, {int64_t(values.size())}); };
    SmallVector<Value> operands = {rows,
                                   list(first),
                                   table(branches, {int64_t(nodes.size()), flags ? 4 : 3}),
                                   numbers(n, splits, type),
                                   list(targets),
                                   numbers(n, weights, type)};
    if (!single)
      operands.push_back(list(firsts));
    SmallVector<NamedAttribute> attributes = {
        n.g.kind(kind), n.g.attr("modes", modes.empty() ? ArrayRef<int64_t>{0} : modes.getArrayRef()),
        n.g.attr("outputs", outputs), n.g.attr("features", features)};
    if (missing)
      attributes.push_back(n.g.flag("missing"));
    return n.make<TreeEnsembleOp>(operands, attributes);
  }

  /// The same with one of the aggregate functions: 0 to 3 are AVERAGE, SUM, MIN, MAX.
  Value aggregated(Value rows, int64_t function, int64_t outputs) {
    constexpr ReduceKind kinds[] = {ReduceKind::sum, ReduceKind::sum, ReduceKind::min, ReduceKind::max};
    Value y = score(rows, kinds[function], outputs);
    return y && function == 0 ? n.make<lepton::DivOp>({y, n.scalarLike(y, double(roots.size()))}) : y;
  }
};

//===----------------------------------------------------------------------------------------------------------------------===//
// TreeEnsemble
//===----------------------------------------------------------------------------------------------------------------------===//

/// Turns node `i`, which asks whether a feature is one of `members`, into nodes that compare it with one after the other.
void expandMember(Forest &forest, size_t i, ArrayRef<double> members) {
  Branch last = forest.nodes[i];
  last.mode = Equal;
  last.split = std::nan(""); // equal to nothing
  size_t at = i;
  for (auto [k, member] : llvm::enumerate(members)) {
    last.split = member;
    forest.nodes[at] = last;
    if (k + 1 == members.size())
      return;
    forest.nodes[at].whenFalse = forest.nodes.size();
    at = forest.nodes.size();
    forest.nodes.push_back(last);
  }
  forest.nodes[at] = last;
}

LogicalResult readNodes(Forest &forest) {
  Node &n = forest.n;
  auto splits = tensorNumbers(n, "nodes_splits"), weights = tensorNumbers(n, "leaf_weights"),
       modes = tensorNumbers(n, "nodes_modes"), members = tensorNumbers(n, "membership_values");
  if (failed(splits) || failed(weights) || failed(modes) || failed(members))
    return failure();
  SmallVector<int64_t> features = n.integers("nodes_featureids"), whenTrue = n.integers("nodes_truenodeids"),
                       whenFalse = n.integers("nodes_falsenodeids"), trueLeafs = n.integers("nodes_trueleafs"),
                       falseLeafs = n.integers("nodes_falseleafs"), targets = n.integers("leaf_targetids"),
                       missing = n.integers("nodes_missing_value_tracks_true");
  size_t count = features.size();
  missing.resize(missing.empty() ? count : missing.size());
  for (size_t size : {splits->size(), modes->size(), whenTrue.size(), whenFalse.size(), trueLeafs.size(),
                      falseLeafs.size(), missing.size()})
    if (size != count)
      return n.error("has attributes of different lengths");
  if (targets.size() != weights->size())
    return n.error("has attributes of different lengths");
  for (auto [target, weight] : llvm::zip_equal(targets, *weights))
    forest.leaves.push_back({{target, weight}});
  for (size_t i = 0; i < count; ++i)
    forest.nodes.push_back({features[i], int64_t((*modes)[i]), trueLeafs[i] ? ~whenTrue[i] : whenTrue[i],
                            falseLeafs[i] ? ~whenFalse[i] : whenFalse[i], missing[i] != 0, (*splits)[i]});
  size_t next = 0; // the members of one node after the other end with a NaN each
  for (size_t i = 0; i < count; ++i) {
    int64_t mode = forest.nodes[i].mode;
    if (mode < LessOrEqual || mode > Member)
      return n.error("has a node " + Twine(i) + " with a mode, feature or branch that is out of range");
    if (mode != Member)
      continue;
    size_t end = next;
    while (end < members->size() && !std::isnan((*members)[end]))
      ++end;
    expandMember(forest, i, ArrayRef(*members).slice(next, end - next));
    next = std::min(end + 1, members->size());
  }
  forest.roots = n.integers("tree_roots");
  return success();
}

LogicalResult treeEnsemble(Node &n) {
  if (n.rank(0) != 2 || !n.isFloat(0))
    return n.error("needs a floating-point input [batch, features]");
  Forest forest(n);
  int64_t outputs = n.integer("n_targets", 1), function = n.integer("aggregate_function", 1),
          post = n.integer("post_transform", 0);
  constexpr const char *transforms[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  if (function < 0 || function > 3 || post < 0 || post >= int64_t(std::size(transforms)) || outputs < 1)
    return n.error("has an n_targets, aggregate_function or post_transform that is out of range");
  if (failed(readNodes(forest)) || failed(forest.check(outputs)))
    return failure();
  Value y = forest.aggregated(n.input(0), function, outputs);
  return n.result(y ? transformed(n, y, transforms[post]) : Value());
}

//===----------------------------------------------------------------------------------------------------------------------===//
// TreeEnsembleRegressor, TreeEnsembleClassifier
//===----------------------------------------------------------------------------------------------------------------------===//

/// The trees of the older operators, which name nodes by two numbers; `votes` is what the attributes of the votes begin with.
LogicalResult readNamedNodes(Forest &forest, StringRef votes) {
  Node &n = forest.n;
  SmallVector<int64_t> trees = n.integers("nodes_treeids"), ids = n.integers("nodes_nodeids"),
                       features = n.integers("nodes_featureids"), whenTrue = n.integers("nodes_truenodeids"),
                       whenFalse = n.integers("nodes_falsenodeids"),
                       missing = n.integers("nodes_missing_value_tracks_true");
  SmallVector<std::string> modes = n.texts("nodes_modes");
  auto values = numbersOrTensor(n, "nodes_values"), weights = numbersOrTensor(n, (votes + "_weights").str());
  if (failed(values) || failed(weights))
    return failure();
  size_t count = trees.size();
  missing.resize(missing.empty() ? count : missing.size());
  for (size_t size :
       {ids.size(), features.size(), whenTrue.size(), whenFalse.size(), missing.size(), modes.size(), values->size()})
    if (size != count)
      return n.error("has attributes of different lengths");
  llvm::DenseMap<std::pair<int64_t, int64_t>, int64_t> places; // of names
  llvm::DenseSet<int64_t> begun;
  for (size_t i = 0; i < count; ++i) {
    bool isLeaf = modes[i] == "LEAF";
    int64_t place = isLeaf ? ~int64_t(forest.leaves.size()) : int64_t(forest.nodes.size());
    if (!places.insert({{trees[i], ids[i]}, place}).second)
      return n.error("has the node " + Twine(ids[i]) + " of the tree " + Twine(trees[i]) + " twice");
    if (begun.insert(trees[i]).second)
      forest.roots.push_back(place);
    if (isLeaf)
      forest.leaves.emplace_back();
    else
      forest.nodes.emplace_back();
  }
  constexpr const char *names[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"};
  for (size_t i = 0, at = 0; i < count; ++i) {
    if (modes[i] == "LEAF")
      continue;
    const auto *mode = llvm::find(names, modes[i]);
    auto yes = places.find({trees[i], whenTrue[i]}), no = places.find({trees[i], whenFalse[i]});
    if (mode == std::end(names) || yes == places.end() || no == places.end())
      return n.error("has a node " + Twine(i) + " with a mode, feature or branch that is out of range");
    forest.nodes[at++] = {features[i], mode - names, yes->second, no->second, missing[i] != 0, (*values)[i]};
  }
  SmallVector<int64_t> voteTrees = n.integers((votes + "_treeids").str()),
                       voteNodes = n.integers((votes + "_nodeids").str()), targets = n.integers((votes + "_ids").str());
  if (voteTrees.size() != weights->size() || voteNodes.size() != weights->size() || targets.size() != weights->size())
    return n.error("has attributes of different lengths");
  for (size_t v = 0; v < targets.size(); ++v) {
    auto place = places.find({voteTrees[v], voteNodes[v]});
    if (place == places.end())
      return n.error("has a vote " + Twine(v) + " of a node that does not exist");
    if (place->second < 0) // votes of other nodes are never cast
      forest.leaves[~place->second].push_back({targets[v], (*weights)[v]});
  }
  return success();
}

LogicalResult treeEnsembleRegressor(Node &n) {
  constexpr const char *functions[] = {"AVERAGE", "SUM", "MIN", "MAX"};
  std::string function = n.text("aggregate_function", "SUM");
  const auto *found = llvm::find(functions, function);
  int64_t outputs = n.integer("n_targets", 1);
  if (found == std::end(functions) || outputs < 1)
    return n.error("has an n_targets or aggregate_function ('" + function + "') that is out of range");
  auto base = numbersOrTensor(n, "base_values");
  Forest forest(n);
  if (failed(base) || failed(readNamedNodes(forest, "target")) || failed(forest.check(outputs)))
    return failure();
  if (!base->empty() && int64_t(base->size()) != outputs)
    return n.error("has " + Twine(base->size()) + " base_values for " + Twine(outputs) + " targets");
  Value rows = rowsOf(n), y = rows ? forest.aggregated(rows, found - functions, outputs) : Value();
  if (y && !base->empty())
    y = n.make<AddOp>({y, numbers(n, *base, elementTypeOf(y))});
  y = y ? transformed(n, y, n.text("post_transform", "NONE")) : y;
  return n.result(y ? n.g.cast(n.loc, y, n.g.b.getF32Type()) : y);
}

/// Two classes, of which the leaves vote for one alone: its score says how far the positive class is preferred.
LogicalResult binary(Node &n, Value score, bool isProbability, StringRef transform) {
  Value threshold = n.scalarLike(score, isProbability ? 0.5 : 0);
  Value position = toI64(n, n.make<GreaterOp>({n.g.reshape(n.loc, score, -1), threshold}));
  return classified(n, labelsAt(n, "classlabels_int64s", position), twoClasses(n, score, isProbability, transform));
}

LogicalResult treeEnsembleClassifier(Node &n) {
  int64_t classes = std::max(n.integers("classlabels_int64s").size(), n.texts("classlabels_strings").size());
  auto base = numbersOrTensor(n, "base_values");
  Forest forest(n);
  if (classes < 1)
    return n.error("lacks class labels");
  if (failed(base) || failed(readNamedNodes(forest, "class")) || failed(forest.check(classes)))
    return failure();
  if (base->size() > 1 && int64_t(base->size()) != classes)
    return n.error("has " + Twine(base->size()) + " base_values for " + Twine(classes) + " classes");
  bool allPositive = true;
  llvm::SmallSetVector<int64_t, 4> ids;
  for (const auto &votes : forest.leaves)
    for (const Vote &vote : votes) {
      ids.insert(vote.target);
      allPositive &= vote.weight >= 0;
    }
  std::string transform = n.text("post_transform", "NONE");
  bool isBinary = classes == 2 && ids.size() == 1;
  if (isBinary) {
    for (auto &votes : forest.leaves)
      for (Vote &vote : votes)
        vote.target = 0;
    classes = 1;
    *base = base->empty() ? *base : SmallVector<double>{(*base)[base->size() == 1 ? 0 : ids[0]]};
  }
  Value rows = rowsOf(n), scores = rows ? forest.score(rows, ReduceKind::sum, classes) : Value();
  if (!scores)
    return failure();
  if (!base->empty())
    scores = n.make<AddOp>({scores, numbers(n, *base, elementTypeOf(scores))});
  if (isBinary)
    return binary(n, scores, allPositive, transform);
  Value labels;
  if (classes == 1) // without a name for the other class, the labels are 1 and 0
    labels = toI64(n, n.make<GreaterOp>({n.g.reshape(n.loc, scores, -1), n.scalarLike(scores, 0)}));
  else
    labels = labelsAt(n, "classlabels_int64s", largest(n, scores));
  return classified(n, labels, transformed(n, scores, transform));
}

const Entry entries[] = {
    {"TreeEnsemble", 5, treeEnsemble, classicDomain},
    {"TreeEnsembleClassifier", 1, treeEnsembleClassifier, classicDomain},
    {"TreeEnsembleRegressor", 1, treeEnsembleRegressor, classicDomain},
};

} // namespace

ArrayRef<Entry> importer::treeConverters() { return entries; }
