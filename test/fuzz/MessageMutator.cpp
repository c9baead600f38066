//===- MessageMutator.cpp - changes of a protobuf message that leave it one -----------------------------------===//
//
// Bytes that change at random are rarely a model any more. A model is read, one of its fields, at any depth, is changed, dropped, doubled or exchanged
// with another, and it is written again. Every third time the bytes are changed, as a damaged file's are.
//
//===----------------------------------------------------------------------------------------------------------===//
#include <cstdint>
#include <onnx/onnx_pb.h>
#include <random>
#include <vector>

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

namespace {
/// A field that is there, or could be.
struct Place {
  Message *message;
  const FieldDescriptor *field;
};

class Mutator {
public:
  explicit Mutator(unsigned seed) : random(seed) {}

  void change(Message &root) {
    std::vector<Place> places;
    collect(root, places);
    const Place place = places[below(places.size())];
    if (place.field->is_repeated())
      changeList(place);
    else if (below(4) == 0)
      place.message->GetReflection()->ClearField(place.message, place.field);
    else
      changeValue(place, -1);
  }

private:
  size_t below(size_t bound) { return random() % bound; }

  void collect(Message &message, std::vector<Place> &places) {
    const auto *reflection = message.GetReflection();
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor *field = message.GetDescriptor()->field(i);
      places.push_back({&message, field});
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE)
        continue;
      if (field->is_repeated())
        for (int e = 0; e < reflection->FieldSize(message, field); ++e)
          collect(*reflection->MutableRepeatedMessage(&message, field, e), places);
      else if (reflection->HasField(message, field))
        collect(*reflection->MutableMessage(&message, field), places);
    }
  }

  void changeList(Place place) {
    const auto *reflection = place.message->GetReflection();
    const int size = reflection->FieldSize(*place.message, place.field);
    const size_t choice = size ? below(4) : 3;
    if (choice == 0) {
      reflection->RemoveLast(place.message, place.field);
    } else if (choice == 1) {
      reflection->SwapElements(place.message, place.field, below(size), below(size));
    } else if (choice == 2) {
      changeValue(place, below(size));
    } else {
      add(place);
      const int last = reflection->FieldSize(*place.message, place.field) - 1;
      if (size && place.field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
        reflection->MutableRepeatedMessage(place.message, place.field, last)
            ->CopyFrom(reflection->GetRepeatedMessage(*place.message, place.field, below(size)));
      else
        changeValue(place, last);
    }
  }

  void add(Place place) {
    const auto *reflection = place.message->GetReflection();
    switch (place.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->AddInt32(place.message, place.field, 0);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->AddInt64(place.message, place.field, 0);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->AddUInt64(place.message, place.field, 0);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection->AddFloat(place.message, place.field, 0);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->AddDouble(place.message, place.field, 0);
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->AddString(place.message, place.field, "");
    case FieldDescriptor::CPPTYPE_MESSAGE:
      reflection->AddMessage(place.message, place.field);
      return;
    default:
      return abort(); // ONNX has no list of others
    }
  }

  /// Element `at` of a list, or the value of what is none (-1).
  void changeValue(Place place, int at) {
    const auto *reflection = place.message->GetReflection();
    auto set = [&](auto setOne, auto setElement, auto value) {
      if (at < 0)
        (reflection->*setOne)(place.message, place.field, value);
      else
        (reflection->*setElement)(place.message, place.field, at, value);
    };
    using Reflection = google::protobuf::Reflection;
    switch (place.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return set(&Reflection::SetInt32, &Reflection::SetRepeatedInt32, int32_t(integer()));
    case FieldDescriptor::CPPTYPE_INT64:
      return set(&Reflection::SetInt64, &Reflection::SetRepeatedInt64, integer());
    case FieldDescriptor::CPPTYPE_UINT64:
      return set(&Reflection::SetUInt64, &Reflection::SetRepeatedUInt64, uint64_t(integer()));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return set(&Reflection::SetFloat, &Reflection::SetRepeatedFloat, float(integer()));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return set(&Reflection::SetDouble, &Reflection::SetRepeatedDouble, double(integer()));
    case FieldDescriptor::CPPTYPE_ENUM:
      return set(&Reflection::SetEnumValue, &Reflection::SetRepeatedEnumValue, int(below(40)));
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string value = at < 0 ? reflection->GetString(*place.message, place.field)
                                 : reflection->GetRepeatedString(*place.message, place.field, at);
      const size_t size = value.size(), most = size + 8;
      value.resize(most);
      value.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(value.data()), size, most));
      if (at < 0)
        reflection->SetString(place.message, place.field, value);
      else
        reflection->SetRepeatedString(place.message, place.field, at, value);
      return;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (at < 0)
        reflection->MutableMessage(place.message, place.field);
      return;
    default:
      return abort(); // ONNX has no field of others
    }
  }

  int64_t integer() {
    constexpr int64_t edges[] = {0, 1, 2, -1, -2, 127, 1 << 16, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    return below(2) ? edges[below(std::size(edges))] : int64_t(below(16));
  }

  std::minstd_rand random;
};
} // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  onnx::ModelProto model;
  if (seed % 3 == 0 || !model.ParseFromArray(data, size))
    return LLVMFuzzerMutate(data, size, most);
  Mutator(seed).change(model);
  const size_t bytes = model.ByteSizeLong();
  if (bytes > most || !model.SerializeToArray(data, most))
    return LLVMFuzzerMutate(data, size, most);
  return bytes;
}
