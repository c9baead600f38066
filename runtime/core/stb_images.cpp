//===- stb_images.cpp - Compressed formats, by the library stb_image --------===//
//
// PNG and BMP as the library decodes them. Of its JPEG decoder the entropy decoder is taken, with a loop over the markers that checks the tables
// which the library trusts; what follows is done to the bit as libjpeg does it, on which the programs that trained the models relied: its exact
// integer transform, its triangle filter for chroma, its conversion of colors.
//
//===----------------------------------------------------------------------===//
#include "image.h"
#include <limits.h>
#include <string.h>

namespace {
/// The run whose memory the library takes, and how much it may take at once: it passes nothing to its allocator.
struct Lender {
  lepton_context *context;
  uint64_t most;
};
} // namespace

/// In the thread's first block of such variables, since only the C library is there to find another.
static __thread Lender lender __attribute__((tls_model("initial-exec")));

/// A null ends the decoder.
static void *allocateForLibrary(uint64_t bytes) {
  return bytes <= lender.most ? lepton_rt_alloc(lender.context, int64_t(bytes)) : nullptr;
}

static void freeForLibrary(void *memory) { lepton_rt_free(lender.context, memory); }

static void *reallocateForLibrary(void *memory, uint64_t oldBytes, uint64_t bytes) {
  void *moved = allocateForLibrary(bytes);
  if (!moved)
    return nullptr;
  if (memory)
    memcpy(moved, memory, oldBytes < bytes ? oldBytes : bytes);
  freeForLibrary(memory);
  return moved;
}

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_SIMD // the same bits on every processor
#define STBI_NO_THREAD_LOCALS
#define STBI_NO_FAILURE_STRINGS
#define STBI_MAX_DIMENSIONS (1 << 24)
#define STBI_ASSERT(condition) ((void)0)
#define STBI_MALLOC(bytes) allocateForLibrary(bytes)
#define STBI_REALLOC_SIZED(memory, oldBytes, bytes) reallocateForLibrary(memory, oldBytes, bytes)
#define STBI_FREE(memory) freeForLibrary(memory)
#include <stb/stb_image.h>
#pragma clang diagnostic pop

namespace lepton::rt {

static bool isReadable(const ImageFile &file) { return file.size <= INT_MAX; }

/// To be called before the library is. What is said to be compressed can be far more than the image needs: 8 bytes a pixel, in whole blocks of
/// JPEG, and twice as much where a buffer grows by doubling.
static void lend(lepton_context *context, const ImageFile &file, const ImageSize &size) {
  int64_t pixels = (size.height + 32) * (size.width + 32);
  lender = {context, uint64_t(2 * (pixels * 8 + file.size) + 65536)};
}

static bool measureByLibrary(lepton_context *context, const ImageFile &file, ImageSize &size) {
  int width, height, channels;
  lend(context, file, size);
  if (!isReadable(file) || !stbi_info_from_memory(file.bytes, int(file.size), &width, &height, &channels))
    return false;
  size = {height, width};
  return true;
}

static uint8_t *decodeByLibrary(lepton_context *context, const ImageFile &file, const ImageSize &size) {
  int width, height, channels;
  lend(context, file, size);
  return stbi_load_from_memory(file.bytes, int(file.size), &width, &height, &channels, 3);
}

//===----------------------------------------------------------------------===//
// PNG, BMP
//===----------------------------------------------------------------------===//

static bool isPng(const ImageFile &file) { return file.begins("\x89PNG\r\n\x1A\n", 8); }

static bool isBmp(const ImageFile &file) { return file.begins("BM", 2); }

/// The library takes what is cut off for black.
static uint8_t *decodeBmp(lepton_context *context, const ImageFile &file, const ImageSize &size) {
  auto number = [&](int64_t at, int bytes) {
    int64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i)
      value = value * 256 + (at + i < file.size ? file.bytes[at + i] : 0);
    return value;
  };
  int64_t offset = number(10, 4), bits = size.width * number(number(14, 4) == 12 ? 24 : 28, 2);
  int64_t before = (bits + 31) / 32 * 4 * (size.height - 1); // the last row may lack what fills it up
  return offset + before + (bits + 7) / 8 <= file.size ? decodeByLibrary(context, file, size) : nullptr;
}

