//===- WeightsEncryption.cpp - files of constants that only a key opens ------------------------------------------------------------===//

#include "codegen/artifact/WeightsEncryption.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <fcntl.h>
#include <memory>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lepton;
using Header = lepton_weights_header;
using Bytes = unsigned char;

static constexpr uint64_t chunkBytes = 1 << 16, tagBytes = 16;

/// One without constants has a chunk, too: its tag is what says that the header was not changed.
static uint64_t chunksOf(const Header &header) {
  return std::max<uint64_t>(1, llvm::divideCeil(header.weights_bytes, chunkBytes));
}

static uint64_t bytesOfChunk(const Header &header, uint64_t chunk) {
  return std::min(chunkBytes, header.weights_bytes - chunk * chunkBytes);
}

WeightsKey::~WeightsKey() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

/// As many bytes as there are, up to `size`; -1 where the file cannot be read.
static int64_t readBytes(int file, void *to, uint64_t size) {
  uint64_t done = 0;
  while (done < size) {
    ssize_t count = read(file, static_cast<char *>(to) + done, size - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return -1;
    if (count == 0)
      break;
    done += count;
  }
  return int64_t(done);
}

bool lepton::readWeightsKey(const std::string &path, WeightsKey &key, std::string &error) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char more;
  int64_t size = file < 0 ? -1 : readBytes(file, key.bytes.data(), key.bytes.size());
  if (size == int64_t(key.bytes.size()))
    size += std::max<int64_t>(0, readBytes(file, &more, 1));
  if (size < 0)
    error = "the key " + path + " cannot be read: " + strerror(errno);
  else if (size != int64_t(key.bytes.size()))
    error = path + " holds no key for constants, which has 32 bytes; make one with `openssl rand -out FILE 32`";
  if (file >= 0)
    close(file);
  return size == int64_t(key.bytes.size());
}

namespace {
/// Encrypts or decrypts the chunks of one file.
class ChunkCipher {
public:
  ChunkCipher(const Header &header, const WeightsKey &key, bool encrypts) : header(header), encrypts(encrypts) {
    WeightsKey own;
    std::array<Bytes, sizeof header.salt + 1> info = {};
    memcpy(info.data(), header.salt, sizeof header.salt);
    info.back() = 1; // the first block of HKDF-Expand, and the only one
    isGood = context &&
             HMAC(EVP_sha256(), key.bytes.data(), int(key.bytes.size()), info.data(), info.size(), own.bytes.data(),
                  nullptr) &&
             EVP_CipherInit_ex(context.get(), EVP_chacha20_poly1305(), nullptr, own.bytes.data(), nullptr, encrypts);
  }

  /// In place. False where decrypting finds another tag.
  bool run(uint64_t chunk, Bytes *data, Bytes *tag) {
    std::array<Bytes, 12> nonce = {};
    llvm::support::endian::write64le(nonce.data(), chunk);
    EVP_CIPHER_CTX *c = context.get();
    int size = int(bytesOfChunk(header, chunk)), done = 0;
    return isGood && EVP_CipherInit_ex(c, nullptr, nullptr, nullptr, nonce.data(), -1) &&
           (encrypts || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, tagBytes, tag)) &&
           EVP_CipherUpdate(c, nullptr, &done, reinterpret_cast<const Bytes *>(&header), sizeof header) &&
           EVP_CipherUpdate(c, data, &done, data, size) && EVP_CipherFinal_ex(c, data + size, &done) &&
           (!encrypts || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, tagBytes, tag));
  }

private:
  struct Free {
    void operator()(EVP_CIPHER_CTX *context) const { EVP_CIPHER_CTX_free(context); } // wipes the key
  };
  const Header &header;
  const bool encrypts;
  std::unique_ptr<EVP_CIPHER_CTX, Free> context{EVP_CIPHER_CTX_new()};
  bool isGood = false;
};
} // namespace

bool lepton::encryptWeights(llvm::StringRef file, const WeightsKey &key, llvm::raw_ostream &os, std::string &error) {
  Header header;
  memcpy(&header, file.data(), sizeof header);
  memcpy(header.magic, LEPTON_ENCRYPTED_WEIGHTS_MAGIC, sizeof header.magic);
  if (RAND_bytes(header.salt, sizeof header.salt) != 1) {
    error = "the constants cannot be encrypted: the system gives no random numbers";
    return false;
  }
  os.write(reinterpret_cast<const char *>(&header), sizeof header);
  ChunkCipher cipher(header, key, /*encrypts=*/true);
  std::array<Bytes, chunkBytes + tagBytes> buffer;
  for (uint64_t chunk = 0; chunk < chunksOf(header); ++chunk) {
    const uint64_t size = bytesOfChunk(header, chunk);
    memcpy(buffer.data(), file.data() + sizeof header + chunk * chunkBytes, size);
    if (!cipher.run(chunk, buffer.data(), buffer.data() + size)) {
      error = "the constants cannot be encrypted: OpenSSL refuses ChaCha20-Poly1305";
      return false;
    }
    os.write(reinterpret_cast<const char *>(buffer.data()), size + tagBytes);
  }
  return true;
}

