//===- ConvertClassicMl.cpp - operators of ai.onnx.ml that prepare features -----------------------------------------------===//

#include "frontend/onnx/ClassicMl.h"
#include "frontend/onnx/Text.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

LogicalResult arrayFeatureExtractor(Node &n) {
  Value x = n.rank(0) == 1 ? unsqueezed(n, n.input(0), ArrayRef<int64_t>{0}) : n.input(0);
  if (rankOf(x) < 1)
    return n.error("needs an input of at least one dimension");
  return n.result(pick(n, x, n.g.reshape(n.loc, n.input(1), -1), rankOf(x) - 1));
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

/// A list that an attribute holds, of one kind of elements, and their type; a null type where it is absent.
struct ElementList {
  Type type;
  SmallVector<double> reals;
  SmallVector<int64_t> integers;
  SmallVector<std::string> texts;

  size_t size() const { return reals.size() + integers.size() + texts.size(); }
};

/// From the attributes `<name>_tensor`, `<name>_floats`, `<name>_int64s` or `<name>_strings`.
FailureOr<ElementList> listOf(Node &n, const std::string &name) {
  ElementList list;
  Builder &b = n.g.b;
  const auto *tensor = n.attribute(name + "_tensor");
  if (n.has(name + "_floats")) {
    list.type = b.getF32Type();
    list.reals = n.numbers(name + "_floats");
  } else if (n.has(name + "_int64s")) {
    list.type = b.getI64Type();
    list.integers = n.integers(name + "_int64s");
  } else if (n.has(name + "_strings")) {
    list.type = b.getType<StringType>();
    list.texts = n.texts(name + "_strings");
  } else if (tensor && tensor->t().data_type() == ::onnx::TensorProto::STRING) {
    list.type = b.getType<StringType>();
    list.texts.assign(tensor->t().string_data().begin(), tensor->t().string_data().end());
  } else if (tensor) {
    auto value = n.importer.tensor(tensor->t(), n.loc);
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

/// The position of each element among keys of its type; their number where it is none of them.
Value positions(Node &n, Value x, const ElementList &keys) {
  if (isa<StringType>(keys.type))
    return numbersOf(n, x, keys.texts, keys.texts.size());
  return isa<FloatType>(keys.type) ? positions(n, x, keys.reals) : positions(n, x, keys.integers);
}

/// The values of a LabelEncoder, and behind them its default.
FailureOr<Value> tableOf(Node &n, ElementList &values) {
  auto standard = listOf(n, "default");
  if (failed(standard) || standard->size() > 1)
    return failed(standard) ? failure() : n.error("needs one default");
  if (isa<StringType>(values.type)) {
    values.texts.push_back(standard->texts.empty() ? n.text("default_string", "_Unused") : standard->texts[0]);
    return stringConstant(n.g, n.loc, values.texts, {int64_t(values.texts.size())});
  }
  if (isa<FloatType>(values.type)) {
    values.reals.push_back(standard->reals.empty() ? n.number("default_float", -0.0) : standard->reals[0]);
    return numbers(n, values.reals, values.type);
  }
  values.integers.push_back(standard->integers.empty() ? n.integer("default_int64", -1) : standard->integers[0]);
  return n.g.cast(n.loc, n.g.integers(n.loc, values.integers), values.type);
}

LogicalResult labelEncoder(Node &n) {
  auto keys = listOf(n, "keys"), values = listOf(n, "values");
  if (failed(keys) || failed(values))
    return failure();
  if (!keys->type || !values->type)
    return n.error("needs keys and values");
  if (keys->size() != values->size() || keys->type != n.elementType(0))
    return n.error("needs a value for each key, and keys of its input's type");
  auto table = tableOf(n, *values);
  return failed(table) ? failure() : n.result(pick(n, *table, positions(n, n.input(0), *keys)));
}

/// Before version 2: strings to the positions they have in one list, or positions to the strings.
LogicalResult labelEncoderByClasses(Node &n) {
  SmallVector<std::string> classes = n.texts("classes_strings");
  if (classes.empty())
    return n.error("needs its classes");
  if (!isa<StringType>(n.elementType(0))) {
    SmallVector<int64_t> places = llvm::to_vector(llvm::seq<int64_t>(0, classes.size()));
    Value place = positions(n, n.input(0), places);
    classes.push_back(n.text("default_string", "_Unused"));
    return n.result(pick(n, stringConstant(n.g, n.loc, classes, {int64_t(classes.size())}), place));
  }
  return n.result(numbersOf(n, n.input(0), classes, n.integer("default_int64", -1)));
}

/// Strings to numbers, or numbers to strings, by two lists.
LogicalResult categoryMapper(Node &n) {
  SmallVector<std::string> texts = n.texts("cats_strings");
  SmallVector<int64_t> numbers = n.integers("cats_int64s");
  if (texts.empty() || texts.size() != numbers.size())
    return n.error("needs as many cats_strings as cats_int64s");
  if (isa<StringType>(n.elementType(0))) {
    Value place = numbersOf(n, n.input(0), texts, texts.size());
    numbers.push_back(n.integer("default_int64", -1));
    return n.result(pick(n, n.g.integers(n.loc, numbers), place));
  }
  Value place = positions(n, n.input(0), numbers);
  texts.push_back(n.text("default_string", "_Unused"));
  return n.result(pick(n, stringConstant(n.g, n.loc, texts, {int64_t(texts.size())}), place));
}

LogicalResult oneHotEncoder(Node &n) {
  SmallVector<int64_t> categories = n.integers("cats_int64s");
  SmallVector<std::string> texts = n.texts("cats_strings");
  bool isText = isa<StringType>(n.elementType(0));
  int64_t count = isText ? texts.size() : categories.size();
  if (!count)
    return n.error("needs categories of its input's type");
  // Of numbers the whole part counts.
  Value place = isText ? numbersOf(n, n.input(0), texts, count) : positions(n, n.input(0), categories);
  int64_t rank = n.rank(0);
  Value is =
      n.make<EqualOp>({unsqueezed(n, place, ArrayRef<int64_t>{rank}), iota(n, integer(n, count), rank, rank + 1)});
  if (!n.integer("zeros", 1)) { // an input without a category is an error
    Value known = pick(n, n.g.integers(n.loc, SmallVector<int64_t>(count, 0)), place);
    is = n.make<BitwiseOrOp>({is, n.g.cast(n.loc, unsqueezed(n, known, ArrayRef<int64_t>{rank}), n.g.b.getI1Type())});
  }
  return n.result(n.g.cast(n.loc, is, n.g.b.getF32Type()));
}

const Entry entries[] = {
    {"ArrayFeatureExtractor", 1, arrayFeatureExtractor, classicDomain},
    {"Binarizer", 1, binarizer, classicDomain},
    {"FeatureVectorizer", 1, featureVectorizer, classicDomain},
    {"Imputer", 1, imputer, classicDomain},
    {"CategoryMapper", 1, categoryMapper, classicDomain},
    {"LabelEncoder", 1, labelEncoderByClasses, classicDomain},
    {"LabelEncoder", 2, labelEncoder, classicDomain},
    {"Normalizer", 1, normalizer, classicDomain},
    {"OneHotEncoder", 1, oneHotEncoder, classicDomain},
    {"Scaler", 1, scaler, classicDomain},
};

} // namespace

ArrayRef<Entry> importer::classicMlConverters() { return entries; }
