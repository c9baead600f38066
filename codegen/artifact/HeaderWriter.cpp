//===- HeaderWriter.cpp - the C header beside an artifact -----------------------------------------------------------------------------===//

#include "codegen/artifact/HeaderWriter.h"
#include "runtime/core/lepton_abi.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <set>

using namespace lepton;

/// The text of runtime/core/lepton_abi.h, so that the header needs no other file.
static const char abiText[] =
#include "codegen/artifact/AbiText.inc"
    ;

/// Names whose functions, which end in _api, _create and _run, would be taken for those of C and POSIX.
static constexpr llvm::StringLiteral namesOfSystem[] = {"epoll", "pthread", "pthread_key", "thrd", "timer", "tss"};

std::string lepton::cIdentifier(llvm::StringRef text) {
  std::string result;
  for (char c : text)
    result += llvm::isAlnum(c) ? c : '_';
  const llvm::StringRef name = result;
  const bool isFree = !name.empty() && llvm::isAlpha(name[0]) && !name.starts_with_insensitive("lepton") &&
                      !llvm::is_contained(namesOfSystem, name);
  return isFree ? result : "m_" + result;
}

/// Text that ends no comment and breaks no line.
static std::string comment(const std::string &text) {
  std::string result;
  for (char c : text)
    result += llvm::isPrint(c) && c != '*' && c != '\\' && c != '?' ? c : '_';
  return result;
}

/// A literal of C, with bytes of doubt as numbers.
static std::string literal(llvm::StringRef bytes) {
  std::string result = "\"";
  for (unsigned char c : bytes)
    if (llvm::isAlnum(c) || llvm::StringRef("._- ").contains(c))
      result += char(c);
    else
      result += {'\\', char('0' + c / 64), char('0' + c / 8 % 8), char('0' + c % 8)};
  return result + "\"";
}

namespace {
struct DtypeNames {
  const char *constant, *text, *c; // of lepton_dtype, for people, of C
  unsigned parts = 1;              // of an element: so many of C's
};
} // namespace

/// By number of lepton_dtype. What C has no type for is passed as its bits.
static const DtypeNames dtypes[] = {
    {"0", "undefined", "void"},
    {"LEPTON_FLOAT", "float32", "float"},
    {"LEPTON_UINT8", "uint8", "uint8_t"},
    {"LEPTON_INT8", "int8", "int8_t"},
    {"LEPTON_UINT16", "uint16", "uint16_t"},
    {"LEPTON_INT16", "int16", "int16_t"},
    {"LEPTON_INT32", "int32", "int32_t"},
    {"LEPTON_INT64", "int64", "int64_t"},
    {"LEPTON_STRING", "string", "const char *"},
    {"LEPTON_BOOL", "bool", "uint8_t"},
    {"LEPTON_FLOAT16", "float16", "uint16_t"},
    {"LEPTON_DOUBLE", "float64", "double"},
    {"LEPTON_UINT32", "uint32", "uint32_t"},
    {"LEPTON_UINT64", "uint64", "uint64_t"},
    {"LEPTON_COMPLEX64", "complex64", "float", 2},
    {"LEPTON_COMPLEX128", "complex128", "double", 2},
    {"LEPTON_BFLOAT16", "bfloat16", "uint16_t"},
    {"LEPTON_FLOAT8E4M3FN", "float8e4m3fn", "uint8_t"},
    {"LEPTON_FLOAT8E4M3FNUZ", "float8e4m3fnuz", "uint8_t"},
    {"LEPTON_FLOAT8E5M2", "float8e5m2", "uint8_t"},
    {"LEPTON_FLOAT8E5M2FNUZ", "float8e5m2fnuz", "uint8_t"},
    {"LEPTON_UINT4", "uint4", "uint8_t"},
    {"LEPTON_INT4", "int4", "uint8_t"},
    {"LEPTON_FLOAT4E2M1", "float4e2m1", "uint8_t"},
    {"LEPTON_FLOAT8E8M0", "float8e8m0", "uint8_t"},
    {"LEPTON_UINT2", "uint2", "uint8_t"},
    {"LEPTON_INT2", "int2", "uint8_t"},
    {"LEPTON_FLOAT6E2M3", "float6e2m3", "uint8_t"},
    {"LEPTON_FLOAT6E3M2", "float6e3m2", "uint8_t"},
};

static const DtypeNames containers[] = {{"LEPTON_SEQUENCE", "sequence", "lepton_tensor"},
                                        {"LEPTON_OPTIONAL", "optional", "lepton_tensor"},
                                        {"LEPTON_MAP", "map", "lepton_tensor"}};

