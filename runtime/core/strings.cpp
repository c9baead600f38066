//===- strings.cpp - What the ops on strings call ---------------------------===//
//
// A string is the address of UTF-8 ended by a NUL.
//
//===----------------------------------------------------------------------===//
#include "keys.h"
#include "utf8.h"
#include <stdio.h>
#include <stdlib.h>

namespace lepton::rt {

static char *copyString(lepton_context *context, const char *begin, uint64_t length) {
  auto *copy = static_cast<char *>(keep(context, length + 1));
  if (length)
    memcpy(copy, begin, length);
  copy[length] = '\0';
  return copy;
}

/// Calls `body(string of the first operand, string of the second, number of the result's element)`, broadcasting.
template <typename Body> static void forEachPair(const lepton_tensor *tensors, Body body) {
  const lepton_tensor &result = tensors[2];
  int64_t count = elementCount(result);
  for (int64_t i = 0; i < count; ++i) {
    int64_t places[2] = {0, 0};
    for (int operand = 0; operand < 2; ++operand) {
      const lepton_tensor &tensor = tensors[operand];
      int64_t left = i, stride = 1;
      for (uint32_t d = 0; d < tensor.rank; ++d) { // from the last dimension to the first
        int64_t size = tensor.shape[tensor.rank - 1 - d], extent = result.shape[result.rank - 1 - d];
        places[operand] += (size == 1 ? 0 : left % extent) * stride;
        left /= extent;
        stride *= size;
      }
    }
    body(elements<const char *>(tensors[0])[places[0]], elements<const char *>(tensors[1])[places[1]], i);
  }
}

namespace {

/// The parts of a string, as Python's str.split gives them.
struct Splitter {
  const char *at;
  const char *delimiter; // empty: white space
  int64_t splitsLeft;    // negative: any number
  bool ended = false;

  static bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F); }

  bool next(const char *&begin, uint64_t &length) {
    if (ended)
      return false;
    return *delimiter ? nextDelimited(begin, length) : nextWord(begin, length);
  }

  bool nextDelimited(const char *&begin, uint64_t &length) {
    const char *found = splitsLeft == 0 ? nullptr : strstr(at, delimiter);
    begin = at;
    length = found ? uint64_t(found - at) : strlen(at);
    ended = !found;
    if (found) {
      at = found + strlen(delimiter);
      --splitsLeft;
    }
    return true;
  }

  bool nextWord(const char *&begin, uint64_t &length) {
    while (isSpace(*at))
      ++at;
    if (!*at)
      return false;
    begin = at;
    if (splitsLeft == 0) {
      length = strlen(at);
      return ended = true;
    }
    while (*at && !isSpace(*at))
      ++at;
    --splitsLeft;
    length = uint64_t(at - begin);
    return true;
  }
};

} // namespace

/// Writes a number by the fewest digits that read back as it.
template <typename T> static void spellFloat(T value, char *text, size_t size) {
  if (value != value || value - value != 0) {
    snprintf(text, size, "%s", value != value ? "NaN" : value > 0 ? "INF" : "-INF");
    return;
  }
  constexpr int most = sizeof(T) == 4 ? 9 : 17;
  int digits = 1;
  for (; digits < most; ++digits) {
    snprintf(text, size, "%.*e", digits - 1, double(value));
    if (T(sizeof(T) == 4 ? strtof(text, nullptr) : strtod(text, nullptr)) == value)
      break;
  }
  snprintf(text, size, "%.*e", digits - 1, double(value));
  const char *mark = strchr(text, 'e');
  int exponent = mark ? atoi(mark + 1) : 0;
  if (exponent >= -4 && exponent < 16) {
    int decimals = digits - 1 - exponent;
    snprintf(text, size, "%.*f", decimals > 1 ? decimals : 1, double(value));
  }
}

} // namespace lepton::rt

using namespace lepton::rt;

LEPTON_LIBRARY_FUNCTION(string_literals) {
  int64_t strings = elementCount(tensors[2]);
  for (int64_t i = 0; i < strings; ++i) {
    const char *text = elements<const char>(tensors[0]) + elements<int64_t>(tensors[1])[i];
    elements<const char *>(tensors[2])[i] = copyString(context, text, strlen(text));
  }
}

LEPTON_LIBRARY_FUNCTION(string_equal) {
  forEachPair(tensors,
              [&](const char *l, const char *r, int64_t i) { elements<uint8_t>(tensors[2])[i] = strcmp(l, r) == 0; });
}

LEPTON_LIBRARY_FUNCTION(string_concat) {
  forEachPair(tensors, [&](const char *l, const char *r, int64_t i) {
    uint64_t left = strlen(l), right = strlen(r);
    auto *text = static_cast<char *>(keep(context, left + right + 1));
    memcpy(text, l, left);
    memcpy(text + left, r, right + 1);
    elements<const char *>(tensors[2])[i] = text;
  });
}

