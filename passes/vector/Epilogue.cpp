//===- Epilogue.cpp - What becomes of a contraction's sums ----------------===//

#include "passes/vector/Epilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace lepton;

/// More operations than this per vector, times the vectors of a register block, are code that is better off in a loop of its own. An exponential counts as one:
/// in twelve by two registers its polynomial is still a fraction of the instruction cache, and a body seldom has two.
static constexpr unsigned mostOps = 16;

/// exp of f32, of which SiLU, sigmoid and ELU are made, is twenty operations without a branch. Their constants have to find registers beside the sums: with 16 of
/// those a loop over the tile is faster (EfficientNet-B0 by 2 to 5 %). The longer polynomials of erf (GELU in BERT) and tanh gained
/// nothing, and what stays a call of libm would spill all other sums.
static bool isPolynomial(Operation &inner, TargetAttr target) {
  return isa<math::ExpOp>(inner) && inner.getResult(0).getType().isF32() && target.getRegisters() >= 32;
}

/// The sizes of a memref as its subview gives them; nothing where a dynamic one is not to be seen.
static std::optional<SmallVector<OpFoldResult>> sizesOf(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> sizes;
  if (auto view = memref.getDefiningOp<memref::SubViewOp>()) {
    llvm::SmallBitVector dropped = view.getDroppedDims();
    for (auto [d, size] : llvm::enumerate(view.getMixedSizes()))
      if (!dropped.test(d))
        sizes.push_back(size);
    return sizes;
  }
  if (auto view = memref.getDefiningOp<memref::CollapseShapeOp>()) {
    auto inner = sizesOf(view.getSrc());
    if (!inner)
      return std::nullopt;
    for (auto [d, group] : llvm::enumerate(view.getReassociationIndices())) {
      if (type.isDynamicDim(d) && group.size() > 1)
        return std::nullopt;
      sizes.push_back(type.isDynamicDim(d)
                          ? (*inner)[group[0]]
                          : OpFoldResult(IntegerAttr::get(IndexType::get(type.getContext()), type.getDimSize(d))));
    }
    return sizes;
  }
  if (!type.hasStaticShape())
    return std::nullopt;
  return getAsIndexOpFoldResult(type.getContext(), type.getShape());
}

static bool hasUnitStride(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  return type.getRank() > 0 && succeeded(type.getStridesAndOffset(strides, offset)) && strides.back() == 1;
}

