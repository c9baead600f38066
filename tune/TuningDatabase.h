//===- TuningDatabase.h - schedules that were found by measurement ------------------------------------------*- C++ -*-===//
//
// The compiler's side of the database, which only reads. tune/database.py writes it, and says what its tables hold.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_TUNE_TUNINGDATABASE_H
#define LEPTON_TUNE_TUNINGDATABASE_H

#include <string>
#include <vector>

namespace lepton {

/// What measurements hold for, beside the kernel.
struct TuningKey {
  std::string target; // #lepton.target<...>
  unsigned threads;   // of a run
  std::string compiler;
};

struct TunedKernel {
  std::string hash;
  std::vector<std::string> schedules; // #lepton.schedule<...>, one for each contraction
};

/// All kernels that were tuned for `key`. False where the file cannot be read or is no sound tuning database, and why in `error`.
bool readTuningDatabase(const std::string &path, const TuningKey &key, std::vector<TunedKernel> &kernels,
                        std::string &error);

} // namespace lepton

#endif // LEPTON_TUNE_TUNINGDATABASE_H
