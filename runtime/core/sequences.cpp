//===- sequences.cpp - What the ops on sequences and optionals call ---------===//
#include "lists.h"

namespace lepton::rt {

using Long = long long;

/// A list of copies of the operands.
static List listOf(lepton_context *context, uint32_t dtype, const lepton_tensor *tensors, int64_t count) {
  lepton_tensor *list = makeList(context, dtype, count);
  for (int64_t i = 0; i < count; ++i)
    elements<lepton_tensor>(*list)[i] = copyOf(context, tensors[i]);
  return list;
}

/// A list with room for one element more than another one, which it begins with. Lists that grow at their end, as those that loops gather do, share their elements: each sees as many
/// as it is long. So a loop takes memory for its elements, and not for each list.
static lepton_tensor *extended(lepton_context *context, List before) {
  const int64_t length = lengthOf(before);
  Growing *growing = nullptr;
  for (Growing &other : context->growing)
    if (other.elements && other.elements == before->data && other.used == length && length < other.capacity)
      growing = &other;
  if (!growing) {
    growing = &context->growing[context->nextGrowing++ % 4];
    constexpr int64_t least = 4;
    const int64_t capacity = 2 * length < least ? least : 2 * length;
    auto *room = static_cast<lepton_tensor *>(keep(context, uint64_t(capacity) * sizeof(lepton_tensor)));
    if (length)
      memcpy(room, before->data, before->bytes);
    *growing = {room, length, capacity};
  }
  ++growing->used;
  return makeList(context, LEPTON_SEQUENCE, length + 1, growing->elements);
}

/// A position counted from the front; -1, after failing the run, where it is out of range.
static int64_t positionIn(lepton_context *context, const char *node, const lepton_tensor &operand, int64_t length) {
  int64_t position = *elements<const int64_t>(operand);
  if (position >= -length && position < length)
    return position < 0 ? position + length : position;
  failNode(context, node, "position %lld is out of range for a sequence of %lld", Long(position), Long(length));
  return -1;
}

static bool sameShape(const lepton_tensor &a, const lepton_tensor &b) {
  return a.rank == b.rank && a.bytes == b.bytes && (!a.rank || !memcmp(a.shape, b.shape, a.rank * sizeof(int64_t)));
}

} // namespace lepton::rt

using namespace lepton::rt;

LEPTON_LIBRARY_FUNCTION(sequence_make) { give(tensors[count], listOf(context, LEPTON_SEQUENCE, tensors, count)); }

LEPTON_LIBRARY_FUNCTION(sequence_length) { *elements<int64_t>(tensors[1]) = lengthOf(listIn(tensors[0])); }

LEPTON_LIBRARY_FUNCTION(sequence_insert) {
  List before = listIn(tensors[0]);
  int64_t length = lengthOf(before), position = *elements<const int64_t>(tensors[2]);
  if (position < -length || position > length) {
    failNode(context, node, "cannot insert at position %lld of a sequence of %lld", Long(position), Long(length));
    return give(tensors[3], before);
  }
  position += position < 0 ? length : 0;
  if (position == length) {
    lepton_tensor *list = extended(context, before);
    elements<lepton_tensor>(*list)[length] = copyOf(context, tensors[1]);
    return give(tensors[3], list);
  }
  lepton_tensor *list = makeList(context, LEPTON_SEQUENCE, length + 1);
  auto *to = elements<lepton_tensor>(*list);
  const auto *from = elements<const lepton_tensor>(*before);
  for (int64_t i = 0; i <= length; ++i)
    to[i] = i == position ? copyOf(context, tensors[1]) : from[i < position ? i : i - 1];
  give(tensors[3], list);
}

LEPTON_LIBRARY_FUNCTION(sequence_erase) {
  List before = listIn(tensors[0]);
  int64_t length = lengthOf(before), position = positionIn(context, node, tensors[1], length);
  if (position < 0)
    return give(tensors[2], before);
  lepton_tensor *list = makeList(context, LEPTON_SEQUENCE, length - 1);
  for (int64_t i = 0; i < length - 1; ++i)
    elements<lepton_tensor>(*list)[i] = elements<const lepton_tensor>(*before)[i < position ? i : i + 1];
  give(tensors[2], list);
}

LEPTON_LIBRARY_FUNCTION(sequence_shape) {
  List list = listIn(tensors[0]);
  auto *shape = elements<int64_t>(tensors[2]);
  int64_t rank = tensors[2].shape[0];
  memset(shape, 0, tensors[2].bytes);
  if (list->dtype == LEPTON_OPTIONAL && !lengthOf(list))
    return failNode(context, node, "the optional holds nothing; ask OptionalHasElement first");
  int64_t position = positionIn(context, node, tensors[1], lengthOf(list));
  if (position < 0)
    return;
  const lepton_tensor &element = elements<const lepton_tensor>(*list)[position];
  if (element.rank != rank)
    return failNode(context, node, "the tensor at position %lld has rank %u, the model says %lld", Long(position),
                    element.rank, Long(rank));
  if (rank)
    memcpy(shape, element.shape, rank * sizeof(int64_t));
}

LEPTON_LIBRARY_FUNCTION(sequence_at) {
  List list = listIn(tensors[0]);
  const lepton_tensor &result = tensors[3];
  int64_t position = lengthOf(list) ? positionIn(context, node, tensors[1], lengthOf(list)) : -1;
  if (position >= 0 && sameShape(elements<const lepton_tensor>(*list)[position], result)) {
    if (result.bytes)
      memcpy(result.data, elements<const lepton_tensor>(*list)[position].data, result.bytes);
    return;
  }
  failNode(context, node, "the sequence has no tensor of the shape that the model says at this position");
  if (result.dtype == LEPTON_STRING)
    for (int64_t i = 0, n = elementCount(result); i < n; ++i)
      elements<const char *>(result)[i] = "";
}

