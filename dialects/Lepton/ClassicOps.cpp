//===- ClassicOps.cpp - ops of classical machine learning: ensembles of trees, probabilities of classes ----------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/FloatMath.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// Rows that walk a tree one after the other.
static constexpr int64_t rowsPerBlock = 16;
static constexpr int64_t missingFlag = 8;
static constexpr CmpFPredicate predicates[] = {CmpFPredicate::OLE, CmpFPredicate::OLT, CmpFPredicate::OGE,
                                               CmpFPredicate::OGT, CmpFPredicate::OEQ, CmpFPredicate::UNE};

static bool isTable(Value value, int64_t rank) {
  return rankOf(value) == rank && elementTypeOf(value).isSignlessInteger(32);
}

LogicalResult TreeEnsembleOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> x = shapes.shape(getInput());
  Type element = elementTypeOf(getInput());
  if (x.size() != 2 || !isa<FloatType>(element))
    return emitOpError() << "needs floating-point rows [rows, features], got " << getInput().getType();
  if (!isTable(getRoots(), 1) || !isTable(getNodes(), 2) || !isTable(getTargets(), 1) ||
      (getFirsts() && !isTable(getFirsts(), 1)))
    return emitOpError() << "needs tables of 32-bit integers";
  auto isNumbers = [&](Value value) { return rankOf(value) == 1 && elementTypeOf(value) == element; };
  if (!isNumbers(getSplits()) || !isNumbers(getWeights()))
    return emitOpError() << "needs splits and weights of the type " << element;
  bool known = !getModes().empty() && llvm::all_of(getModes(), [](int64_t mode) {
    return mode >= 0 && mode < int64_t(std::size(predicates));
  });
  if (!known || getOutputs() < 1)
    return emitOpError() << "has an unknown mode or no outputs";
  int64_t columns = hasFlags() ? 4 : 3;
  if (ShapeAnalysis::constantValue(shapes.dim(getNodes(), 1)) != columns)
    return emitOpError() << "needs nodes of " << columns << " columns, got " << getNodes().getType();
  if (!shapes.require(shapes.apply(SizeFunction::Le, {shapes.constant(getFeatures()), x[1]})))
    return emitOpError() << "compares " << getFeatures() << " features, but rows have only "
                         << *ShapeAnalysis::constantValue(x[1]);
  results.push_back({element, {x[0], shapes.constant(getOutputs())}});
  return success();
}

namespace {

/// Emits the walks of one block of rows.
struct TreeWalk {
  TreeEnsembleOp op;
  KernelEmitter &e;
  Type element, type; // as stored, and as computed
  FloatMath m;

  TreeWalk(TreeEnsembleOp op, KernelEmitter &e)
      : op(op), e(e), element(elementTypeOf(op.getInput())), type(e.computeType(element)), m{e, type} {}

  Value entry(Value table, ValueRange at) { return e.load(table, at); }
  Value indexEntry(Value table, ValueRange at) {
    return e.b.createOrFold<arith::IndexCastOp>(e.loc, e.b.getIndexType(), entry(table, at));
  }
  Value number(Value table, ValueRange at) { return e.widen(e.load(table, at), element); }

  /// Whether `row` goes on to the first of the node's two places.
  Value holds(Value row, Value node) {
    Value feature = indexEntry(op.getNodes(), {node, e.index(0)});
    Value x = number(op.getInput(), {row, feature}), split = number(op.getSplits(), node);
    Value flags = op.hasFlags() ? entry(op.getNodes(), {node, e.index(3)}) : Value(), result;
    Value mode = flags && op.getModes().size() > 1
                     ? e.b.createOrFold<arith::AndIOp>(e.loc, flags, e.scalar(flags.getType(), missingFlag - 1))
                     : Value();
    for (int64_t kind : op.getModes()) {
      Value compared = m.compare(predicates[kind], x, split);
      result = result ? e.select(e.compare(CmpIPredicate::eq, mode, e.scalar(mode.getType(), kind)), compared, result)
                      : compared;
    }
    if (op.getMissing()) {
      Value tracks = e.compare(CmpIPredicate::sge, flags, e.scalar(flags.getType(), missingFlag));
      Value isMissing = e.b.createOrFold<arith::AndIOp>(e.loc, tracks, m.compare(CmpFPredicate::UNO, x, x));
      result = e.b.createOrFold<arith::OrIOp>(e.loc, result, isMissing);
    }
    return result;
  }