static const DtypeNames &namesOf(const ValueInfo &value) {
  if (!value.element.empty())
    return containers[value.dtype - LEPTON_SEQUENCE];
  return dtypes[value.dtype < std::size(dtypes) ? value.dtype : 0];
}

/// Numbers whose sizes are known: their data alone say all.
static bool isStatic(const ValueInfo &value) {
  if (value.dtype == LEPTON_STRING || !value.element.empty())
    return false;
  return llvm::all_of(value.shape, [](int64_t size) { return size >= 0; });
}

/// `float32[N, 4]`
static std::string typeText(const ValueInfo &value) {
  if (value.dtype == LEPTON_MAP)
    return "map from " + typeText(value.element[0]) + " to " + typeText(value.element[1]);
  if (!value.element.empty())
    return std::string(namesOf(value).text) + " of " + typeText(value.element.front());
  if (value.anyRank)
    return std::string(namesOf(value).text) + " of any shape";
  std::string text = std::string(namesOf(value).text) + "[";
  for (auto [d, size] : llvm::enumerate(value.shape))
    text += (d ? ", " : "") + (size >= 0                   ? std::to_string(size)
                               : value.dimNames[d].empty() ? std::string("any")
                                                           : comment(value.dimNames[d]));
  return text + "]";
}

/// Rank, type and, where they are known, sizes as macros.
static void writeMacros(llvm::raw_ostream &os, const std::string &prefix, const std::vector<ValueInfo> &values) {
  os << "#define " << prefix << "_COUNT " << values.size() << "\n";
  for (auto [i, value] : llvm::enumerate(values)) {
    std::string name = prefix + "_" + std::to_string(i);
    os << "/* " << comment(value.name) << ": " << typeText(value) << " */\n"
       << "#define " << name << "_DTYPE " << namesOf(value).constant << "\n"
       << "#define " << name << "_RANK " << value.shape.size() << "\n";
    if (!isStatic(value))
      continue;
    uint64_t elements = 1;
    for (int64_t size : value.shape)
      elements *= size;
    os << "#define " << name << "_ELEMENTS " << elements << "u\n";
  }
}

namespace {
/// Parameters of SYMBOL_run for one side: the data where all sizes are fixed, a lepton_tensor where not.
struct Parameters {
  std::string list, shapes, tensors, back; // text of the signature; of the body
  std::set<std::string> names;

  void add(const ValueInfo &value, size_t i, bool isInput) {
    std::string side = isInput ? "in" : "out", name = cIdentifier(side + "_" + value.name);
    while (!names.insert(name).second)
      name += "_" + std::to_string(i);
    list += (isInput ? "const " : "") + (isStatic(value) ? std::string(namesOf(value).c) : "lepton_tensor") + " *" +
            name + ", ";
    std::string at = (isInput ? "inputs[" : "outputs[") + std::to_string(i) + "]", separator = i ? ", " : "";
    if (!isStatic(value)) {
      tensors += separator + "*" + name;
      if (!isInput)
        back += "  *" + name + " = " + at + ";\n";
      return;
    }
    std::string sizes, shape = "0", bytes = "sizeof(" + std::string(namesOf(value).c) + ")";
    if (namesOf(value).parts > 1)
      bytes += " * " + std::to_string(namesOf(value).parts) + "u";
    for (int64_t size : value.shape) {
      sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
      bytes += " * " + std::to_string(size) + "u";
    }
    if (!value.shape.empty()) {
      shape = side + std::to_string(i) + "_shape";
      shapes += "  static const int64_t " + shape + "[] = {" + sizes + "};\n";
    }
    tensors += separator + "{(void *)" + name + ", " + shape + ", " + namesOf(value).constant + ", " +
               std::to_string(value.shape.size()) + "u, " + bytes + "}";
  }
};
} // namespace

/// SYMBOL_run: a run with a parameter per input and output.
static void writeRun(llvm::raw_ostream &os, const ModelInfo &info) {
  Parameters in, out;
  for (auto [i, value] : llvm::enumerate(info.inputs))
    in.add(value, i, true);
  for (auto [i, value] : llvm::enumerate(info.outputs))
    out.add(value, i, false);
  // No array of C is empty.
  std::string none = "{0, 0, 0, 0, 0}";
  os << "/* One run. Values of fixed size pass as their elements. Others pass as tensors: an output whose data is 0 is "
        "allocated, to be\n"
     << " * released by lepton_tensor_release. */\n"
     << "static inline lepton_status " << info.symbol << "_run(lepton_session *session, " << in.list << out.list
     << "lepton_error *error) {\n"
     << in.shapes << out.shapes << "  lepton_tensor inputs[] = {" << (in.tensors.empty() ? none : in.tensors) << "};\n"
     << "  lepton_tensor outputs[] = {" << (out.tensors.empty() ? none : out.tensors) << "};\n"
     << "  lepton_status status = " << info.symbol << "_api()->session_run(session, inputs, outputs, error);\n"
     << out.back << "  return status;\n}\n";
}