bool lepton::isEncrypted(llvm::StringRef file) {
  return file.starts_with(llvm::StringRef(LEPTON_ENCRYPTED_WEIGHTS_MAGIC, sizeof Header::magic));
}

/// What is wrong with a file of this size that begins with this header; nothing where it may be read on.
static std::string faultOf(const Header &header, const lepton_model &model, uint64_t bytes) {
  llvm::StringRef magic(header.magic, sizeof header.magic);
  if (magic == llvm::StringRef(LEPTON_WEIGHTS_MAGIC, magic.size()))
    return "is not encrypted, though there is a key; put the encrypted file there, or leave out --weights-key";
  if (!isEncrypted(magic))
    return "is no file of constants; compile the model again";
  if (header.version != LEPTON_WEIGHTS_VERSION || header.header_bytes != sizeof header)
    return "was written by another version of Lepton; compile the model again";
  if (header.weights_bytes != model.weights_bytes ||
      llvm::StringRef(header.sha256, sizeof header.sha256) != model.weights_file->sha256)
    return "belongs to another build of the model: its hash is not the one that the artifact names; put the file there "
           "that was written with this artifact";
  const uint64_t written = sizeof header + header.weights_bytes + chunksOf(header) * tagBytes;
  if (bytes < written)
    return "is truncated; copy it again, or compile the model again";
  if (bytes > written)
    return "is longer than it was written; copy it again, or compile the model again";
  return {};
}

/// Memory for what nobody else shall read.
static llvm::sys::OwningMemoryBlock allocatePrivate(uint64_t bytes) {
  std::error_code problem;
  using Memory = llvm::sys::Memory;
  auto block = Memory::allocateMappedMemory(bytes, nullptr, Memory::MF_READ | Memory::MF_WRITE, problem);
  if (!problem) {
    (void)madvise(block.base(), block.allocatedSize(), MADV_DONTDUMP);
    (void)mlock(block.base(), block.allocatedSize());
  }
  return llvm::sys::OwningMemoryBlock(block);
}

llvm::sys::OwningMemoryBlock lepton::decryptWeights(const std::string &path, const lepton_model &model,
                                                    const WeightsKey &key, std::string &error) {
  Header header = {};
  struct stat status = {};
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  llvm::scope_exit closed([&] { file < 0 || close(file); });
  if (file < 0 || fstat(file, &status) != 0 || readBytes(file, &header, sizeof header) < 0) {
    error = std::string("cannot be read: ") + strerror(errno);
    return {};
  }
  error = faultOf(header, model, status.st_size);
  if (!error.empty())
    return {};
  llvm::sys::OwningMemoryBlock memory = allocatePrivate(sizeof header + header.weights_bytes);
  if (!memory.base()) {
    error = "cannot be decrypted: there is no memory for it";
    return {};
  }
  auto *plain = static_cast<Bytes *>(memory.base()), *constants = plain + sizeof header;
  ChunkCipher cipher(header, key, /*encrypts=*/false);
  for (uint64_t chunk = 0; chunk < chunksOf(header); ++chunk) {
    Bytes tag[tagBytes], *data = constants + chunk * chunkBytes;
    const auto size = int64_t(bytesOfChunk(header, chunk));
    if (readBytes(file, data, size) == size && readBytes(file, tag, tagBytes) == tagBytes &&
        cipher.run(chunk, data, tag))
      continue;
    error = chunk == 0 ? "is encrypted with another key than the one given, or was changed"
                       : "was changed after it was encrypted; copy it again, or compile the model again";
    return {};
  }
  memcpy(header.magic, LEPTON_WEIGHTS_MAGIC, sizeof header.magic);
  memset(header.salt, 0, sizeof header.salt);
  memcpy(plain, &header, sizeof header);
  (void)llvm::sys::Memory::protectMappedMemory(memory.getMemoryBlock(), llvm::sys::Memory::MF_READ);
  return memory;
}