  /// The number of the leaf that `row` reaches from `root`.
  Value leaf(Value row, Value root) {
    OpBuilder &b = e.b;
    auto loop = scf::WhileOp::create(b, e.loc, TypeRange(root.getType()), root);
    OpBuilder::InsertionGuard guard(b);
    Block *before = b.createBlock(&loop.getBefore(), {}, root.getType(), e.loc);
    Value isNode = e.compare(CmpIPredicate::sge, before->getArgument(0), e.scalar(root.getType(), 0));
    scf::ConditionOp::create(b, e.loc, isNode, before->getArguments());
    Block *after = b.createBlock(&loop.getAfter(), {}, root.getType(), e.loc);
    Value node = b.createOrFold<arith::IndexCastOp>(e.loc, b.getIndexType(), after->getArgument(0));
    Value column = e.select(holds(row, node), e.index(1), e.index(2));
    Value next = entry(op.getNodes(), {node, column});
    scf::YieldOp::create(b, e.loc, next);
    b.setInsertionPointAfter(loop);
    Value number = b.createOrFold<arith::XOrIOp>(e.loc, loop.getResult(0), e.scalar(root.getType(), -1));
    return b.createOrFold<arith::IndexCastOp>(e.loc, b.getIndexType(), number);
  }

  /// The scores after one vote. With `min` and `max`, a NaN says that there was none before.
  Value cast(Value scores, Value row, Value vote) {
    Value target = op.getOutputs() == 1 ? e.index(0) : indexEntry(op.getTargets(), vote);
    Value weight = number(op.getWeights(), vote),
          old = tensor::ExtractOp::create(e.b, e.loc, scores, ValueRange{row, target});
    Value score = op.getKind() == ReduceKind::min   ? m.min(old, weight)
                  : op.getKind() == ReduceKind::max ? m.max(old, weight)
                                                    : m.add(old, weight);
    return tensor::InsertOp::create(e.b, e.loc, score, scores, ValueRange{row, target});
  }

  Value votes(Value scores, Value row, Value leaf) {
    if (!op.getFirsts())
      return cast(scores, row, leaf);
    Value first = indexEntry(op.getFirsts(), leaf), end = indexEntry(op.getFirsts(), e.add(leaf, e.index(1)));
    return e
        .inOrder(
            first, end, scores,
            [&](ValueRange vote, ValueRange carried) -> SmallVector<Value> { return {cast(carried[0], row, vote[0])}; })
        .front();
  }

  /// The scores of the rows from `begin` on; only the first `count` rows of a block are there.
  Value block(Value begin, Value count) {
    bool isSum = op.getKind() == ReduceKind::sum;
    Value none = m.number(isSum ? 0 : std::nan(""));
    Value scores =
        e.fill(e.temporary({e.shapes.constant(rowsPerBlock), e.shapes.constant(op.getOutputs())}, type), none);
    Value zero = e.index(0);
    return e
        .inOrder(zero, e.dim(op.getRoots(), 0), scores,
                 [&](ValueRange tree, ValueRange all) -> SmallVector<Value> {
                   Value root = entry(op.getRoots(), tree);
                   return e.inOrder(zero, count, all, [&](ValueRange row, ValueRange some) -> SmallVector<Value> {
                     return {votes(some[0], row[0], leaf(e.add(begin, row[0]), root))};
                   });
                 })
        .front();
  }
};

} // namespace

bool TreeEnsembleOp::hasFlags() { return getMissing() || getModes().size() > 1; }

