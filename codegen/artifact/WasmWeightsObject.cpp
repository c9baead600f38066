//===- WasmWeightsObject.cpp - the constants as an object of WebAssembly ----------------------------------------------------------===//

#include "codegen/artifact/WasmWeightsObject.h"

#include "llvm/BinaryFormat/Wasm.h"
#include "llvm/ObjectYAML/WasmYAML.h"
#include "llvm/ObjectYAML/yaml2obj.h"
#include "llvm/Support/raw_ostream.h"

using namespace lepton;
namespace wasm = llvm::wasm;
namespace yaml = llvm::WasmYAML;

/// Sections: an imported memory, one segment of data, and what the linker knows of it.
llvm::SmallVector<char, 0> lepton::wrapWasmWeights(llvm::ArrayRef<char> content) {
  yaml::Object object;
  object.Header.Version = wasm::WasmVersion;

  auto imports = std::make_unique<yaml::ImportSection>();
  yaml::Import memory;
  memory.Module = "env";
  memory.Field = "__linear_memory";
  memory.Kind = wasm::WASM_EXTERNAL_MEMORY;
  memory.Memory = {};
  imports->Imports.push_back(memory);
  object.Sections.push_back(std::move(imports));

  auto data = std::make_unique<yaml::DataSection>();
  yaml::DataSegment segment = {};
  segment.Offset.Extended = false;
  segment.Offset.Inst.Opcode = wasm::WASM_OPCODE_I32_CONST;
  segment.Offset.Inst.Value.Int32 = 0;
  segment.Content =
      llvm::yaml::BinaryRef(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(content.data()), content.size()));
  data->Segments.push_back(segment);
  object.Sections.push_back(std::move(data));

  auto linking = std::make_unique<yaml::LinkingSection>();
  linking->Name = "linking";
  linking->Version = wasm::WasmMetadataVersion;
  yaml::SymbolInfo symbol = {};
  symbol.Name = "lepton_weights";
  symbol.Kind = wasm::WASM_SYMBOL_TYPE_DATA;
  symbol.Flags = wasm::WASM_SYMBOL_VISIBILITY_HIDDEN;
  symbol.DataRef = {/*Segment=*/0, /*Offset=*/0, /*Size=*/content.size()};
  linking->SymbolTable.push_back(symbol);
  yaml::SegmentInfo info = {};
  info.Name = ".lepton.weights";
  info.Alignment = 6; // 64 bytes
  linking->SegmentInfos.push_back(info);
  object.Sections.push_back(std::move(linking));

  llvm::SmallVector<char, 0> file;
  llvm::raw_svector_ostream os(file);
  if (!llvm::yaml::yaml2wasm(object, os, [](const llvm::Twine &) {}))
    file.clear();
  return file;
}
