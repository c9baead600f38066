//===- WasmWeightsObject.cpp - the constants as an object of WebAssembly ----------------------------------------------------------===//
//
// By the tool conventions for linking: an object has a memory, which it imports, data of it in segments, and a section that tells the linker of segments and
// symbols.
//
//===------------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/artifact/WasmWeightsObject.h"

#include "llvm/BinaryFormat/Wasm.h"
#include "llvm/Support/LEB128.h"
#include "llvm/Support/raw_ostream.h"

using namespace lepton;
namespace wasm = llvm::wasm;

namespace {
/// Bytes of a format in which every number that may be large is LEB128.
struct Encoder {
  std::string bytes;

  Encoder &number(uint64_t value) {
    llvm::raw_string_ostream os(bytes);
    llvm::encodeULEB128(value, os);
    return *this;
  }
  /// A text or the content of a part, behind its size.
  Encoder &sized(llvm::StringRef text) {
    number(text.size());
    bytes += text;
    return *this;
  }
};
} // namespace

llvm::SmallVector<char, 0> lepton::writeWasmWeights(uint64_t size, llvm::function_ref<void(char *)> fill) {
  constexpr uint64_t alignment = 6; // as a power of two
  Encoder memory, segment, segments, symbols, linking, head, tail;
  memory.number(1).sized("env").sized("__linear_memory").number(wasm::WASM_EXTERNAL_MEMORY).number(0).number(0);
  segment.number(1).number(0); // one, of the memory 0
  segment.number(wasm::WASM_OPCODE_I32_CONST).number(0).number(wasm::WASM_OPCODE_END).number(size);
  segments.number(1).sized(".lepton.weights").number(alignment).number(0);
  symbols.number(1).number(wasm::WASM_SYMBOL_TYPE_DATA).number(wasm::WASM_SYMBOL_VISIBILITY_HIDDEN);
  symbols.sized("lepton_weights").number(/*segment=*/0).number(/*place in it=*/0).number(size);
  linking.sized("linking").number(wasm::WasmMetadataVersion);
  linking.number(wasm::WASM_SEGMENT_INFO).sized(segments.bytes).number(wasm::WASM_SYMBOL_TABLE).sized(symbols.bytes);

  head.bytes.append(wasm::WasmMagic, sizeof wasm::WasmMagic).append("\1\0\0\0", 4); // the version
  head.number(wasm::WASM_SEC_IMPORT).sized(memory.bytes);
  head.number(wasm::WASM_SEC_DATA).number(segment.bytes.size() + size);
  head.bytes += segment.bytes;
  tail.number(wasm::WASM_SEC_CUSTOM).sized(linking.bytes);

  llvm::SmallVector<char, 0> file;
  file.reserve(head.bytes.size() + size + tail.bytes.size());
  file.append(head.bytes.begin(), head.bytes.end());
  file.resize(head.bytes.size() + size, 0);
  fill(file.data() + head.bytes.size());
  file.append(tail.bytes.begin(), tail.bytes.end());
  return file;
}