SmallVector<Value> TreeEnsembleOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Value rows = e.dim(getInput(), 0), each = e.index(rowsPerBlock);
  Value enough = e.compare(CmpIPredicate::sge, e.dim(getInput(), 1), e.index(getFeatures()));
  cf::AssertOp::create(e.b, e.loc, enough, "the trees compare more features than there are");
  TreeWalk walk(*this, e);
  Value blocks = e.b.createOrFold<arith::CeilDivSIOp>(e.loc, rows, each);
  return {
      e.forEach({OpFoldResult(blocks)}, inits[0], [&](ValueRange position, Value destination) -> KernelEmitter::Part {
        Value begin = e.mul(position[0], each);
        Value count = e.b.createOrFold<arith::MinSIOp>(e.loc, each, e.sub(rows, begin));
        Value scores = walk.block(begin, count);
        SmallVector<OpFoldResult> offsets = {OpFoldResult(begin), e.b.getIndexAttr(0)},
                                  sizes = {OpFoldResult(count), e.b.getIndexAttr(getOutputs())},
                                  strides(2, e.b.getIndexAttr(1));
        Value part = tensor::ExtractSliceOp::create(e.b, e.loc, destination, offsets, sizes, strides);
        Value result = e.map(part, walk.element, [&](ValueRange indices) -> Value {
          Value score = tensor::ExtractOp::create(e.b, e.loc, scores, indices);
          if (getKind() != ReduceKind::sum)
            score = e.select(walk.m.compare(CmpFPredicate::UNO, score, score), walk.m.number(0), score);
          return e.narrow(score, walk.element);
        });
        return {result, offsets, sizes};
      })};
}

//===------------------------------------------------------------------------------------------------------------------===//
// CoupleProbabilities: rows in parallel
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult CoupleProbabilitiesOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> x = shapes.shape(getInput());
  Type element = elementTypeOf(getInput());
  if (x.size() != 3 || x[1] != x[2] || !isa<FloatType>(element) || computeType(element) != element)
    return emitOpError() << "needs floating-point matrices [batch, classes, classes], got " << getInput().getType();
  results.push_back({element, {x[0], x[1]}});
  return success();
}

namespace {

/// The iteration for one row.
struct Coupling {
  static constexpr int64_t mostRounds = 100;

  CoupleProbabilitiesOp op;
  KernelEmitter &e;
  FloatMath m;
  Value row, classes;

  Value pair(Value i, Value j) { return e.load(op.getInput(), {row, i, j}); }
  Value read(Value list, Value i) { return tensor::ExtractOp::create(e.b, e.loc, list, i); }
  Value write(Value x, Value list, Value i) { return tensor::InsertOp::create(e.b, e.loc, x, list, i); }

  Value sum(llvm::function_ref<Value(Value)> term) {
    return e
        .inOrder(e.index(0), classes, m.number(0),
                 [&](ValueRange at, ValueRange sum) -> SmallVector<Value> { return {m.add(sum[0], term(at[0]))}; })
        .front();
  }

  /// The matrix whose quadratic form is minimised: on the diagonal the squares of a column's other elements.
  Value form(Value t, Value j) {
    Value zero = m.number(0), squares = sum([&](Value k) {
                                Value r = pair(k, t);
                                return e.select(e.compare(CmpIPredicate::eq, k, t), zero, m.mul(r, r));
                              });
    Value product = m.sub(zero, m.mul(pair(j, t), pair(t, j)));
    return e.select(e.compare(CmpIPredicate::eq, t, j), squares, product);
  }

