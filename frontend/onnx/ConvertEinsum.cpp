//===- ConvertEinsum.cpp - sums of products by index labels ---------------------------------------------------------------------===//
//
// Operands are contracted two at a time. Labels of both that nobody needs later are summed by a matrix product; labels of one operand that nobody
// needs later are summed first. What stays is one operand with the result's labels, which a transpose puts in order.
//
//===----------------------------------------------------------------------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

using Labels = SmallVector<int64_t>; // letters, or the dimensions of an ellipsis, counted from its end

struct Einsum {
  Node &n;
  static constexpr int64_t firstEllipsis = 256;

  struct Operand {
    Value value;
    Labels labels;
  };

  /// The labels of a term; the ellipsis stands for `wide` dimensions.
  FailureOr<Labels> parse(StringRef term, int64_t wide) {
    Labels labels;
    while (!term.empty()) {
      if (term.consume_front("...")) {
        for (int64_t i = wide; i-- > 0;)
          labels.push_back(firstEllipsis + i);
        continue;
      }
      if (!llvm::isAlpha(term[0]))
        return n.error("has the character '" + Twine(term[0]) + "' in its equation");
      labels.push_back(term[0]);
      term = term.drop_front();
    }
    return labels;
  }

  static Labels both(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
    Labels result;
    for (int64_t label : a)
      if (llvm::is_contained(b, label))
        result.push_back(label);
    return result;
  }
  static Labels without(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
    Labels result;
    for (int64_t label : a)
      if (!llvm::is_contained(b, label))
        result.push_back(label);
    return result;
  }
  static Labels joined(ArrayRef<ArrayRef<int64_t>> lists) {
    Labels result;
    for (ArrayRef<int64_t> list : lists)
      llvm::append_range(result, list);
    return result;
  }

  Value summed(Value value, ArrayRef<int64_t> axes) {
    return n.make<ReduceOp>(value, {n.g.kind(ReduceKind::sum), n.g.attr("axes", axes)});
  }

  /// Keeps the diagonal of a label that occurs twice: zeros elsewhere, summed along its second dimension.
  LogicalResult diagonal(Operand &operand) {
    for (size_t i = 0; i < operand.labels.size(); ++i)
      for (size_t j = i + 1; j < operand.labels.size(); ++j) {
        if (operand.labels[i] != operand.labels[j])
          continue;
        auto type = cast<RankedTensorType>(operand.value.getType());
        Value rows = sizeOf(n, operand.value, i), columns = sizeOf(n, operand.value, j);
        if (failed(require(n, n.make<EqualOp>({rows, columns}), "takes a diagonal, which needs two equal sizes")))
          return failure();
        Value mask = n.make<EqualOp>({iota(n, rows, i, type.getRank()), iota(n, columns, j, type.getRank())});
        operand.value = summed(n.make<WhereOp>({mask, operand.value, n.scalarLike(operand.value, 0)}), int64_t(j));
        operand.labels.erase(operand.labels.begin() + j--);
        if (!operand.value)
          return failure();
      }
    return success();
  }

  /// Sums the labels that are not in `needed`.
  void sumOthers(Operand &operand, ArrayRef<int64_t> needed) {
    SmallVector<int64_t> axes;
    for (auto [i, label] : llvm::enumerate(operand.labels))
      if (!llvm::is_contained(needed, label))
        axes.push_back(i);
    if (axes.empty())
      return;
    operand.value = summed(operand.value, axes);
    operand.labels = both(operand.labels, needed);
  }

  /// The operand with its dimensions in the order of `labels`; those that it lacks get the size 1.
  Value arranged(const Operand &operand, ArrayRef<int64_t> labels) {
    SmallVector<int64_t> perm, missing;
    for (auto [i, label] : llvm::enumerate(labels)) {
      const auto *it = llvm::find(operand.labels, label);
      if (it == operand.labels.end())
        missing.push_back(i);
      else
        perm.push_back(it - operand.labels.begin());
    }
    Value value = llvm::is_sorted(perm) ? operand.value : n.g.transpose(n.loc, operand.value, perm);
    return missing.empty() ? value : n.make<UnsqueezeOp>(value, n.g.attr("axes", ArrayRef<int64_t>(missing)));
  }