LEPTON_LIBRARY_FUNCTION(string_split_count) {
  int64_t strings = elementCount(tensors[0]);
  for (int64_t i = 0; i < strings; ++i) {
    Splitter splitter = {elements<const char *>(tensors[0])[i], elements<const char>(tensors[1]), numbers[0]};
    int64_t parts = 0;
    const char *begin;
    for (uint64_t length; splitter.next(begin, length);)
      ++parts;
    elements<int64_t>(tensors[2])[i] = parts;
  }
}

LEPTON_LIBRARY_FUNCTION(string_split) {
  int64_t strings = elementCount(tensors[0]), width = tensors[3].shape[tensors[3].rank - 1];
  for (int64_t i = 0; i < strings; ++i) {
    Splitter splitter = {elements<const char *>(tensors[0])[i], elements<const char>(tensors[1]), numbers[0]};
    for (int64_t part = 0; part < width; ++part) {
      const char *begin = "";
      uint64_t length = 0;
      bool found = splitter.next(begin, length);
      elements<const char *>(tensors[3])[i * width + part] = copyString(context, begin, found ? length : 0);
    }
  }
}

LEPTON_LIBRARY_FUNCTION(string_case) {
  int64_t strings = elementCount(tensors[0]);
  for (int64_t i = 0; i < strings; ++i) {
    const char *text = elements<const char *>(tensors[0])[i];
    char *copy = copyString(context, text, strlen(text));
    changeCase(copy, numbers[0] != 0);
    elements<const char *>(tensors[1])[i] = copy;
  }
}

LEPTON_LIBRARY_FUNCTION(string_lookup) {
  int64_t strings = elementCount(tensors[0]);
  const char *bytes = elements<const char>(tensors[1]);
  const auto *offsets = elements<const int64_t>(tensors[2]);
  for (int64_t i = 0; i < strings; ++i) {
    const char *text = elements<const char *>(tensors[0])[i];
    int64_t low = 0, high = tensors[2].shape[0]; // the first that is not less lies in [low, high]
    while (low < high) {
      int64_t middle = low + (high - low) / 2;
      if (strcmp(bytes + offsets[middle], text) < 0)
        low = middle + 1;
      else
        high = middle;
    }
    bool found = low < tensors[2].shape[0] && strcmp(bytes + offsets[low], text) == 0;
    elements<int64_t>(tensors[3])[i] = found ? low : -1;
  }
}

LEPTON_LIBRARY_FUNCTION(string_rank) {
  const Key *sorted = sortedKeys(context, tensors[0]);
  for (int64_t i = 0, rank = 0, strings = elementCount(tensors[0]); i < strings; ++i) {
    rank += i > 0 && compareKeys(sorted[i - 1], sorted[i]) != 0;
    elements<int64_t>(tensors[1])[sorted[i].place] = rank;
  }
}

LEPTON_LIBRARY_FUNCTION(string_match) {
  int64_t strings = elementCount(tensors[0]), classes = tensors[2].shape[1];
  for (int64_t i = 0; i < strings; ++i) {
    int64_t state = 0;
    for (const char *at = elements<const char *>(tensors[0])[i]; *at; ++at) {
      uint8_t kind = elements<const uint8_t>(tensors[1])[static_cast<unsigned char>(*at)];
      state = elements<const int32_t>(tensors[2])[state * classes + kind];
    }
    elements<uint8_t>(tensors[4])[i] = elements<const uint8_t>(tensors[3])[state] != 0;
  }
}

LEPTON_LIBRARY_FUNCTION(string_to_number) {
  int64_t strings = elementCount(tensors[0]);
  for (int64_t i = 0; i < strings; ++i) {
    const char *text = elements<const char *>(tensors[0])[i];
    char *end = nullptr;
    if (tensors[1].dtype == LEPTON_INT64)
      elements<int64_t>(tensors[1])[i] = strtoll(text, &end, 10);
    else
      elements<double>(tensors[1])[i] = strtod(text, &end);
    if (end == text || *end)
      failNode(context, node, "the string '%.60s' is no number", text);
  }
}

LEPTON_LIBRARY_FUNCTION(number_to_string) {
  int64_t total = elementCount(tensors[0]);
  for (int64_t i = 0; i < total; ++i) {
    char text[64];
    if (tensors[0].dtype == LEPTON_FLOAT)
      spellFloat(elements<const float>(tensors[0])[i], text, sizeof text);
    else if (tensors[0].dtype == LEPTON_DOUBLE)
      spellFloat(elements<const double>(tensors[0])[i], text, sizeof text);
    else
      snprintf(text, sizeof text, tensors[0].dtype == LEPTON_UINT64 ? "%llu" : "%lld",
               elements<const long long>(tensors[0])[i]);
    elements<const char *>(tensors[1])[i] = copyString(context, text, strlen(text));
  }
}
