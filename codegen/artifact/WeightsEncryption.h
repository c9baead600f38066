//===- WeightsEncryption.h - files of constants that only a key opens ---------------------------------------------*- C++ -*-===//
//
// An encrypted file begins with the header of the plain one (lepton_weights_header), but for the magic word and a salt, which is random and new for each file. The
// constants follow in chunks of 64 KiB, the last of which may be shorter, each with a tag of 16 bytes behind it: ChaCha20-Poly1305 (RFC 8439), whose nonce is
// the chunk's number in 12 bytes, the lowest first, and whose associated data is the header. Its key is that of the file: HKDF-Expand with SHA-256
// (RFC 5869) of the user's key, with the salt as info.
//
// So no two chunks are ever encrypted with the same key and nonce, and a chunk that is changed, moved or missing is found, as is any change of the header: that has
// the length, and the hash by which an artifact knows its constants. A file of any length is read and written chunk by chunk.
//
//===---------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_CODEGEN_ARTIFACT_WEIGHTSENCRYPTION_H
#define LEPTON_CODEGEN_ARTIFACT_WEIGHTSENCRYPTION_H

#include "runtime/core/lepton_abi.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Memory.h"

#include <array>
#include <string>

namespace llvm {
class raw_ostream;
}

namespace lepton {

/// A key, wiped from memory when nobody needs it any more.
struct WeightsKey {
  WeightsKey() = default;
  WeightsKey(const WeightsKey &) = delete;
  ~WeightsKey();
  std::array<unsigned char, 32> bytes = {};
};

/// Reads a file or a pipe of 32 bytes, as `openssl rand -out FILE 32` makes them; false with the reason in `error`.
bool readWeightsKey(const std::string &file, WeightsKey &key, std::string &error);

/// Writes a file of constants encrypted; false with the reason in `error`.
bool encryptWeights(llvm::StringRef file, const WeightsKey &key, llvm::raw_ostream &os, std::string &error);

/// What the file was before it was encrypted, in memory that no core dump has, and no swap space as far as the system locks that much. Nothing, with what is wrong with the
/// file in `error`, unless it says that it has the constants of this model, and all of it is as the holder of the key wrote it.
llvm::sys::OwningMemoryBlock decryptWeights(const std::string &path, const lepton_model &model, const WeightsKey &key,
                                            std::string &error);

/// Whether this is the beginning of an encrypted file.
bool isEncrypted(llvm::StringRef file);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_WEIGHTSENCRYPTION_H