//===----------------------------------------------------------------------===//
// JPEG: from the bytes to samples
//===----------------------------------------------------------------------===//

static uint8_t clamp(int64_t value) { return uint8_t(value < 0 ? 0 : value > 255 ? 255 : value); }

/// The inverse cosine transform of eight numbers by Loeffler, Ligtenberg and Moschytz, in fixed point of 13 bits.
static void transform(const int64_t *in, int64_t *out, int shift) {
  int64_t half = (in[2] + in[6]) * 4433, even[4], odd[4];
  int64_t low = half - in[6] * 15137, high = half + in[2] * 6270;
  int64_t sum = (in[0] + in[4]) * 8192, difference = (in[0] - in[4]) * 8192;
  even[0] = sum + high;
  even[1] = difference + low;
  even[2] = difference - low;
  even[3] = sum - high;
  int64_t z1 = (in[7] + in[1]) * -7373, z2 = (in[5] + in[3]) * -20995, z3 = in[7] + in[3], z4 = in[5] + in[1];
  int64_t z5 = (z3 + z4) * 9633;
  z3 = z3 * -16069 + z5;
  z4 = z4 * -3196 + z5;
  odd[0] = in[1] * 12299 + z1 + z4;
  odd[1] = in[3] * 25172 + z2 + z3;
  odd[2] = in[5] * 16819 + z2 + z4;
  odd[3] = in[7] * 2446 + z1 + z3;
  for (int i = 0; i < 4; ++i) {
    out[i] = (even[i] + odd[i] + (int64_t(1) << (shift - 1))) >> shift;
    out[7 - i] = (even[i] - odd[i] + (int64_t(1) << (shift - 1))) >> shift;
  }
}

static void transformBlock(stbi_uc *out, int stride, short data[64]) {
  int64_t columns[8][8], line[8], result[8]; // columns[x][y]
  for (int x = 0; x < 8; ++x) {
    for (int y = 0; y < 8; ++y)
      line[y] = data[y * 8 + x];
    transform(line, columns[x], 11);
  }
  for (int y = 0; y < 8; ++y, out += stride) {
    for (int x = 0; x < 8; ++x)
      line[x] = columns[x][y];
    transform(line, result, 18);
    for (int x = 0; x < 8; ++x)
      out[x] = clamp(result[x] + 128);
  }
}

namespace {

/// The library's decoder, led through the file's segments.
class JpegReader {
public:
  JpegReader(lepton_context *context, const ImageFile &file, const ImageSize &size) {
    lend(context, file, size);
    jpeg = static_cast<stbi__jpeg *>(lepton_rt_alloc(context, sizeof(stbi__jpeg)));
    memset(jpeg, 0, sizeof *jpeg); // a table that the file lacks is empty
    stbi__start_mem(&stream, file.bytes, int(file.size));
    jpeg->s = &stream;
    jpeg->idct_block_kernel = transformBlock;
  }

  void release() {
    stbi__free_jpeg_components(jpeg, 4, 0);
    freeForLibrary(jpeg);
  }

  /// Reads until the frame's header, of which `stream` then has the size.
  bool readHead(int depth) {
    jpeg->app14_color_transform = -1;
    jpeg->marker = STBI__MARKER_none;
    if (!stbi__SOI(stbi__get_marker(jpeg)))
      return false;
    int marker;
    while (marker = nextMarker(), !stbi__SOF(marker))
      if (!readSegment(marker))
        return false;
    jpeg->progressive = stbi__SOF_progressive(marker);
    return stbi__process_frame_header(jpeg, depth);
  }

  /// Decodes all components.
  bool readImage() {
    if (!readHead(STBI__SCAN_load))
      return false;
    for (int i = 0; i < stream.img_n; ++i) { // scans may leave some of it out
      auto &part = jpeg->img_comp[i];
      memset(part.data, 0, size_t(part.w2) * part.h2);
      if (part.coeff)
        memset(part.coeff, 0, size_t(part.w2) * part.h2 * sizeof(short));
    }
    constexpr int kMostScans = 1000; // few bytes must not ask for much time
    for (int scans = 0, marker; marker = nextMarker(), !stbi__EOI(marker);) {
      if (stbi__SOS(marker) ? ++scans > kMostScans || !readScan() : !readSegment(marker))
        return false;
    }
    stbi__jpeg_finish(jpeg);
    return begun == (1u << stream.img_n) - 1;
  }

