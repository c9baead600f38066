//===- image.h - Decoders of image files ------------------------------------===//
//
// Every decoder turns the bytes of a file into rows of RGB, one byte a channel, in memory of the run. Bytes are never trusted: what they say
// is checked before it is used, and sizes are limited.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_IMAGE_H
#define LEPTON_RUNTIME_CORE_IMAGE_H

#include "lepton_abi.h"

namespace lepton::rt {

/// An image larger than this is refused, so that few bytes cannot ask for much memory.
constexpr int64_t kMostPixels = int64_t(1) << 27;

struct ImageFile {
  const uint8_t *bytes;
  int64_t size;

  bool begins(const char *text, int64_t length, int64_t at = 0) const {
    return size >= at + length && __builtin_memcmp(bytes + at, text, uint64_t(length)) == 0;
  }
};

struct ImageSize {
  int64_t height = 0, width = 0;

  bool isAllowed() const {
    return height > 0 && width > 0 && height <= kMostPixels && width <= kMostPixels && height * width <= kMostPixels;
  }
};

/// A format: `measure` reads the size from the head, false where the head is damaged; `decode` gives RGB that lepton_rt_free takes back, null
/// where the bytes are damaged or of a kind that the decoder does not know.
struct ImageFormat {
  const char *name;
  bool (*recognize)(const ImageFile &file);
  bool (*measure)(lepton_context *context, const ImageFile &file, ImageSize &size);
  uint8_t *(*decode)(lepton_context *context, const ImageFile &file, const ImageSize &size);
};

extern const ImageFormat jpegFormat, pngFormat, bmpFormat, pnmFormat, tiffFormat;

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_IMAGE_H
