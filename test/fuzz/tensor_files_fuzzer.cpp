//===- tensor_files_fuzzer.cpp - any bytes as a file of a tensor -----------------------------------------------===//
//
// The first byte says which value is expected; what follows is read as .npy and as .pb.
//
//===----------------------------------------------------------------------------------------------------------===//
#include "test/fuzz/InputFile.h"
#include "tools/lepton/TensorFiles.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size)
    return 0;
  constexpr uint32_t containers[] = {LEPTON_SEQUENCE, LEPTON_OPTIONAL, LEPTON_MAP};
  const uint32_t expected = data[0] % 32 < 29 ? data[0] % 32 : containers[data[0] % 32 - 29];
  for (const char *ending : {".npy", ".pb"}) {
    InputFile file(data + 1, size - 1, ending);
    lepton::HostTensor tensor;
    std::string error;
    if (!lepton::cli::readTensor(file.path(), expected, tensor, error) && error.empty())
      abort(); // refused without a word
  }
  return 0;
}