  /// [batch.., a.., b..] -> [batch.., product(a), product(b)]
  Value matrices(Value value, int64_t batch, int64_t a, int64_t b) {
    if (!value || (a == 1 && b == 1))
      return value;
    auto product = [&](int64_t begin, int64_t end) {
      Value all = sizesOf(n, value, begin, end);
      return n.make<ReduceOp>(
          all, {n.g.kind(ReduceKind::prod), n.g.attr("axes", ArrayRef<int64_t>{0}), n.g.flag("keepdims")});
    };
    SmallVector<Value> parts;
    if (batch)
      parts.push_back(sizesOf(n, value, 0, batch));
    parts.push_back(a ? product(batch, batch + a) : n.g.integers(n.loc, int64_t(1)));
    parts.push_back(b ? product(batch + a, batch + a + b) : n.g.integers(n.loc, int64_t(1)));
    return reshaped(n, value, parts);
  }

  Operand contract(Operand a, Operand b, ArrayRef<int64_t> needed) {
    sumOthers(a, joined({needed, b.labels}));
    sumOthers(b, joined({needed, a.labels}));
    Labels common = both(a.labels, b.labels), batch = both(common, needed), inner = without(common, needed),
           rows = without(a.labels, common), columns = without(b.labels, common),
           labels = joined({batch, rows, columns});
    if (!a.value || !b.value)
      return {Value(), labels};
    if (inner.empty())
      return {n.make<MulOp>({arranged(a, labels), arranged(b, labels)}), labels};
    Value left = arranged(a, joined({batch, rows, inner})), right = arranged(b, joined({batch, inner, columns}));
    if (!left || !right)
      return {Value(), labels};
    int64_t count = batch.size(), r = rows.size(), k = inner.size(), c = columns.size();
    Value product = n.make<MatMulOp>({matrices(left, count, r, k), matrices(right, count, k, c)});
    if (product && (r != 1 || c != 1)) {
      SmallVector<Value> parts;
      if (count)
        parts.push_back(sizesOf(n, product, 0, count));
      if (r)
        parts.push_back(sizesOf(n, left, count, count + r));
      if (c)
        parts.push_back(sizesOf(n, right, count + k, count + k + c));
      product = parts.empty() ? n.g.reshape(n.loc, product, {}) : reshaped(n, product, parts);
    }
    return {product, labels};
  }

  LogicalResult emit() {
    std::string equation;
    for (char c : n.text("equation", ""))
      if (c != ' ')
        equation += c;
    auto [left, right] = StringRef(equation).split("->");
    bool isExplicit = StringRef(equation).contains("->");
    SmallVector<StringRef> terms;
    left.split(terms, ',');
    if (int(terms.size()) != n.inputCount())
      return n.error("has " + Twine(terms.size()) + " terms in its equation for " + Twine(n.inputCount()) +
                     " operands");
    SmallVector<Operand> operands;
    int64_t widest = 0;
    for (auto [i, term] : llvm::enumerate(terms)) {
      int64_t letters = llvm::count_if(term, [](char c) { return llvm::isAlpha(c); }), wide = n.rank(i) - letters;
      auto labels = parse(term, std::max<int64_t>(wide, 0));
      if (failed(labels))
        return failure();
      if (int64_t(labels->size()) != n.rank(i))
        return n.error("has the term '" + term + "' for an operand of rank " + Twine(n.rank(i)));
      if (term.contains("..."))
        widest = std::max(widest, wide);
      operands.push_back({n.input(i), *labels});
    }
    Labels output;
    if (isExplicit) {
      auto labels = parse(right, widest);
      if (failed(labels))
        return failure();
      output = *labels;
    } else { // the ellipsis, then the letters that occur once, by the alphabet
      for (int64_t i = widest; i-- > 0;)
        output.push_back(firstEllipsis + i);
      for (int64_t letter = 'A'; letter <= 'z'; ++letter)
        if (left.count(char(letter)) == 1)
          output.push_back(letter);
    }
    for (auto [i, label] : llvm::enumerate(output))
      if (llvm::is_contained(ArrayRef<int64_t>(output).take_front(i), label) ||
          llvm::none_of(operands,
                        [&, label = label](Operand &operand) { return llvm::is_contained(operand.labels, label); }))
        return n.error("has a label in its result twice, or one that no operand has");
    for (Operand &operand : operands)
      if (failed(diagonal(operand)))
        return failure();
    Operand result = operands[0];
    for (size_t i = 1; i < operands.size(); ++i) {
      Labels needed = output;
      for (const Operand &later : ArrayRef<Operand>(operands).drop_front(i + 1))
        llvm::append_range(needed, later.labels);
      result = contract(result, operands[i], needed);
      if (!result.value)
        return failure();
    }
    sumOthers(result, output);
    return n.result(result.value ? arranged(result, output) : Value());
  }
};

LogicalResult einsum(Node &n) { return Einsum{n}.emit(); }

const Entry entries[] = {{"Einsum", 12, einsum}};

} // namespace

ArrayRef<Entry> importer::einsumConverters() { return entries; }
