//===- raw_images.cpp - Formats whose pixels are not compressed: PNM, TIFF ---===//
#include "image.h"
#include <string.h>

namespace lepton::rt {

static uint8_t *allocateRgb(lepton_context *context, const ImageSize &size) {
  return static_cast<uint8_t *>(lepton_rt_alloc(context, size.height * size.width * 3));
}

//===----------------------------------------------------------------------===//
// PNM: P5, gray, and P6, RGB
//===----------------------------------------------------------------------===//

namespace {
struct PnmHead {
  int64_t width = 0, height = 0, greatest = 0; // values go from 0 to `greatest`
  int64_t end = 2;                             // where the pixels begin
  int channels = 1;
};
} // namespace

static bool isSpace(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// The next number in decimal behind white space and comments.
static bool readNumber(const ImageFile &file, int64_t &at, int64_t &number) {
  bool isComment = false;
  for (; at < file.size && (isComment || isSpace(file.bytes[at]) || file.bytes[at] == '#'); ++at)
    isComment = file.bytes[at] == '#' || (isComment && file.bytes[at] != '\n' && file.bytes[at] != '\r');
  int64_t begin = at;
  for (number = 0; at < file.size && file.bytes[at] >= '0' && file.bytes[at] <= '9' && number <= kMostPixels; ++at)
    number = number * 10 + (file.bytes[at] - '0');
  return at > begin && at < file.size;
}

static bool readHead(const ImageFile &file, PnmHead &head) {
  head.channels = file.bytes[1] == '6' ? 3 : 1;
  return readNumber(file, head.end, head.width) && readNumber(file, head.end, head.height) &&
         readNumber(file, head.end, head.greatest) && head.greatest > 0 && head.greatest < 65536 &&
         isSpace(file.bytes[head.end++]);
}

static bool isPnm(const ImageFile &file) {
  return (file.begins("P5", 2) || file.begins("P6", 2)) && file.size > 2 &&
         (isSpace(file.bytes[2]) || file.bytes[2] == '#');
}

static bool measurePnm(lepton_context *, const ImageFile &file, ImageSize &size) {
  PnmHead head;
  if (!readHead(file, head))
    return false;
  size = {head.height, head.width};
  return true;
}

/// `value` of `greatest` as one of 255, halves rounded to even.
static uint8_t scaled(int64_t value, int64_t greatest) {
  if (greatest == 255)
    return uint8_t(value);
  if (value >= greatest)
    return 255;
  int64_t twice = value * 510 + greatest, rounded = twice / (2 * greatest);
  bool isHalf = twice % (2 * greatest) == 0;
  return uint8_t(rounded - (isHalf && rounded % 2));
}

static uint8_t *decodePnm(lepton_context *context, const ImageFile &file, const ImageSize &size) {
  PnmHead head;
  if (!readHead(file, head))
    return nullptr;
  int64_t pixels = size.height * size.width, bytes = head.greatest > 255 ? 2 : 1;
  if (file.size - head.end < pixels * head.channels * bytes)
    return nullptr;
  uint8_t *rgb = allocateRgb(context, size);
  const uint8_t *from = file.bytes + head.end;
  for (int64_t i = 0; i < pixels * 3; ++i) {
    const uint8_t *at = from + (head.channels == 3 ? i : i / 3) * bytes;
    rgb[i] = scaled(bytes == 2 ? at[0] * 256 + at[1] : at[0], head.greatest);
  }
  return rgb;
}

//===----------------------------------------------------------------------===//
// TIFF: strips of gray or RGB without compression
//===----------------------------------------------------------------------===//

namespace {

/// Numbers of 2 or 4 bytes in a file.
struct List {
  int64_t at = 0, count = 0, bytes = 0;
};

/// The first image of a file: its directory of tagged lists of numbers.
class Tiff {
public:
  explicit Tiff(const ImageFile &file) : file(file), isBig(file.bytes[0] == 'M') {
    directory = read(4, 4);
    entries = read(directory, 2);
  }

  /// The list with a tag, without elements where there is none.
  List list(int tag) const {
    for (int64_t i = 0, entry = directory + 2; i < entries; ++i, entry += 12) {
      int64_t type = read(entry + 2, 2), count = read(entry + 4, 4), bytes = type == 3 ? 2 : 4;
      if (read(entry, 2) == tag && (type == 3 || type == 4))
        return {count * bytes <= 4 ? entry + 8 : read(entry + 8, 4), count, bytes};
    }
    return {};
  }

  int64_t element(const List &list, int64_t i, int64_t missing) const {
    return i < list.count ? read(list.at + i * list.bytes, list.bytes) : missing;
  }

  int64_t number(int tag, int64_t missing) const { return element(list(tag), 0, missing); }

private:
  /// 0 beyond the end of the file, which no number that matters is.
  int64_t read(int64_t at, int64_t bytes) const {
    if (at > file.size - bytes)
      return 0;
    int64_t number = 0;
    for (int64_t i = 0; i < bytes; ++i)
      number = number * 256 + file.bytes[at + (isBig ? i : bytes - 1 - i)];
    return number;
  }

  const ImageFile &file;
  bool isBig;
  int64_t directory, entries;
};

enum Tag {
  Width = 256,
  Height = 257,
  BitsPerSample = 258,
  Compression = 259,
  Photometric = 262,
  StripOffsets = 273,
  SamplesPerPixel = 277,
  RowsPerStrip = 278,
  StripBytes = 279,
  Planar = 284,
};

enum Photometry { WhiteIsZero = 0, BlackIsZero = 1, Rgb = 2 };

} // namespace

static bool isTiff(const ImageFile &file) { return file.begins("II*\0", 4) || file.begins("MM\0*", 4); }

static bool measureTiff(lepton_context *, const ImageFile &file, ImageSize &size) {
  Tiff tiff(file);
  size = {tiff.number(Height, 0), tiff.number(Width, 0)};
  return size.height > 0 && size.width > 0;
}

/// `count` pixels of `samples` bytes each.
static void readPixels(const uint8_t *from, int64_t count, int64_t samples, int64_t photometry, uint8_t *rgb) {
  for (int64_t i = 0; i < count; ++i, from += samples)
    for (int channel = 0; channel < 3; ++channel, ++rgb)
      *rgb = photometry == Rgb ? from[channel] : photometry == BlackIsZero ? from[0] : uint8_t(255 - from[0]);
}

static uint8_t *decodeTiff(lepton_context *context, const ImageFile &file, const ImageSize &size) {
  Tiff tiff(file);
  int64_t samples = tiff.number(SamplesPerPixel, 1), photometry = tiff.number(Photometric, -1);
  if (samples < (photometry == Rgb ? 3 : 1) || samples > 4 || photometry < WhiteIsZero || photometry > Rgb ||
      tiff.number(Compression, 1) != 1 || (samples > 1 && tiff.number(Planar, 1) != 1))
    return nullptr;
  List depths = tiff.list(BitsPerSample), offsets = tiff.list(StripOffsets), lengths = tiff.list(StripBytes);
  for (int64_t i = 0; i < samples; ++i)
    if (tiff.element(depths, i, 1) != 8)
      return nullptr;
  int64_t rowsPerStrip = tiff.number(RowsPerStrip, size.height), rowBytes = size.width * samples;
  if (rowsPerStrip < 1 || offsets.count < (size.height + rowsPerStrip - 1) / rowsPerStrip)
    return nullptr;
  uint8_t *rgb = allocateRgb(context, size);
  for (int64_t row = 0, strip = 0; row < size.height; row += rowsPerStrip, ++strip) {
    int64_t left = size.height - row, rows = left < rowsPerStrip ? left : rowsPerStrip, bytes = rows * rowBytes;
    int64_t offset = tiff.element(offsets, strip, 0);
    if (offset < 8 || offset > file.size - bytes || tiff.element(lengths, strip, bytes) < bytes) {
      lepton_rt_free(context, rgb);
      return nullptr;
    }
    readPixels(file.bytes + offset, rows * size.width, samples, photometry, rgb + row * size.width * 3);
  }
  return rgb;
}

extern const ImageFormat pnmFormat = {"PNM", isPnm, measurePnm, decodePnm};
extern const ImageFormat tiffFormat = {"TIFF", isTiff, measureTiff, decodeTiff};

} // namespace lepton::rt