  stbi__jpeg *jpeg;
  stbi__context stream;

private:
  /// STBI__MARKER_none at the end of the file.
  int nextMarker() {
    int marker;
    do
      marker = stbi__get_marker(jpeg);
    while (marker == STBI__MARKER_none && !stbi__at_eof(&stream));
    return marker;
  }

  bool readSegment(int marker) {
    constexpr int kHuffmanTables = 0xC4;
    return (marker != kHuffmanTables || areTablesSound()) && stbi__process_marker(jpeg, marker);
  }

  /// The library has room for 256 codes and does not ask how many there are.
  bool areTablesSound() {
    const uint8_t *at = stream.img_buffer, *end = stream.img_buffer_end;
    int64_t left = end - at < 2 ? -1 : at[0] * 256 + at[1] - 2;
    if (left > end - at - 2)
      return false;
    for (at += 2; left >= 17;) {
      int64_t codes = 0;
      for (int length = 1; length <= 16; ++length)
        codes += at[length];
      if (codes > 256 || codes > left - 17 || at[0] >> 4 > 1 || (at[0] & 15) > 3)
        return false;
      tables |= 1u << (at[0] >> 4 << 2 | (at[0] & 15));
      left -= 17 + codes;
      at += 17 + codes;
    }
    return left == 0;
  }

  bool hasTable(int kind, int number) const { return tables >> (kind * 4 + number) & 1; }

  bool readScan() {
    if (!stbi__process_scan_header(jpeg))
      return false;
    for (int i = 0; i < jpeg->scan_n; ++i) {
      auto &part = jpeg->img_comp[jpeg->order[i]];
      bool needsFirst = jpeg->spec_start == 0 && jpeg->succ_high == 0, needsOthers = jpeg->spec_end > 0;
      if ((needsFirst && !hasTable(0, part.hd)) || (needsOthers && !hasTable(1, part.ha)))
        return false;
      begun |= needsFirst ? 1u << jpeg->order[i] : 0;
    }
    return stbi__parse_entropy_coded_data(jpeg);
  }

  unsigned begun = 0;  // bits of the components that have had a scan
  unsigned tables = 0; // bits of those that the file has given: four for the first coefficients, four for the others
};

//===----------------------------------------------------------------------===//
// JPEG: from samples to RGB
//===----------------------------------------------------------------------===//

/// A component in the image's resolution, row by row.
class JpegRows {
public:
  void begin(const stbi__jpeg &jpeg, int i, uint8_t *buffer) {
    auto &part = jpeg.img_comp[i];
    samples = part.data;
    stride = part.w2;
    width = part.x;
    height = part.y;
    across = jpeg.img_h_max / part.h;
    down = jpeg.img_v_max / part.v;
    row = buffer;
  }

  /// The bytes of the buffer that `begin` needs.
  static int64_t bufferBytes(const stbi__jpeg &jpeg, int i) {
    return int64_t(jpeg.img_comp[i].x) * (jpeg.img_h_max / jpeg.img_comp[i].h);
  }

  const uint8_t *at(int64_t y) {
    const uint8_t *near = samples + y / down * stride;
    int64_t other = y % down == 0 ? y / down - 1 : y / down + 1;
    const uint8_t *far = samples + (other < 0 ? 0 : other >= height ? height - 1 : other) * stride;
    if (across == 2 && down <= 2 && width > 2)
      spread(near, far);
    else if (across == 1 && down == 2)
      for (int64_t x = 0; x < width; ++x)
        row[x] = uint8_t((3 * near[x] + far[x] + (y % 2 ? 2 : 1)) >> 2);
    else
      for (int64_t x = 0; x < width * across; ++x)
        row[x] = near[x / across];
    return row;
  }

private:
  /// Two samples of each, of three parts its own and one part its neighbor's.
  void spread(const uint8_t *near, const uint8_t *far) {
    bool isSum = down == 2;
    auto column = [&](int64_t x) { return isSum ? 3 * near[x] + far[x] : int(near[x]); };
    int shift = isSum ? 4 : 2, left = isSum ? 8 : 1, right = isSum ? 7 : 2;
    int before = column(0), here = before;
    for (int64_t x = 0; x < width; ++x) {
      int after = x + 1 < width ? column(x + 1) : here;
      row[2 * x] = uint8_t((3 * here + before + left) >> shift);
      row[2 * x + 1] = uint8_t((3 * here + after + right) >> shift);
      before = here;
      here = after;
    }
  }

