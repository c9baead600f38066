//===- tuning_database_fuzzer.cpp - any bytes as a tuning database ------------------------------------------===//
#include "test/fuzz/InputFile.h"
#include "tune/TuningDatabase.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  InputFile file(data, size, ".db");
  std::vector<lepton::TunedKernel> kernels;
  std::string error;
  const lepton::TuningKey key = {"#lepton.target<cpu = \"znver4\">", 1, "0.1.0"};
  if (!lepton::readTuningDatabase(file.path(), key, kernels, error) && error.empty())
    abort(); // refused without a word
  return 0;
}