LEPTON_LIBRARY_FUNCTION(sequence_split) {
  const lepton_tensor &input = tensors[0], &split = tensors[1];
  auto axis = static_cast<uint32_t>(numbers[0]);
  bool squeeze = numbers[1] != 0;
  int64_t size = input.shape[axis], first = elementCount(split) ? elements<const int64_t>(split)[0] : 0;
  int64_t pieces = split.rank ? split.shape[0] : first > 0 ? (size + first - 1) / first : 0, sum = 0;
  auto sizeOf = [&](int64_t i) {
    return split.rank ? elements<const int64_t>(split)[i] : first < size - i * first ? first : size - i * first;
  };
  bool fits = split.rank || first > 0;
  for (int64_t i = 0; i < pieces; ++i) {
    fits = fits && sizeOf(i) >= 0 && sizeOf(i) <= size - sum && (!squeeze || sizeOf(i) == 1);
    sum += fits ? sizeOf(i) : 0;
  }
  if (!fits || sum != size) {
    failNode(context, node, "the sizes of the pieces do not add up to dimension %lld of size %lld", Long(axis),
             Long(size));
    return give(tensors[2], makeList(context, LEPTON_SEQUENCE, 0));
  }
  lepton_tensor *list = makeList(context, LEPTON_SEQUENCE, pieces);
  int64_t outer = productOf(input, 0, axis), element = dtypeBytes(input.dtype);
  int64_t row = productOf(input, axis + 1, input.rank) * element, done = 0;
  for (int64_t i = 0; i < pieces; done += sizeOf(i++)) {
    lepton_tensor piece = makeTensor(context, input.dtype, input.shape, input.rank, outer * sizeOf(i) * row);
    auto *shape = const_cast<int64_t *>(piece.shape);
    shape[axis] = sizeOf(i);
    if (squeeze) {
      memmove(shape + axis, shape + axis + 1, (input.rank - axis - 1) * sizeof(int64_t));
      --piece.rank;
    }
    for (int64_t o = 0; o < outer; ++o)
      memcpy(elements<char>(piece) + o * sizeOf(i) * row, elements<char>(input) + (o * size + done) * row,
             sizeOf(i) * row);
    elements<lepton_tensor>(*list)[i] = piece;
  }
  give(tensors[2], list);
}

LEPTON_LIBRARY_FUNCTION(sequence_concat_shape) {
  List list = listIn(tensors[0]);
  auto *shape = elements<int64_t>(tensors[1]);
  auto axis = static_cast<uint32_t>(numbers[0]);
  bool stack = numbers[1] != 0;
  auto rank = static_cast<uint32_t>(tensors[1].shape[0]);
  memset(shape, 0, tensors[1].bytes);
  for (int64_t i = 0; i < lengthOf(list); ++i) {
    const lepton_tensor &element = elements<const lepton_tensor>(*list)[i];
    bool fits = element.rank + stack == rank;
    for (uint32_t d = 0; fits && d < element.rank; ++d) {
      uint32_t to = stack && d >= axis ? d + 1 : d;
      if (i == 0)
        shape[to] = element.shape[d];
      else if (!stack && d == axis)
        shape[to] += element.shape[d];
      else
        fits = shape[to] == element.shape[d];
    }
    if (!fits) {
      memset(shape, 0, tensors[1].bytes);
      return failNode(context, node, "tensor %lld of the sequence does not fit to the first", Long(i));
    }
  }
  if (stack)
    shape[axis] = lengthOf(list);
}

LEPTON_LIBRARY_FUNCTION(sequence_concat) {
  List list = listIn(tensors[0]);
  const lepton_tensor &result = tensors[2];
  auto axis = static_cast<uint32_t>(numbers[0]);
  bool stack = numbers[1] != 0;
  int64_t outer = productOf(result, 0, axis);
  uint64_t row = outer ? result.bytes / outer : 0, done = 0, bytes = 0;
  for (int64_t i = 0; i < lengthOf(list); ++i)
    bytes += elements<const lepton_tensor>(*list)[i].bytes;
  if (bytes != result.bytes || (stack && result.shape[axis] != lengthOf(list)))
    return failNode(context, node, "the sequence's tensors together do not have the shape that the model says");
  for (int64_t i = 0; outer && i < lengthOf(list); ++i) {
    const lepton_tensor &element = elements<const lepton_tensor>(*list)[i];
    uint64_t part = element.bytes / outer;
    for (int64_t o = 0; part && o < outer; ++o)
      memcpy(elements<char>(result) + o * row + done, elements<char>(element) + o * part, part);
    done += part;
  }
}

LEPTON_LIBRARY_FUNCTION(optional_make) { give(tensors[count], listOf(context, LEPTON_OPTIONAL, tensors, count)); }

LEPTON_LIBRARY_FUNCTION(optional_has) { *elements<uint8_t>(tensors[1]) = lengthOf(listIn(tensors[0])) > 0; }

LEPTON_LIBRARY_FUNCTION(optional_sequence) {
  List list = listIn(tensors[0]);
  if (lengthOf(list))
    return give(tensors[1], elements<const lepton_tensor>(*list));
  failNode(context, node, "the optional holds nothing; ask OptionalHasElement first");
  give(tensors[1], makeList(context, LEPTON_SEQUENCE, 0));
}
