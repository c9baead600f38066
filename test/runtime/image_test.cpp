//===- image_test.cpp - Image files, whole and damaged ----------------------===//
//
// Linked with --wrap for the two functions below: what the decoders take from the run's pool comes from the C library, so that the sanitizers
// see where a block ends and whether it was given back.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"
#include <cstdlib>
#include <random>

static int64_t blocks = 0, bytesHeld = 0, bytesPeak = 0;

extern "C" {
constexpr int64_t kHead = 64; // before each block: its size

void *__wrap_lepton_rt_alloc(lepton_context *, int64_t bytes) {
  auto *block = static_cast<char *>(malloc(size_t(bytes + kHead)));
  memcpy(block, &bytes, sizeof bytes);
  ++blocks;
  bytesHeld += bytes;
  bytesPeak = bytesHeld > bytesPeak ? bytesHeld : bytesPeak;
  return block + kHead;
}

void __wrap_lepton_rt_free(lepton_context *, void *memory) {
  if (!memory)
    return;
  char *block = static_cast<char *>(memory) - kHead;
  int64_t bytes;
  memcpy(&bytes, block, sizeof bytes);
  --blocks;
  bytesHeld -= bytes;
  free(block);
}

void lepton_rt_image_size(lepton_context *, const char *, const lepton_tensor *, int64_t, const int64_t *);
void lepton_rt_image_decode(lepton_context *, const char *, const lepton_tensor *, int64_t, const int64_t *);
}

/// y[H, W, 3] of the file x, as compiled code computes it.
static int32_t decode(lepton_context *context) {
  const int64_t *count = lepton_rt_input_shape(context, 0), two = 2, noNumbers[] = {0, 0};
  int64_t size[] = {-1, -1};
  lepton_tensor tensors[3] = {{lepton_rt_input(context, 0), count, LEPTON_UINT8, 1, uint64_t(*count)},
                              {size, &two, LEPTON_INT64, 1, sizeof size},
                              {}};
  lepton_rt_image_size(context, "picture", tensors, 1, noNumbers);
  int64_t shape[] = {size[0], size[1], 3};
  tensors[2] = {lepton_rt_output(context, 0, shape), shape, LEPTON_UINT8, 3, uint64_t(size[0] * size[1] * 3)};
  lepton_rt_image_decode(context, "picture", tensors, 2, noNumbers);
  return lepton_rt_status(context);
}

static std::vector<uint8_t> fromHex(const std::string &hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(uint8_t(strtol(hex.substr(i, 2).c_str(), nullptr, 16)));
  return bytes;
}

struct Decoder {
  Decoder() : model(decode), session(model.input("x", LEPTON_UINT8, {-1}).output("y", LEPTON_UINT8, {-1, -1, 3})) {}

  /// The pixels, or nothing and the message in `session.error`.
  std::vector<uint8_t> run(std::vector<uint8_t> file) {
    Tensor input(LEPTON_UINT8, {int64_t(file.size())}, file);
    std::vector<lepton_tensor> outputs = {unallocated()};
    lepton_status status = session.run({input}, outputs);
    std::vector<uint8_t> pixels;
    if (status == LEPTON_OK)
      pixels.assign(static_cast<uint8_t *>(outputs[0].data),
                    static_cast<uint8_t *>(outputs[0].data) + outputs[0].bytes);
    lepton_tensor_release(&outputs[0]);
    return pixels;
  }

  FakeModel model;
  Session session;
};

// 3 x 2 pixels.
static const char kPng[] =
    "89504e470d0a1a0a0000000d49484452000000030000000208020000001216f14d0000001849444154789c05c10101000000"
    "8220fa7fcc59011565023a4286057a306105650000000049454e44ae426082";

// 17 x 9 pixels, chroma halved in both directions.
static const char kJpeg[] =
    "ffd8ffdb004300281c1e231e19282321232d2b28303c64413c37373c7b585d4964918099968f808c8aa0b4e6c3a0aadaad8a"
    "8cc8ffcbdaeef5ffffff9bc1fffffffaffe6fdfff8ffdb0043012b2d2d3c353c76414176f8a58ca5f8f8f8f8f8f8f8f8f8f8"
    "f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8ffc00011080009001103"
    "012200021101031101ffc400160001010100000000000000000000000000030004ffc4001510010100000000000000000000"
    "000000000002ffc400160101010100000000000000000000000000040203ffc4001611010101000000000000000000000000"
    "00000203ffda000c03010002110311003f00c7078041e06a5e24493331ffd9";