/// The memory behind views.
static Value rootOf(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

/// Whether nothing but these ops reads or writes memory that is on the stack.
static bool isOnlyUsedBy(Value memory, ArrayRef<Operation *> ops) {
  return llvm::all_of(memory.getUsers(), [&](Operation *user) {
    if (auto view = dyn_cast<ViewLikeOpInterface>(user))
      return isOnlyUsedBy(view.getViewDest(), ops);
    return llvm::any_of(ops, [&](Operation *op) { return op->isAncestor(user); });
  });
}

std::optional<Epilogue> Epilogue::find(linalg::GenericOp contraction, const Contraction &analysis, TargetAttr target) {
  Value c = contraction.getDpsInits().front();
  Value root = rootOf(c);
  Operation *fill = nullptr, *next = contraction->getNextNode();
  while (next && isMemoryEffectFree(next))
    next = next->getNextNode();
  for (Operation *user : c.getUsers())
    if (isa<linalg::FillOp>(user))
      fill = user;
  Epilogue found;
  found.target = target;
  found.op = dyn_cast_or_null<linalg::GenericOp>(next);
  if (!found.op || !root.getDefiningOp<memref::AllocaOp>() || !fill || found.op.getNumDpsInputs() ||
      found.op.getNumDpsInits() != 1 || found.op.getNumReductionLoops() ||
      !found.op.getMatchingIndexingMap(found.op.getDpsInitOperand(0)).isIdentity() ||
      !found.op.getBlock()->getArgument(0).use_empty() || !isOnlyUsedBy(root, {fill, contraction, found.op}))
    return std::nullopt;
  // The last dimension of C must be the one along which vectors lie.
  AffineMap map = contraction.getIndexingMapsArray().back();
  if (!map.isProjectedPermutation() || map.getDimPosition(map.getNumResults() - 1) != analysis.vectorDim)
    return std::nullopt;
  if (!found.readsSums(c) || !found.coversSums() || !hasUnitStride(found.op.getDpsInits().front()) || !found.classify())
    return std::nullopt;
  return found;
}

/// Finds where the body reads the sums: all of its loads from C read the same view at the loops' own indices.
bool Epilogue::readsSums(Value c) {
  dimOfLoop.resize(op.getNumLoops());
  shape.assign(cast<MemRefType>(c.getType()).getShape().begin(), cast<MemRefType>(c.getType()).getShape().end());
  for (auto load : op.getBlock()->getOps<memref::LoadOp>()) {
    if (rootOf(load.getMemRef()) != rootOf(c))
      continue;
    if (sumsMemory && sumsMemory != load.getMemRef())
      return false;
    sumsMemory = load.getMemRef();
    for (auto [d, index] : llvm::enumerate(load.getIndices())) {
      auto loop = index.getDefiningOp<linalg::IndexOp>();
      if (!loop || dimOfLoop[loop.getDim()].value_or(d) != d)
        return false;
      dimOfLoop[loop.getDim()] = d;
    }
  }
  if (!sumsMemory)
    return false;
  if (sumsMemory == c)
    for (int64_t d = 0; d < int64_t(shape.size()); ++d)
      groups.push_back({d});
  else if (auto view = sumsMemory.getDefiningOp<memref::CollapseShapeOp>(); view && view.getSrc() == c)
    for (const ReassociationIndices &group : view.getReassociationIndices())
      groups.emplace_back(group);
  return !groups.empty() && dimOfLoop.back() == groups.size() - 1;
}

/// Whether the loops go over all sums, each once. The last loop may end before the sums do, as in the last block of a filter (not after: the body's loads would leave
/// C), where masks cost nothing: AVX2's masked stores take longer than a loop over the tile.
bool Epilogue::coversSums() {
  auto sizes = sizesOf(sumsMemory), extents = sizesOf(op.getDpsInits().front());
  if (!sizes || !extents || extents->size() != dimOfLoop.size())
    return false;
  const bool hasFastMasks = target.hasMasks() && target.getVectorBits() >= 512;
  size_t matched = 0;
  for (auto [loop, dim, extent] : llvm::enumerate(dimOfLoop, *extents)) {
    const bool isWhole = dim ? isEqualConstantIntOrValue(extent, (*sizes)[*dim]) : getConstantIntValue(extent) == 1;
    if (!isWhole && loop + 1 == dimOfLoop.size() && hasFastMasks)
      end = extent;
    else if (!isWhole)
      return false;
    matched += dim.has_value();
  }
  return matched == groups.size();
}

std::optional<Epilogue::Kind> Epilogue::kindOfLoad(memref::LoadOp load) {
  if (load.getMemRef() == sumsMemory)
    return Kind::Vector;
  auto isUniform = [&](Value index) { return kinds.lookup(index) == Kind::Uniform; };
  if (llvm::all_of(load.getIndices(), isUniform))
    return Kind::Uniform;
  if (llvm::all_of(load.getIndices().drop_back(), isUniform) && hasUnitStride(load.getMemRef()))
    return Kind::Vector;
  return std::nullopt;
}

/// Nothing for what does not become vectors. Values from outside of the body are not in `kinds`, and so uniform.
std::optional<Epilogue::Kind> Epilogue::kindOf(Operation &inner) {
  if (auto index = dyn_cast<linalg::IndexOp>(inner))
    return index.getDim() + 1 == dimOfLoop.size() ? Kind::Linear : Kind::Uniform;
  auto isLinear = [&](Value operand) { return kinds.lookup(operand) == Kind::Linear; };
  if (llvm::any_of(inner.getOperands(), [&](Value operand) {
        return isLinear(operand) && !isa<memref::LoadOp, arith::AddIOp, arith::SubIOp>(inner);
      }))
    return std::nullopt;
  if (auto load = dyn_cast<memref::LoadOp>(inner))
    return kindOfLoad(load);
  if (inner.getNumRegions() || inner.getNumResults() != 1 || !isMemoryEffectFree(&inner))
    return std::nullopt;
  if (llvm::any_of(inner.getOperands(), isLinear)) {
    const bool isStep =
        isLinear(inner.getOperand(0)) ? kinds.lookup(inner.getOperand(1)) == Kind::Uniform : isa<arith::AddIOp>(inner);
    return isStep ? std::optional(Kind::Linear) : std::nullopt;
  }
  if (llvm::none_of(inner.getOperands(), [&](Value operand) { return kinds.lookup(operand) == Kind::Vector; }))
    return Kind::Uniform;
  const bool isArithmetic =
      isa<arith::ArithDialect>(inner.getDialect()) && OpTrait::hasElementwiseMappableTraits(&inner);
  return isArithmetic || isPolynomial(inner, target) ? std::optional(Kind::Vector) : std::nullopt;
}

bool Epilogue::classify() {
  unsigned vectors = 0;
  for (Operation &inner : op.getBlock()->without_terminator()) {
    std::optional<Kind> kind = kindOf(inner);
    if (!kind)
      return false;
    kinds[inner.getResult(0)] = *kind;
    vectors += *kind == Kind::Vector;
  }
  return vectors <= mostOps && kinds.lookup(op.getBlock()->getTerminator()->getOperand(0)) == Kind::Vector;
}

void Epilogue::write(OpBuilder &b, ArrayRef<OpFoldResult> position, Value sums, Value mask) const {
  linalg::GenericOp epilogue = op; // whose accessors are not const
  Location loc = epilogue.getLoc();
  const int64_t lanes = cast<VectorType>(sums.getType()).getDimSize(0);
  auto index = [&](OpFoldResult x) { return getValueOrCreateConstantIndexOp(b, loc, x); };
  SmallVector<Value> indices; // of the loops
  for (std::optional<unsigned> dim : dimOfLoop) {
    Value at = index(b.getIndexAttr(0));
    for (int64_t d : dim ? ArrayRef<int64_t>(groups[*dim]) : ArrayRef<int64_t>())
      at = d == groups[*dim].front()
               ? index(position[d])
               : b.createOrFold<arith::AddIOp>(
                     loc, b.createOrFold<arith::MulIOp>(loc, at, index(b.getIndexAttr(shape[d]))), index(position[d]));
    indices.push_back(at);
  }
  auto vectorOf = [&](Type element) { return VectorType::get(lanes, element); };
  if (end) { // which is not after the end of the sums, where `mask` ends
    Value left = arith::SubIOp::create(b, loc, index(end), indices.back());
    mask = vector::CreateMaskOp::create(b, loc, vectorOf(b.getI1Type()), left);
  }
  IRMapping mapping;
  auto asVector = [&](Value value) -> Value {
    Value mapped = mapping.lookupOrDefault(value);
    return isa<VectorType>(mapped.getType())
               ? mapped
               : Value(vector::BroadcastOp::create(b, loc, vectorOf(mapped.getType()), mapped));
  };
  for (Operation &inner : epilogue.getBlock()->without_terminator()) {
    Value result = inner.getResult(0);
    const bool isVector = kinds.lookup(result) == Kind::Vector;
    if (auto loop = dyn_cast<linalg::IndexOp>(inner)) {
      mapping.map(result, indices[loop.getDim()]);
    } else if (auto load = dyn_cast<memref::LoadOp>(inner); load && isVector) {
      mapping.map(
          result, load.getMemRef() == sumsMemory ? sums : [&]() -> Value {
            SmallVector<Value> at;
            for (Value x : load.getIndices())
              at.push_back(mapping.lookupOrDefault(x));
            VectorType type = vectorOf(result.getType());
            if (!mask)
              return vector::LoadOp::create(b, loc, type, load.getMemRef(), at);
            Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
            return vector::MaskedLoadOp::create(b, loc, type, load.getMemRef(), at, mask, zero);
          }());
    } else if (isVector) {
      SmallVector<Value> operands;
      for (Value operand : inner.getOperands())
        operands.push_back(asVector(operand));
      mapping.map(result,
                  b.create(loc, inner.getName().getIdentifier(), operands, vectorOf(result.getType()), inner.getAttrs())
                      ->getResult(0));
    } else {
      b.clone(inner, mapping);
    }
  }
  Value written = asVector(epilogue.getBlock()->getTerminator()->getOperand(0)),
        destination = epilogue.getDpsInits().front();
  if (mask)
    vector::MaskedStoreOp::create(b, loc, destination, indices, mask, written);
  else
    vector::StoreOp::create(b, loc, written, destination, indices);
}