/// The same without a runtime: values of fixed size pass as their elements, and nothing is created first.
static std::string writeBareHeader(const ModelInfo &info) {
  const std::string &symbol = info.symbol, macro = llvm::StringRef(symbol).upper();
  Parameters in, out;
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "/* " << comment(info.name) << ", compiled by Lepton for " << comment(info.target)
     << " without a runtime.\n */\n"
     << "#ifndef LEPTON_MODEL_" << macro << "_H\n#define LEPTON_MODEL_" << macro << "_H\n\n#include <stdint.h>\n\n";
  auto describe = [&](const char *side, const std::vector<ValueInfo> &values, Parameters &parameters) {
    for (auto [i, value] : llvm::enumerate(values)) {
      parameters.add(value, i, &parameters == &in);
      uint64_t elements = 1;
      for (int64_t size : value.shape)
        elements *= size;
      os << "/* " << comment(value.name) << ": " << typeText(value) << " */\n#define " << macro << side << i
         << "_ELEMENTS " << elements << "u\n";
    }
  };
  describe("_INPUT_", info.inputs, in);
  describe("_OUTPUT_", info.outputs, out);
  os << "#define " << macro << "_WEIGHTS_BYTES " << info.weightsBytes << "u\n#define " << macro << "_WORKSPACE_BYTES "
     << info.arenaBytes << "u\n#define " << macro << "_WORKSPACE_ALIGNMENT 64u\n#define " << macro << "_CODE_BYTES "
     << info.codeBytes << "u\n#define " << macro << "_HASH 0x" << llvm::utohexstr(info.hash)
     << "u\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "/* One run, on the caller's thread, stack and memory; several may go on at once, with a workspace each. 0 "
        "when all is well; otherwise\n"
     << " * why not comes to lie in *error, a constant text, unless error is 0. */\n"
     << "int32_t " << symbol << "_run(" << in.list << out.list << "void *workspace, const char **error);\n"
     << "\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
  return text;
}

std::string lepton::writeHeader(const ModelInfo &info) {
  if (info.isBare)
    return writeBareHeader(info);
  const std::string &symbol = info.symbol, macro = llvm::StringRef(symbol).upper();
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "/* " << comment(info.name) << ", compiled by Lepton for " << comment(info.target) << ".\n *\n"
     << " *   lepton_session *session;\n *   lepton_error error;\n"
     << " *   " << symbol << "_create(0, &session, &error);      0 when all is well\n"
     << " *   " << symbol << "_run(session, ..., &error);        from any number of threads\n"
     << " *   " << symbol << "_api()->session_destroy(session);\n *\n"
     << " * A library opened with dlopen gives the same table of functions by lepton_artifact_api.\n */\n"
     << "#ifndef LEPTON_MODEL_" << macro << "_H\n#define LEPTON_MODEL_" << macro << "_H\n\n"
     << abiText << "\n";
  writeMacros(os, macro + "_INPUT", info.inputs);
  writeMacros(os, macro + "_OUTPUT", info.outputs);
  for (const DimBounds &bounds : info.dimBounds)
    os << "/* " << comment(bounds.name) << " is from " << bounds.minimum << " to " << bounds.maximum << " */\n";
  os << "#define " << macro << "_WEIGHTS_BYTES " << info.weightsBytes << "u\n#define " << macro << "_WORKSPACE_BYTES "
     << info.arenaBytes << "u\n#define " << macro << "_CODE_BYTES " << info.codeBytes << "u\n#define " << macro
     << "_HASH 0x" << llvm::utohexstr(info.hash) << "u\n"
     << (info.weightsFile.empty()
             ? std::string()
             : "/* beside the artifact */\n#define " + macro + "_WEIGHTS_FILE " + literal(info.weightsFile) + "\n")
     << "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "const lepton_api *" << symbol << "_api(void);\n\n"
     << "static inline lepton_status " << symbol
     << "_create(const lepton_options *options, lepton_session **session, lepton_error *error) {\n"
     << "  return " << symbol << "_api()->session_create(" << symbol
     << "_api()->model, options, session, error);\n}\n\n";
  writeRun(os, info);
  os << "\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
  return text;
}