// The same pixels, in ten scans.
static const char kProgressiveJpeg[] =
    "ffd8ffdb004300281c1e231e19282321232d2b28303c64413c37373c7b585d4964918099968f808c8aa0b4e6c3a0aadaad8a"
    "8cc8ffcbdaeef5ffffff9bc1fffffffaffe6fdfff8ffdb0043012b2d2d3c353c76414176f8a58ca5f8f8f8f8f8f8f8f8f8f8"
    "f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8ffc20011080009001103"
    "012200021101031101ffc400160001010100000000000000000000000000020003ffc4001601010101000000000000000000"
    "00000000030102ffda000c03010002100310000001c586555596ffc40014100100000000000000000000000000000020ffda"
    "00080101000105025fffc4001511010100000000000000000000000000000210ffda0008010301013f0113ffc40015110101"
    "00000000000000000000000000000110ffda0008010201013f0167ffc40014100100000000000000000000000000000020ff"
    "da0008010100063f025fffc400161001010100000000000000000000000000010010ffda0008010100013f212308cfffda00"
    "0c030100020003000000105fff00ffc40014110100000000000000000000000000000010ffda0008010301013f101fffc400"
    "14110100000000000000000000000000000010ffda0008010201013f101fffc4001410010000000000000000000000000000"
    "0020ffda0008010100013f105fffd9";

// 3 x 2 gray pixels.
static const char kTiff[] =
    "49492a0008000000090000010400010000000300000001010400010000000200000002010300010000000800000003010300"
    "010000000100000006010300010000000100000011010400010000007a000000160104000100000002000000170104000100"
    "0000060000001c0103000100000001000000000000008c3cb175758c";

static const char kPnm[] = "50350a3220310a3235350a07ff"; // P5, 2 x 1
static const char kBmp[] =
    "424d3e000000000000003600000028000000010000000200000001001800000000000800000000000000000000000000"
    "0000000000000102030004050600"; // 1 x 2

static const char *const kFiles[] = {kPng, kJpeg, kProgressiveJpeg, kTiff, kPnm, kBmp};

TEST(decodesWhatIsWhole) {
  Decoder decoder;
  CHECK(decoder.run(fromHex(kPnm)) == std::vector<uint8_t>({7, 7, 7, 255, 255, 255}));
  CHECK(decoder.run(fromHex(kBmp)) == std::vector<uint8_t>({6, 5, 4, 3, 2, 1}));
  CHECK_EQ(decoder.run(fromHex(kPng)).size(), 18u);
  CHECK_EQ(decoder.run(fromHex(kTiff)).size(), 18u);
  std::vector<uint8_t> pixels = decoder.run(fromHex(kJpeg));
  CHECK_EQ(pixels.size(), 17u * 9 * 3);
  CHECK(pixels == decoder.run(fromHex(kProgressiveJpeg)));
  CHECK_EQ(blocks, 0);
}

TEST(refusesWhatIsCutOff) {
  Decoder decoder;
  for (const char *file : kFiles) {
    std::vector<uint8_t> bytes = fromHex(file);
    size_t needed = bytes.size() - (file == kPng   ? 12
                                    : file == kBmp ? 1
                                                   : 0); // without an end mark and what fills rows up
    for (size_t length = 0; length < needed; ++length) {
      CHECK(decoder.run({bytes.begin(), bytes.begin() + long(length)}).empty());
      CHECK_EQ(std::string(decoder.session.error.message).find("node 'picture': the "), 0u);
      CHECK_EQ(blocks, 0);
    }
  }
}

TEST(staysInItsMemoryWhateverTheBytes) {
  Decoder decoder;
  std::mt19937 random(1);
  for (const char *file : kFiles) {
    const std::vector<uint8_t> whole = fromHex(file);
    for (int i = 0; i < 400; ++i) {
      std::vector<uint8_t> bytes = whole;
      for (unsigned changes = 1 + random() % 4; changes > 0; --changes)
        bytes[random() % bytes.size()] = uint8_t(random());
      // A size of many pixels is allowed, but takes time.
      if (file == kJpeg || file == kProgressiveJpeg)
        for (size_t at = 0; at + 9 < bytes.size(); ++at)
          if (bytes[at] == 0xFF && bytes[at + 1] >= 0xC0 && bytes[at + 1] <= 0xC2)
            bytes[at + 5] = bytes[at + 7] = 0;
      decoder.run(bytes);
      CHECK_EQ(blocks, 0);
    }
  }
}

TEST(takesNoMoreThanTheImageNeeds) {
  Decoder decoder;
  std::vector<uint8_t> large = fromHex(kPng); // says that it has 8192 x 8192 pixels, and holds 6
  large[18] = large[22] = 0x20;
  large[19] = large[23] = 0;
  CHECK(decoder.run(large).empty());
  CHECK_EQ(std::string(decoder.session.error.message),
           "node 'picture': the PNG image is cut off, damaged, or of a kind that is not supported; encode it anew");
  CHECK(bytesPeak <= int64_t(8192) * 8192 * 3 * 2 + (1 << 20));
  large[18] = 0xFF;
  CHECK(decoder.run(large).empty());
  CHECK_EQ(blocks, 0);
}

int main(int argc, char **argv) { return runTests(argc, argv); }
