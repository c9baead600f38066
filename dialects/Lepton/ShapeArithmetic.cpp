//===- ShapeArithmetic.cpp - expressions of sizes, simplified and required ------------------------------------------===//

#include "dialects/Lepton/ShapeAnalysis.h"

using namespace mlir;
using namespace lepton;

/// Evaluates a function of constants; nothing where it is undefined.
static std::optional<int64_t> fold(SizeFunction function, ArrayRef<int64_t> x) {
  switch (function) {
  case SizeFunction::Min:
    return std::min(x[0], x[1]);
  case SizeFunction::Max:
    return std::max(x[0], x[1]);
  case SizeFunction::DivS:
    return x[1] == 0 || x[1] == -1 ? (x[1] == 0 ? std::nullopt : std::optional<int64_t>(0 - uint64_t(x[0])))
                                   : std::optional<int64_t>(x[0] / x[1]);
  case SizeFunction::RemS:
    return x[1] == 0 ? std::nullopt : std::optional<int64_t>(x[1] == -1 ? 0 : x[0] % x[1]);
  case SizeFunction::Eq:
    return x[0] == x[1];
  case SizeFunction::Lt:
    return x[0] < x[1];
  case SizeFunction::Le:
    return x[0] <= x[1];
  case SizeFunction::And:
    return x[0] && x[1];
  case SizeFunction::Or:
    return x[0] || x[1];
  case SizeFunction::Select:
    return x[0] ? x[1] : x[2];
  }
  return std::nullopt;
}

bool ShapeAnalysis::isNonNegative(AffineExpr expr) const {
  if (auto value = constantValue(expr))
    return *value >= 0;
  if (knownSizes.contains(expr))
    return true;
  auto holds = [&](AffineExpr operand) { return isNonNegative(operand); };
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) // the divisors of affine expressions are positive
    return holds(binary.getLHS()) && holds(binary.getRHS());
  auto symbol = dyn_cast<AffineSymbolExpr>(expr);
  if (!symbol)
    return false;
  const Leaf &leaf = leaves[symbol.getPosition()];
  if (leaf.value)
    return !leaf.isElement; // sizes of dimensions are, data need not be
  switch (leaf.function) {
  case SizeFunction::Max:
    return llvm::any_of(leaf.operands, holds);
  case SizeFunction::Select:
    return llvm::all_of(ArrayRef(leaf.operands).drop_front(), holds);
  default:
    return llvm::all_of(leaf.operands, holds);
  }
}

AffineExpr ShapeAnalysis::apply(SizeFunction function, ArrayRef<AffineExpr> operands) {
  SmallVector<int64_t> constants;
  for (AffineExpr operand : operands)
    if (auto value = constantValue(operand))
      constants.push_back(*value);
  if (constants.size() == operands.size())
    if (auto value = fold(function, constants))
      return constant(*value);
  bool same = operands[0] == operands[1];
  if (function == SizeFunction::Select) {
    if (auto condition = constantValue(operands[0]))
      return *condition ? operands[1] : operands[2];
    if (operands[1] == operands[2])
      return operands[1];
  } else if (same && function != SizeFunction::DivS && function != SizeFunction::RemS) {
    bool identity = function == SizeFunction::Min || function == SizeFunction::Max || function == SizeFunction::And ||
                    function == SizeFunction::Or;
    return identity ? operands[0] : constant(function != SizeFunction::Lt);
  }
  if (function == SizeFunction::Max && constantValue(operands[1]) == 0 && isNonNegative(operands[0]))
    return operands[0];
  // A division that leaves no rest stays an expression in which factors cancel.
  if (auto divisor = constantValue(operands.back()); function == SizeFunction::DivS && divisor && *divisor > 0)
    if (constantValue(operands[0] % *divisor) == 0)
      return operands[0].floorDiv(*divisor);
  std::vector<const void *> key;
  for (AffineExpr operand : operands)
    key.push_back(operand.getAsOpaquePointer());
  AffineExpr &expr = functionLeaves[{function, key}];
  if (!expr)
    expr = leaf({Value(), false, 0, function, SmallVector<AffineExpr>(operands)});
  return expr;
}

