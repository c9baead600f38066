//===- Signature.h - who vouches for an artifact -----------------------------------------------------------------*- C++ -*-===//
//
// An artifact is code: whoever loads one runs it. A signature is a file of 64 bytes beside it, `ARTIFACT.sig`: Ed25519 (RFC 8032) over all of the
// artifact's bytes, which `openssl pkeyutl -verify -rawin` checks, too. Keys are files of PEM, as `openssl genpkey -algorithm ed25519` makes them.
//
//===---------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_CODEGEN_ARTIFACT_SIGNATURE_H
#define LEPTON_CODEGEN_ARTIFACT_SIGNATURE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace lepton {

/// Where the signature of an artifact lies.
inline std::string signaturePath(const std::string &artifact) { return artifact + ".sig"; }

/// The 64 bytes that the private key in `keyFile` makes of some bytes; nothing, with the reason in `error`, where it is no such key.
std::string sign(llvm::StringRef bytes, const std::string &keyFile, std::string &error);

/// Whether the private key of the public one in `keyFile` made `signature` of these bytes; the reason in `error` where not.
bool verify(llvm::StringRef bytes, llvm::StringRef signature, const std::string &keyFile, std::string &error);

/// SHA-256, in hexadecimal.
std::string sha256(llvm::StringRef bytes);
/// The SHA-256 of a public key (its DER): what an audit calls the signer.
std::string fingerprint(const std::string &keyFile);

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_SIGNATURE_H
