//===- HeaderWriter.cpp - the C header beside an artifact -----------------------------------------------------------------------------===//

#include "codegen/artifact/HeaderWriter.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace lepton;

/// The text of runtime/core/lepton_abi.h, so that the header needs no other file.
static const char abiText[] =
#include "codegen/artifact/AbiText.inc"
    ;

/// Letters, digits and underscores; never empty, never starting with a digit.
static std::string identifier(const std::string &name) {
  std::string result;
  for (char c : name)
    result += llvm::isAlnum(c) ? c : '_';
  return result.empty() || llvm::isDigit(result[0]) ? "m_" + result : result;
}

/// Text that ends no comment and breaks no line.
static std::string comment(const std::string &text) {
  std::string result;
  for (char c : text)
    result += llvm::isPrint(c) && c != '*' && c != '\\' && c != '?' ? c : '_';
  return result;
}

static const char *dtypeName(uint32_t dtype) {
  static const char *names[] = {"undefined", "float",  "uint8",     "int8",       "uint16",  "int16",
                                "int32",     "int64",  "string",    "bool",       "float16", "double",
                                "uint32",    "uint64", "complex64", "complex128", "bfloat16"};
  return dtype < std::size(names) ? names[dtype] : "other";
}

static void writeValues(llvm::raw_ostream &os, const std::string &macro, const char *what,
                        const std::vector<ValueInfo> &values) {
  os << "#define " << macro << "_" << what << "_COUNT " << values.size() << "\n";
  for (auto [i, value] : llvm::enumerate(values)) {
    os << "/* " << what << " " << i << ": " << comment(value.name) << " " << dtypeName(value.dtype) << "[";
    for (auto [d, size] : llvm::enumerate(value.shape))
      os << (d ? ", " : "")
         << (size >= 0                   ? std::to_string(size)
             : value.dimNames[d].empty() ? "any"
                                         : comment(value.dimNames[d]));
    os << "] */\n#define " << macro << "_" << what << "_" << i << "_RANK " << value.shape.size() << "\n";
  }
}

std::string lepton::writeHeader(const ModelInfo &info) {
  std::string text, macro = llvm::StringRef(identifier(info.name)).upper();
  llvm::raw_string_ostream os(text);
  os << "/* " << comment(info.name) << ", compiled by Lepton for " << comment(info.target) << ".\n *\n"
     << " *   const lepton_api *api = lepton_artifact_api();\n"
     << " *   lepton_session *session;\n *   lepton_error error;\n"
     << " *   api->session_create(api->model, 0, &session, &error);\n"
     << " *   api->session_run(session, inputs, outputs, &error);      inputs and outputs in the order below\n"
     << " *   api->session_destroy(session);\n */\n";
  writeValues(os, macro, "INPUT", info.inputs);
  writeValues(os, macro, "OUTPUT", info.outputs);
  os << "#define " << macro << "_WEIGHTS_BYTES " << info.weightsBytes << "\n#define " << macro << "_WORKSPACE_BYTES "
     << info.arenaBytes << "\n#define " << macro << "_HASH 0x" << llvm::utohexstr(info.hash) << "u\n\n"
     << abiText;
  return text;
}