AffineExpr ShapeAnalysis::sum(ArrayRef<AffineExpr> terms) {
  AffineExpr result = constant(0);
  for (AffineExpr term : terms)
    result = result + term;
  // Other sums keep the form that ops give them, in which equal sizes are found equal.
  AffineExpr simplified = simplifyAffineExpr(result, 0, leaves.size());
  return constantValue(simplified) ? simplified : result;
}

AffineExpr ShapeAnalysis::product(ArrayRef<AffineExpr> factors) {
  AffineExpr result = constant(1);
  for (AffineExpr factor : factors)
    result = result * factor;
  return result;
}

static void collectFactors(AffineExpr expr, SmallVectorImpl<AffineExpr> &factors) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (binary && binary.getKind() == AffineExprKind::Mul) {
    collectFactors(binary.getLHS(), factors);
    collectFactors(binary.getRHS(), factors);
  } else {
    factors.push_back(expr);
  }
}

AffineExpr ShapeAnalysis::exactDiv(AffineExpr numerator, AffineExpr denominator) {
  SmallVector<AffineExpr> above, below, kept, rest;
  collectFactors(numerator, above);
  collectFactors(denominator, below);
  int64_t constantAbove = 1, constantBelow = 1;
  for (AffineExpr factor : below) {
    if (auto value = constantValue(factor))
      constantBelow *= *value;
    else if (auto *it = llvm::find(above, factor); it != above.end())
      above.erase(it);
    else
      rest.push_back(factor);
  }
  for (AffineExpr factor : above) {
    if (auto value = constantValue(factor))
      constantAbove *= *value;
    else
      kept.push_back(factor);
  }
  if (constantBelow != 0 && constantAbove % constantBelow == 0) {
    constantAbove /= constantBelow;
    constantBelow = 1;
  }
  AffineExpr top = product(kept) * constantAbove, bottom = product(rest) * constantBelow;
  return apply(SizeFunction::DivS, {top, bottom});
}

bool ShapeAnalysis::require(AffineExpr condition) {
  auto known = constantValue(condition);
  if (!known && requirements)
    requirements->push_back(condition);
  return known.value_or(true);
}

bool ShapeAnalysis::requireEqual(AffineExpr lhs, AffineExpr rhs) {
  return require(apply(SizeFunction::Eq, {lhs, rhs}));
}

bool ShapeAnalysis::requireEqualProducts(AffineExpr lhs, AffineExpr rhs) {
  auto one = [&](AffineExpr top, AffineExpr bottom) { return constantValue(exactDiv(top, bottom)) == 1; };
  return lhs == rhs || (!constantValue(lhs) && (one(lhs, rhs) || one(rhs, lhs))) || requireEqual(lhs, rhs);
}

AffineExpr ShapeAnalysis::broadcast(AffineExpr lhs, AffineExpr rhs) {
  if (lhs == rhs || constantValue(rhs) == 1)
    return lhs;
  if (constantValue(lhs) == 1)
    return rhs;
  if (constantValue(lhs) && constantValue(rhs))
    return {};
  // A static size other than 1 wins over an unknown one, which must be equal or 1.
  if (requirements) {
    AffineExpr fits = apply(SizeFunction::Eq, {lhs, rhs});
    for (AffineExpr size : {lhs, rhs})
      if (!constantValue(size))
        fits = apply(SizeFunction::Or, {fits, apply(SizeFunction::Eq, {size, constant(1)})});
    (void)require(fits);
  }
  if (constantValue(lhs))
    return lhs;
  if (constantValue(rhs))
    return rhs;
  return apply(SizeFunction::Select, {apply(SizeFunction::Eq, {lhs, constant(1)}), rhs, lhs});
}
