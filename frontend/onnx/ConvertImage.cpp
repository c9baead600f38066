//===- ConvertImage.cpp - operators on image files --------------------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

LogicalResult imageDecoder(Node &n) {
  Value encoded = n.input(0);
  if (!elementTypeOf(encoded).isUnsignedInteger(8) || rankOf(encoded) != 1)
    return n.error("takes the bytes of a file, uint8 [count]");
  std::string format = n.text("pixel_format", "RGB");
  if (format != "RGB" && format != "BGR" && format != "Grayscale")
    return n.error("has the pixel_format '" + format + "'; RGB, BGR and Grayscale are allowed");
  SmallVector<NamedAttribute> flags;
  if (format != "RGB")
    flags.push_back(n.g.flag(format == "BGR" ? "bgr" : "grayscale"));
  return n.result(n.make<ImageDecodeOp>({encoded, n.make<ImageSizeOp>(encoded)}, flags));
}

const Entry entries[] = {
    {"ImageDecoder", 20, imageDecoder, "", "no JPEG 2000 and no WebP"},
};

} // namespace

ArrayRef<Entry> importer::imageConverters() { return entries; }
