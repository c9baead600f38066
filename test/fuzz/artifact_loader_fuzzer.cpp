//===- artifact_loader_fuzzer.cpp - any bytes as an artifact and its signature ------------------------------------===//
//
// The loader asks for a signature by a key whose private half is thrown away. The first 64 bytes are the signature's, the others the artifact's: none is
// one that the key signed, so each has to be refused in words before any of it is loaded.
//
//===--------------------------------------------------------------------------------------------------------------===//
#include "codegen/artifact/LoadedArtifact.h"
#include "codegen/artifact/Signature.h"
#include "test/fuzz/InputFile.h"

#include <algorithm>
#include <memory>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/mman.h>

/// In memory, where nothing is left of it.
static std::string writePublicKey() {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"),
                                                          EVP_PKEY_free);
  const int descriptor = memfd_create("key", 0);
  FILE *file = fdopen(descriptor, "w");
  if (!key || !file || !PEM_write_PUBKEY(file, key.get()) || fflush(file) != 0)
    abort();
  return "/proc/self/fd/" + std::to_string(descriptor);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const lepton::LoadPolicy policy = {writePublicKey(), /*audit=*/{}, /*weightsKey=*/{}};
  const size_t signatureBytes = std::min<size_t>(size, 64);
  InputFile artifact(data + signatureBytes, size - signatureBytes, ".so"), signature(data, signatureBytes, ".so.sig");
  if (signature.path() != lepton::signaturePath(artifact.path()))
    abort();
  std::string error;
  if (lepton::LoadedArtifact::load(artifact.path(), error, policy) || error.empty())
    abort(); // accepted, or refused without a word
  return 0;
}