  const uint8_t *samples;
  int64_t stride, width, height, across, down;
  uint8_t *row;
};

} // namespace

static void toRgb(int y, int cb, int cr, uint8_t *rgb) {
  rgb[0] = clamp(y + ((91881 * (cr - 128) + 32768) >> 16));
  rgb[1] = clamp(y + ((-22554 * (cb - 128) - 46802 * (cr - 128) + 32768) >> 16));
  rgb[2] = clamp(y + ((116130 * (cb - 128) + 32768) >> 16));
}

/// Takes from the light that black leaves what an ink takes.
static uint8_t inked(int ink, int light) {
  int product = ink * light + 128;
  return clamp(light - ((product + (product >> 8)) >> 8));
}

static void convertRow(const stbi__jpeg &jpeg, const uint8_t *const *rows, int64_t width, uint8_t *rgb) {
  int channels = jpeg.s->img_n, adobe = jpeg.app14_color_transform; // -1: made by another program
  bool isRgb = channels == 3 && (jpeg.rgb == 3 || (adobe == 0 && !jpeg.jfif));
  for (int64_t x = 0; x < width; ++x, rgb += 3) {
    if (channels == 1 || isRgb) {
      for (int c = 0; c < 3; ++c)
        rgb[c] = rows[channels == 1 ? 0 : c][x];
      continue;
    }
    if (channels == 3 || adobe == 2)
      toRgb(rows[0][x], rows[1][x], rows[2][x], rgb);
    if (channels == 4) { // Adobe's programs write inks inverted
      int light = adobe < 0 ? 255 - rows[3][x] : rows[3][x];
      for (int c = 0; c < 3; ++c)
        rgb[c] = inked(adobe == 2 ? rgb[c] : adobe < 0 ? rows[c][x] : 255 - rows[c][x], light);
    }
  }
}

static bool isJpeg(const ImageFile &file) { return file.begins("\xFF\xD8\xFF", 3); }

static bool measureJpeg(lepton_context *context, const ImageFile &file, ImageSize &size) {
  if (!isReadable(file))
    return false;
  JpegReader reader(context, file, size);
  bool isRead = reader.readHead(STBI__SCAN_header);
  size = {int64_t(reader.stream.img_y), int64_t(reader.stream.img_x)};
  reader.release();
  return isRead;
}

static uint8_t *decodeJpeg(lepton_context *context, const ImageFile &file, const ImageSize &size) {
  JpegReader reader(context, file, size);
  uint8_t *rgb = nullptr;
  if (reader.readImage()) {
    rgb = static_cast<uint8_t *>(lepton_rt_alloc(context, size.height * size.width * 3));
    const stbi__jpeg &jpeg = *reader.jpeg;
    JpegRows parts[4];
    const uint8_t *rows[4];
    for (int i = 0; i < reader.stream.img_n; ++i) {
      reader.jpeg->img_comp[i].linebuf =
          static_cast<stbi_uc *>(allocateForLibrary(uint64_t(JpegRows::bufferBytes(jpeg, i))));
      parts[i].begin(jpeg, i, jpeg.img_comp[i].linebuf);
    }
    for (int64_t y = 0; y < size.height; ++y) {
      for (int i = 0; i < reader.stream.img_n; ++i)
        rows[i] = parts[i].at(y);
      convertRow(jpeg, rows, size.width, rgb + y * size.width * 3);
    }
  }
  reader.release();
  return rgb;
}

extern const ImageFormat jpegFormat = {"JPEG", isJpeg, measureJpeg, decodeJpeg};
extern const ImageFormat pngFormat = {"PNG", isPng, measureByLibrary, decodeByLibrary};
extern const ImageFormat bmpFormat = {"BMP", isBmp, measureByLibrary, decodeBmp};

} // namespace lepton::rt
