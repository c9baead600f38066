//===- ConvertClassicMl.cpp - operators of ai.onnx.ml that prepare features -----------------------------------------------===//

#include "frontend/onnx/ClassicMl.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

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

LogicalResult normalizer(Node &n) {
  int64_t axis = n.rank(0) - 1; // of a vector all elements, of a matrix a row
  if (axis < 0 || axis > 1)
    return n.error("needs an input of one or two dimensions");
  Type f32 = n.g.b.getF32Type();
  Value x = n.g.cast(n.loc, n.input(0), f32), size;
  auto over = [&](ReduceKind kind, Value v) {
    return n.make<ReduceOp>(v, {n.g.kind(kind), n.g.attr("axes", ArrayRef<int64_t>{axis}), n.g.flag("keepdims")});
  };
  std::string norm = n.text("norm", "MAX");
  if (norm == "MAX")
    size = over(ReduceKind::max, n.make<AbsOp>(x));
  else if (norm == "L1")
    size = over(ReduceKind::sum, n.make<AbsOp>(x));
  else if (norm == "L2")
    size = n.make<SqrtOp>(over(ReduceKind::sum, n.make<MulOp>({x, x})));
  else
    return n.error("has the unknown norm '" + norm + "'");
  return n.result(n.make<lepton::DivOp>({x, n.make<MaxOp>({size, n.scalarLike(x, 1e-30)})}));
}

LogicalResult featureVectorizer(Node &n) {
  SmallVector<int64_t> sizes = n.integers("inputdimensions");
  if (int64_t(sizes.size()) != n.inputCount())
    return n.error("needs one of its inputdimensions for each input");
  SmallVector<Value> parts;
  for (int i = 0; i < n.inputCount(); ++i) {
    Value x = n.g.cast(n.loc, n.input(i), n.g.b.getF32Type());
    x = rankOf(x) == 1 ? unsqueezed(n, x, ArrayRef<int64_t>{1}) : x;
    int64_t have = rankOf(x) == 2 ? cast<RankedTensorType>(x.getType()).getDimSize(1) : 0;
    if (rankOf(x) != 2 || ShapedType::isDynamic(have) || sizes[i] < 0)
      return n.error("needs inputs of one or two dimensions, the second of which is known");
    if (have > sizes[i]) {
      x = n.g.slice(n.loc, x, 1, 0, sizes[i]);
    } else if (have < sizes[i]) { // zeros make up for what is missing
      Value shape = joined(n, {sizesOf(n, x, 0, 1), n.g.integers(n.loc, sizes[i] - have)}, 0);
      x = joined(n, {x, n.make<ExpandOp>({n.scalarLike(x, 0), shape})}, 1);
    }
    parts.push_back(x);
  }
  return n.result(joined(n, parts, 1));
}

