//===- images.cpp - What the ops on image files call ------------------------===//
#include "image.h"
#include "library.h"

namespace lepton::rt {

using Long = long long;

static const ImageFormat *const kFormats[] = {&jpegFormat, &pngFormat, &bmpFormat, &pnmFormat, &tiffFormat};

/// What a file is whose format has no decoder here, for the message.
static const char *nameOfOther(const ImageFile &file) {
  if (file.begins("RIFF", 4) && file.begins("WEBP", 4, 8))
    return "a WebP image";
  if (file.begins("\0\0\0\fjP  ", 8) || file.begins("\xFF\x4F\xFF\x51", 4))
    return "a JPEG 2000 image";
  if (file.begins("GIF8", 4))
    return "a GIF image";
  return file.size ? "in none of the supported formats" : "empty";
}

/// The format and the size of an image; null after failing the run.
static const ImageFormat *openImage(lepton_context *context, const char *node, const ImageFile &file, ImageSize &size) {
  const ImageFormat *format = nullptr;
  for (const ImageFormat *candidate : kFormats)
    if (candidate->recognize(file))
      format = candidate;
  if (!format) {
    failNode(context, node, "the encoded image is %s; give it as JPEG, PNG, BMP, PNM (P5 or P6) or TIFF",
             nameOfOther(file));
    return nullptr;
  }
  if (!format->measure(context, file, size)) {
    failNode(context, node, "the head of the %s image is damaged, or of a kind that is not supported; encode it anew",
             format->name);
    return nullptr;
  }
  if (!size.isAllowed()) {
    failNode(context, node, "the %s image has %lld x %lld pixels, at most %lld in all are allowed; make it smaller",
             format->name, Long(size.width), Long(size.height), Long(kMostPixels));
    return nullptr;
  }
  return format;
}

static ImageFile fileOf(const lepton_tensor &tensor) { return {elements<const uint8_t>(tensor), elementCount(tensor)}; }

static void reverseChannels(const uint8_t *rgb, int64_t pixels, uint8_t *bgr) {
  for (int64_t i = 0; i < pixels; ++i)
    for (int channel = 0; channel < 3; ++channel)
      bgr[3 * i + channel] = rgb[3 * i + 2 - channel];
}

/// The luma of ITU-R BT.601 in fixed point, rounded.
static void toGrayscale(const uint8_t *rgb, int64_t pixels, uint8_t *gray) {
  for (int64_t i = 0; i < pixels; ++i, rgb += 3)
    gray[i] = uint8_t((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

} // namespace lepton::rt

using namespace lepton::rt;

LEPTON_LIBRARY_FUNCTION(image_size) {
  ImageSize size;
  if (!openImage(context, node, fileOf(tensors[0]), size))
    size = ImageSize(); // so that nothing is made of an image that is none
  elements<int64_t>(tensors[1])[0] = size.height;
  elements<int64_t>(tensors[1])[1] = size.width;
}

LEPTON_LIBRARY_FUNCTION(image_decode) {
  const lepton_tensor &result = tensors[2];
  ImageFile file = fileOf(tensors[0]);
  ImageSize size;
  const ImageFormat *format = openImage(context, node, file, size);
  if (!format)
    return;
  if (size.height != result.shape[0] || size.width != result.shape[1])
    return failNode(context, node, "the image has %lld x %lld pixels, the model says %lld x %lld", Long(size.width),
                    Long(size.height), Long(result.shape[1]), Long(result.shape[0]));
  uint8_t *rgb = format->decode(context, file, size);
  if (!rgb)
    return failNode(context, node,
                    "the %s image is cut off, damaged, or of a kind that is not supported; encode it "
                    "anew",
                    format->name);
  bool isReversed = numbers[0] != 0, isGray = numbers[1] != 0;
  int64_t pixels = size.height * size.width;
  if (isGray)
    toGrayscale(rgb, pixels, elements<uint8_t>(result));
  else if (isReversed)
    reverseChannels(rgb, pixels, elements<uint8_t>(result));
  else
    memcpy(elements<uint8_t>(result), rgb, uint64_t(pixels) * 3);
  lepton_rt_free(context, rgb);
}
