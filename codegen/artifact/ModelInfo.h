//===- ModelInfo.h - what an artifact says of its model -----------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_ARTIFACT_MODELINFO_H
#define LEPTON_CODEGEN_ARTIFACT_MODELINFO_H

#include <cstdint>
#include <string>
#include <vector>

namespace lepton {

struct ValueInfo {
  std::string name;
  uint32_t dtype = 0;         // lepton_dtype
  std::vector<int64_t> shape; // -1: known only at run time
  std::vector<std::string> dimNames;
  std::vector<ValueInfo> element; // of a sequence or an optional: what it holds; of a map: its keys, its values
  bool anyRank = false;           // tensors of several ranks, as an element; `shape` is empty then
};

/// The sizes that the dimensions of one name may have, both ends included.
struct DimBounds {
  std::string name;
  int64_t minimum = 0, maximum = 0;
};

/// What a GPU runs of a model; see lepton_device_code.
struct DeviceCode {
  std::string image;       // empty: the CPU runs everything
  std::string machineCode; // of the same; empty: the driver makes its own
  std::string runtime;     // the symbol of the part of the runtime that knows such GPUs
  std::vector<std::string> messages;
  bool replayable = false;
  uint64_t tensorBytes = 0; // of the largest tensor of a kernel whose size is known
};

/// Where an artifact has the constants.
enum class WeightsPlace {
  embed,   // among its other constant data
  section, // on pages of their own, all of the section `.lepton.weights`
  file,    // in a file beside it
}; // as in lepton_weights_place

struct ModelInfo {
  std::string name;
  std::string symbol;   // prefix of the C names, an identifier; empty: none
  std::string target;   // for people
  std::string required; // CPU features
  std::vector<ValueInfo> inputs, outputs;
  std::vector<DimBounds> dimBounds;
  uint64_t arenaBytes = 0, liveBytes = 0, weightsBytes = 0, codeBytes = 0, hash = 0; // code: once it was made
  uint32_t threads = 1, kernels = 0;
  DeviceCode device;
  bool isBare = false; // without the runtime
  WeightsPlace weightsPlace = WeightsPlace::embed;
  std::string weightsFile, weightsHash; // of a file: its name, and the SHA-256 of the constants
};

} // namespace lepton

#endif // LEPTON_CODEGEN_ARTIFACT_MODELINFO_H
