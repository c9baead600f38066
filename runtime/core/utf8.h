//===- utf8.h - Letters and their cases -------------------------------------===//
//
// Unicode's simple case mapping for the alphabets that European languages and their neighbours use. Both letters of a pair take the same number of
// bytes in UTF-8, so a text keeps its length.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_UTF8_H
#define LEPTON_RUNTIME_CORE_UTF8_H

#include <stdint.h>

namespace lepton::rt {

/// Capital letters first..last, every `step`th code point, whose small letters are `distance` further on.
struct CaseRange {
  uint16_t first, last, step, distance;
};

inline constexpr CaseRange kCaseRanges[] = {
    {'A', 'Z', 1, 32},       {0x00C0, 0x00D6, 1, 32}, {0x00D8, 0x00DE, 1, 32}, {0x0100, 0x012E, 2, 1},
    {0x0132, 0x0136, 2, 1},  {0x0139, 0x0147, 2, 1},  {0x014A, 0x0176, 2, 1},  {0x0179, 0x017D, 2, 1},
    {0x0386, 0x0386, 1, 38}, {0x0388, 0x038A, 1, 37}, {0x038C, 0x038C, 1, 64}, {0x038E, 0x038F, 1, 63},
    {0x0391, 0x03A1, 1, 32}, {0x03A3, 0x03AB, 1, 32}, {0x0400, 0x040F, 1, 80}, {0x0410, 0x042F, 1, 32},
    {0x0460, 0x0480, 2, 1},  {0x048A, 0x04BE, 2, 1},  {0x04C1, 0x04CD, 2, 1},  {0x04D0, 0x052E, 2, 1},
    {0x0531, 0x0556, 1, 48},
};

/// The letter's counterpart of the wanted case; the letter itself where there is none.
inline uint16_t changeCase(uint16_t letter, bool upper) {
  for (const CaseRange &range : kCaseRanges) {
    uint16_t shift = upper ? range.distance : 0;
    if (letter < range.first + shift || letter > range.last + shift || (letter - range.first - shift) % range.step)
      continue;
    return upper ? letter - range.distance : letter + range.distance;
  }
  return letter;
}

/// Changes the case of a text in place. What is no valid UTF-8 stays.
inline void changeCase(char *text, bool upper) {
  auto *at = reinterpret_cast<unsigned char *>(text);
  for (; *at; ++at) {
    if (*at < 0x80) {
      *at = static_cast<unsigned char>(changeCase(*at, upper));
    } else if ((*at & 0xE0) == 0xC0 && (at[1] & 0xC0) == 0x80) { // two bytes
      uint16_t letter = changeCase(uint16_t((*at & 0x1F) << 6 | (at[1] & 0x3F)), upper);
      at[0] = static_cast<unsigned char>(0xC0 | letter >> 6);
      *++at = static_cast<unsigned char>(0x80 | (letter & 0x3F));
    }
  }
}

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_UTF8_H