  /// One round over the classes: the new probabilities, `products` (the form's with them) and their quadratic form.
  SmallVector<Value> round(Value probabilities, Value products, Value quadratic) {
    Value one = m.number(1);
    return e.inOrder(e.index(0), classes, {probabilities, products, quadratic},
                     [&](ValueRange at, ValueRange old) -> SmallVector<Value> {
                       Value t = at[0], own = form(t, t), product = read(old[1], t);
                       Value step = m.div(m.sub(old[2], product), own), scale = m.add(one, step);
                       Value moved = write(m.add(read(old[0], t), step), old[0], t);
                       Value grown = m.add(m.mul(step, own), m.add(product, product));
                       Value next = m.div(m.div(m.add(old[2], m.mul(step, grown)), scale), scale);
                       SmallVector<Value> lists =
                           e.inOrder(e.index(0), classes, {moved, old[1]},
                                     [&](ValueRange j, ValueRange both) -> SmallVector<Value> {
                                       Value p = m.div(read(both[0], j[0]), scale);
                                       Value q = m.div(m.add(read(both[1], j[0]), m.mul(step, form(t, j[0]))), scale);
                                       return {write(p, both[0], j[0]), write(q, both[1], j[0])};
                                     });
                       return {lists[0], lists[1], next};
                     });
  }

  /// The products of the form with the probabilities.
  Value multiply(Value probabilities, Value products) {
    return e
        .inOrder(
            e.index(0), classes, products,
            [&](ValueRange t, ValueRange list) -> SmallVector<Value> {
              return {write(sum([&](Value j) { return m.mul(form(t[0], j), read(probabilities, j)); }), list[0], t[0])};
            })
        .front();
  }

  Value emit(Value slice) {
    Value count = m.fromIndex(classes), limit = m.div(m.number(0.005), count);
    Value even = e.fill(slice, m.div(m.number(1), count));
    Value memory = e.fill(e.temporary(e.shapes.dim(op.getInput(), 1), m.type), m.number(0));
    Value yes = e.scalar(e.b.getI1Type(), 1);
    // A round that finds the error small enough changes nothing, and neither do those after it.
    return e
        .inOrder(
            e.index(0), e.index(mostRounds), {even, memory, yes},
            [&](ValueRange, ValueRange carried) -> SmallVector<Value> {
              auto choice = scf::IfOp::create(e.b, e.loc, TypeRange(carried), carried[2], /*withElseRegion=*/true);
              OpBuilder::InsertionGuard guard(e.b);
              e.b.setInsertionPointToEnd(choice.elseBlock());
              scf::YieldOp::create(e.b, e.loc, carried);
              e.b.setInsertionPointToEnd(choice.thenBlock());
              Value products = multiply(carried[0], carried[1]);
              Value quadratic = sum([&](Value t) { return m.mul(read(carried[0], t), read(products, t)); });
              Value error =
                  e.inOrder(e.index(0), classes, m.number(0), [&](ValueRange t, ValueRange most) -> SmallVector<Value> {
                     return {m.max(most[0], m.abs(m.sub(read(products, t[0]), quadratic)))};
                   }).front();
              Value goesOn = m.compare(CmpFPredicate::OGE, error, limit);
              auto step = scf::IfOp::create(e.b, e.loc, TypeRange{carried[0].getType(), products.getType()}, goesOn,
                                            /*withElseRegion=*/true);
              {
                OpBuilder::InsertionGuard inner(e.b);
                e.b.setInsertionPointToEnd(step.elseBlock());
                scf::YieldOp::create(e.b, e.loc, ValueRange{carried[0], products});
                e.b.setInsertionPointToEnd(step.thenBlock());
                SmallVector<Value> next = round(carried[0], products, quadratic);
                scf::YieldOp::create(e.b, e.loc, ValueRange{next[0], next[1]});
              }
              scf::YieldOp::create(e.b, e.loc, ValueRange{step.getResult(0), step.getResult(1), goesOn});
              return choice.getResults();
            })
        .front();
  }
};

} // namespace

SmallVector<Value> CoupleProbabilitiesOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  return {e.forEachLine(inits[0], 1, [&](ValueRange row, Value slice) -> Value {
    Coupling coupling{*this, e, {e, elementTypeOf(getInput())}, row[0], e.dim(getInput(), 1)};
    return coupling.emit(slice);
  })};
}
