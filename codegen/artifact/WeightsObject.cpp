//===- WeightsObject.cpp - the constants as an object file of their own --------------------------------------------------------===//

#include "codegen/artifact/WeightsObject.h"
#include "codegen/artifact/Signature.h"
#include "codegen/artifact/WasmWeightsObject.h"
#include "dialects/Lepton/LeptonOps.h"
#include "runtime/core/lepton_abi.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/BinaryFormat/ELF.h"

using namespace mlir;
using namespace lepton;
namespace ELF = llvm::ELF;

static void writeConstant(ElementsAttr attribute, char *to) {
  ConstantBytes bytes = constantBytes(attribute);
  int64_t size = elementBytes(attribute.getElementType()), count = attribute.getNumElements();
  if (!bytes.isSplat) {
    llvm::copy(bytes.data.take_front(size * count), to);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    memcpy(to + i * size, bytes.data.data(), size);
}

static uint64_t bytesOfConstants(ModuleOp module) {
  auto total = module->getAttrOfType<IntegerAttr>("lepton.constant_bytes");
  return total ? total.getInt() : 0;
}

/// Every constant at its offset from `to`, where all is zero.
static void writeConstants(ModuleOp module, char *to) {
  auto constants = module->getAttrOfType<ArrayAttr>("lepton.constants");
  auto offsets = module->getAttrOfType<DenseI64ArrayAttr>("lepton.constant_offsets");
  for (auto [constant, offset] : llvm::zip(constants ? constants.getValue() : ArrayRef<Attribute>(),
                                           offsets ? offsets.asArrayRef() : ArrayRef<int64_t>()))
    writeConstant(cast<ElementsAttr>(constant), to + offset);
}

/// The largest page of the processors that there is code for.
static constexpr uint64_t pageBytes = 1 << 16;

/// Sections: null, weights, note.GNU-stack, symtab, strtab, shstrtab.
llvm::SmallVector<char, 0> lepton::writeWeightsObject(ModuleOp module, const Architecture &architecture,
                                                      WeightsPlace place) {
  if (architecture.machine == ELF::EM_NONE)
    return writeWasmWeights(bytesOfConstants(module), [&](char *to) { writeConstants(module, to); });
  const bool hasPages = place == WeightsPlace::section;
  uint64_t used = bytesOfConstants(module), bytes = hasPages ? llvm::alignTo(used, pageBytes) : used;
  const char names[] = "\0.lepton.weights\0.note.GNU-stack\0.symtab\0.strtab\0.shstrtab\0";
  const char strings[] = "\0lepton_weights\0";
  uint64_t dataAt = 64, symbolsAt = llvm::alignTo(dataAt + bytes, 64),
           stringsAt = symbolsAt + 2 * sizeof(ELF::Elf64_Sym), namesAt = stringsAt + sizeof strings,
           headersAt = llvm::alignTo(namesAt + sizeof names, 8);
  llvm::SmallVector<char, 0> file(headersAt + 6 * sizeof(ELF::Elf64_Shdr), 0);
  ELF::Elf64_Ehdr header = {};
  memcpy(header.e_ident, ELF::ElfMagic, 4);
  header.e_ident[ELF::EI_CLASS] = ELF::ELFCLASS64;
  header.e_ident[ELF::EI_DATA] = ELF::ELFDATA2LSB;
  header.e_ident[ELF::EI_VERSION] = ELF::EV_CURRENT;
  header.e_type = ELF::ET_REL;
  header.e_machine = architecture.machine;
  header.e_flags = architecture.elfFlags;
  header.e_version = ELF::EV_CURRENT;
  header.e_shoff = headersAt;
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(ELF::Elf64_Shdr);
  header.e_shnum = 6;
  header.e_shstrndx = 5;
  memcpy(file.data(), &header, sizeof header);
  writeConstants(module, file.data() + dataAt);
  ELF::Elf64_Sym symbol = {};
  symbol.st_name = 1;
  symbol.setBindingAndType(ELF::STB_GLOBAL, ELF::STT_OBJECT);
  symbol.st_other = ELF::STV_HIDDEN;
  symbol.st_shndx = 1;
  symbol.st_size = used;
  memcpy(file.data() + symbolsAt + sizeof symbol, &symbol, sizeof symbol);
  memcpy(file.data() + stringsAt, strings, sizeof strings);
  memcpy(file.data() + namesAt, names, sizeof names);
  auto section = [&](int index, uint32_t name, uint32_t type, uint64_t flags, uint64_t at, uint64_t size, uint32_t link,
                     uint32_t info, uint64_t align, uint64_t entry) {
    ELF::Elf64_Shdr s = {};
    s.sh_name = name;
    s.sh_type = type;
    s.sh_flags = flags;
    s.sh_offset = at;
    s.sh_size = size;
    s.sh_link = link;
    s.sh_info = info;
    s.sh_addralign = align;
    s.sh_entsize = entry;
    memcpy(file.data() + headersAt + index * sizeof s, &s, sizeof s);
  };
  bool isFar = architecture.machine == ELF::EM_X86_64 && bytes > nearBytes;
  section(1, 1, ELF::SHT_PROGBITS, ELF::SHF_ALLOC | (isFar ? ELF::SHF_X86_64_LARGE : 0), dataAt, bytes, 0, 0,
          hasPages ? pageBytes : 64, 0);
  section(2, 16, ELF::SHT_PROGBITS, 0, symbolsAt, 0, 0, 0, 1, 0);
  section(3, 32, ELF::SHT_SYMTAB, 0, symbolsAt, 2 * sizeof(ELF::Elf64_Sym), 4, 1, 8, sizeof(ELF::Elf64_Sym));
  section(4, 40, ELF::SHT_STRTAB, 0, stringsAt, sizeof strings, 0, 0, 1, 0);
  section(5, 48, ELF::SHT_STRTAB, 0, namesAt, sizeof names, 0, 0, 1, 0);
  return file;
}

llvm::SmallVector<char, 0> lepton::writeWeightsFile(ModuleOp module, ModelInfo &info) {
  lepton_weights_header header = {
      LEPTON_WEIGHTS_MAGIC, LEPTON_WEIGHTS_VERSION, sizeof header, bytesOfConstants(module), {}, {}, {}};
  llvm::SmallVector<char, 0> file(sizeof header + header.weights_bytes, 0);
  writeConstants(module, file.data() + sizeof header);
  info.weightsHash = sha256(llvm::StringRef(file.data(), file.size()).drop_front(sizeof header));
  memcpy(header.sha256, info.weightsHash.data(), sizeof header.sha256);
  memcpy(file.data(), &header, sizeof header);
  return file;
}