LogicalResult imputer(Node &n) {
  bool isFloat = n.isFloat(0);
  SmallVector<double> values = isFloat ? n.numbers("imputed_value_floats") : SmallVector<double>();
  SmallVector<int64_t> whole = isFloat ? SmallVector<int64_t>() : n.integers("imputed_value_int64s");
  size_t count = isFloat ? values.size() : whole.size();
  int64_t features = n.rank(0) ? cast<RankedTensorType>(n.input(0).getType()).getShape().back() : 1;
  if (count == 0 || (count > 1 && !ShapedType::isDynamic(features) && features != int64_t(count)))
    return n.error("needs one imputed value of its input's type, or one for each feature");
  Value x = n.input(0);
  Value instead =
      isFloat ? numbers(n, values, elementTypeOf(x)) : n.g.cast(n.loc, n.g.integers(n.loc, whole), elementTypeOf(x));
  double replaced = n.number("replaced_value_float", 0);
  Value isReplaced;
  if (!isFloat) {
    Value wanted = n.g.integers(n.loc, n.integer("replaced_value_int64", 0));
    isReplaced = n.make<EqualOp>({toI64(n, x), wanted});
  } else {
    isReplaced = std::isnan(replaced) ? n.make<IsNaNOp>(x) : n.make<EqualOp>({x, n.scalarLike(x, replaced)});
  }
  return n.result(n.make<WhereOp>({isReplaced, instead, x}));
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Dictionaries
//===----------------------------------------------------------------------------------------------------------------------===//

/// Keys of a type in the order of `lepton.find`, and where each was before.
template <typename T> struct SortedKeys {
  std::vector<T> keys;
  SmallVector<int64_t> places;

  explicit SortedKeys(ArrayRef<T> given) {
    auto less = [](T l, T r) { return std::isnan(double(r)) ? !std::isnan(double(l)) : l < r; };
    auto order = llvm::to_vector(llvm::seq<int64_t>(0, given.size()));
    llvm::sort(order,
               [&](int64_t l, int64_t r) { return less(given[l], given[r]) || (l < r && !less(given[r], given[l])); });
    for (int64_t place : order) {
      if (!keys.empty() && !less(keys.back(), given[place])) { // the last of equal keys counts
        places.back() = place;
        continue;
      }
      keys.push_back(given[place]);
      places.push_back(place);
    }
  }
};

/// The position of each element among the keys, as they were given; their number where it is none of them.
Value positions(Node &n, Value x, ArrayRef<double> keys) {
  SortedKeys<double> sorted(keys);
  sorted.places.push_back(keys.size());
  return pick(n, n.g.integers(n.loc, sorted.places), n.make<FindOp>({x, numbers(n, sorted.keys, elementTypeOf(x))}));
}

Value positions(Node &n, Value x, ArrayRef<int64_t> keys) {
  SortedKeys<int64_t> sorted(keys);
  sorted.places.push_back(keys.size());
  Value list = n.g.integers(n.loc, ArrayRef<int64_t>(sorted.keys));
  return pick(n, n.g.integers(n.loc, sorted.places), n.make<FindOp>({toI64(n, x), list}));
}

/// A list of numbers that an attribute holds, and its element type; a null type where it is absent.
struct NumberList {
  Type type;
  SmallVector<double> reals;
  SmallVector<int64_t> integers;

  size_t size() const { return reals.size() + integers.size(); }
};

FailureOr<NumberList> listOf(Node &n, StringRef tensor, StringRef reals, StringRef integers) {
  NumberList list;
  if (n.has(reals)) {
    list.type = n.g.b.getF32Type();
    list.reals = n.numbers(reals);
  } else if (n.has(integers)) {
    list.type = n.g.b.getI64Type();
    list.integers = n.integers(integers);
  } else if (const auto *attribute = n.attribute(tensor)) {
    auto value = n.importer.tensor(attribute->t(), n.loc);
    if (failed(value))
      return failure();
    list.type = value->getElementType();
    for (int64_t i = 0; i < value->getNumElements(); ++i)
      if (isa<FloatType>(list.type))
        list.reals.push_back(readFloat(*value, i));
      else
        list.integers.push_back(readInteger(*value, i));
  }
  return list;
}

LogicalResult labelEncoder(Node &n) {
  auto keys = listOf(n, "keys_tensor", "keys_floats", "keys_int64s"),
       values = listOf(n, "values_tensor", "values_floats", "values_int64s");
  if (failed(keys) || failed(values))
    return failure();
  if (!keys->type || !values->type)
    return n.error("needs keys and values that are numbers");
  if (keys->size() != values->size() || keys->type != n.elementType(0))
    return n.error("needs a value for each key, and keys of its input's type");
  auto standard = listOf(n, "default_tensor", "", "");
  if (failed(standard) || standard->size() > 1)
    return failed(standard) ? failure() : n.error("needs one default");
  bool real = isa<FloatType>(values->type);
  if (real)
    values->reals.push_back(standard->reals.empty() ? n.number("default_float", -0.0) : standard->reals[0]);
  else
    values->integers.push_back(standard->integers.empty() ? n.integer("default_int64", -1) : standard->integers[0]);
  Value table = real ? numbers(n, values->reals, values->type)
                     : n.g.cast(n.loc, n.g.integers(n.loc, values->integers), values->type);
  Value x = n.input(0);
  return n.result(pick(n, table, n.isFloat(0) ? positions(n, x, keys->reals) : positions(n, x, keys->integers)));
}

LogicalResult oneHotEncoder(Node &n) {
  SmallVector<int64_t> categories = n.integers("cats_int64s");
  if (categories.empty())
    return n.error("needs categories that are integers");
  Value place = positions(n, n.input(0), categories); // of numbers the whole part counts
  int64_t rank = n.rank(0);
  Value is = n.make<EqualOp>(
      {unsqueezed(n, place, ArrayRef<int64_t>{rank}), iota(n, integer(n, categories.size()), rank, rank + 1)});
  if (!n.integer("zeros", 1)) { // an input without a category is an error
    Value known = n.make<GatherOp>({n.g.integers(n.loc, SmallVector<int64_t>(categories.size(), 0)), place},
                                   n.g.attr("axis", int64_t(0)));
    is = n.make<BitwiseOrOp>({is, n.g.cast(n.loc, unsqueezed(n, known, ArrayRef<int64_t>{rank}), n.g.b.getI1Type())});
  }
  return n.result(n.g.cast(n.loc, is, n.g.b.getF32Type()));
}

const Entry entries[] = {
    {"ArrayFeatureExtractor", 1, arrayFeatureExtractor, classicDomain},
    {"Binarizer", 1, binarizer, classicDomain},
    {"FeatureVectorizer", 1, featureVectorizer, classicDomain},
    {"Imputer", 1, imputer, classicDomain},
    {"LabelEncoder", 2, labelEncoder, classicDomain},
    {"Normalizer", 1, normalizer, classicDomain},
    {"OneHotEncoder", 1, oneHotEncoder, classicDomain},
    {"Scaler", 1, scaler, classicDomain},
};

} // namespace

ArrayRef<Entry> importer::classicMlConverters() { return entries; }
