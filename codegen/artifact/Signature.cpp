//===- Signature.cpp - who vouches for an artifact ---------------------------------------------------------------------------------===//

#include "codegen/artifact/Signature.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

using namespace lepton;

namespace {
struct Free {
  void operator()(EVP_PKEY *key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX *context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO *bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;
} // namespace

static const unsigned char *data(llvm::StringRef bytes) {
  return reinterpret_cast<const unsigned char *>(bytes.data());
}

/// Keys with a password are not asked for one: there may be nobody to answer.
static int noPassword(char *, int, int, void *) { return -1; }

static Key readKey(const std::string &file, bool isPrivate, std::string &error) {
  auto buffer = llvm::MemoryBuffer::getFile(file);
  if (!buffer) {
    error = "the key " + file + " cannot be read: " + buffer.getError().message();
    return nullptr;
  }
  std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf((*buffer)->getBufferStart(), int((*buffer)->getBufferSize())));
  Key key(isPrivate ? PEM_read_bio_PrivateKey(bio.get(), nullptr, noPassword, nullptr)
                    : PEM_read_bio_PUBKEY(bio.get(), nullptr, noPassword, nullptr));
  if (key && EVP_PKEY_get_id(key.get()) == EVP_PKEY_ED25519)
    return key;
  error = file + " holds no " + (isPrivate ? "private" : "public") + " key of Ed25519 in PEM; make one with `openssl " +
          (isPrivate ? "genpkey -algorithm ed25519`" : "pkey -in PRIVATE -pubout`");
  return nullptr;
}

std::string lepton::sign(llvm::StringRef bytes, const std::string &keyFile, std::string &error) {
  Key key = readKey(keyFile, /*isPrivate=*/true, error);
  if (!key)
    return {};
  Context context(EVP_MD_CTX_new());
  std::string signature(64, 0);
  size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char *>(signature.data()), &size, data(bytes),
                     bytes.size()) == 1)
    return signature;
  error = "cannot be signed with " + keyFile;
  return {};
}

bool lepton::verify(llvm::StringRef bytes, llvm::StringRef signature, const std::string &keyFile, std::string &error) {
  Key key = readKey(keyFile, /*isPrivate=*/false, error);
  if (!key)
    return false;
  Context context(EVP_MD_CTX_new());
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), data(signature), signature.size(), data(bytes), bytes.size()) == 1)
    return true;
  error = "is not what the key in " + keyFile + " signed; get it anew from whoever signed it";
  return false;
}

std::string lepton::sha256(llvm::StringRef bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return llvm::toHex(llvm::ArrayRef<uint8_t>(digest, size), /*LowerCase=*/true);
}

std::string lepton::fingerprint(const std::string &keyFile) {
  std::string error;
  Key key = readKey(keyFile, /*isPrivate=*/false, error);
  unsigned char *der = nullptr;
  int size = key ? i2d_PUBKEY(key.get(), &der) : 0;
  std::string digest = size > 0 ? sha256(llvm::StringRef(reinterpret_cast<char *>(der), size)) : "";
  OPENSSL_free(der);
  return digest;
}
