//===- Versions.cpp - code for several processors in one artifact ---------------------------------------------------------------------===//

#include "api/Versions.h"
#include "codegen/artifact/HeaderWriter.h"
#include "codegen/artifact/ObjectEmitter.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace lepton;

namespace {
struct Version {
  std::string symbol;
  Target target;

  /// What it needs of a CPU: the most demanding version that runs is the fastest.
  std::tuple<int64_t, size_t, llvm::StringRef> demand() const {
    return {target.vectorBits, llvm::StringRef(target.required).count(','), symbol};
  }
};
} // namespace

Failure lepton::compileVersions(llvm::function_ref<bool(Compilation &)> read, const CompileOptions &options,
                                ArtifactParts &parts, std::string &error) {
  std::vector<Version> versions;
  ModelInfo &info = parts.info;
  for (llvm::StringRef cpu : llvm::split(options.cpu, ',')) {
    CompileOptions own = options;
    own.cpu = cpu.str();
    own.symbol = cIdentifier(options.symbol + "_" + cpu.str());
    if (cpu.empty() || llvm::any_of(versions, [&](const Version &other) { return other.symbol == own.symbol; })) {
      error = "--cpu=" + options.cpu + " names " + (cpu.empty() ? "an empty processor" : "'" + own.cpu + "' twice") +
              "; give each once, with commas between";
      return Failure::usage;
    }
    // Each has its own layout of the constants.
    own.weightsFile = llvm::sys::path::stem(options.weightsFile).str() + "." + own.cpu + ".weights";
    if (!options.dumpPhases.empty())
      own.dumpPhases += "/" + own.cpu;
    if (!versions.empty())
      own.facts = nullptr; // those of the first are reported
    Compilation compilation(own);
    std::vector<ObjectBytes> objects;
    if (!read(compilation) || !compilation.runPhases() || !compilation.emitObjects(objects)) {
      error = compilation.takeError();
      return compilation.failure;
    }
    if (!joinObjects(objects, compilation.target(), parts.objects.emplace_back(), error))
      return Failure::internal;
    const ModelInfo &made = compilation.info();
    if (made.weightsPlace == WeightsPlace::file)
      parts.weightsFiles.emplace_back(own.weightsFile, compilation.takeWeightsFile());
    if (versions.empty()) {
      info = made;
    } else {
      info.target += ", " + made.target;
      info.arenaBytes = std::max(info.arenaBytes, made.arenaBytes);
      info.codeBytes += made.codeBytes;
      info.weightsFile.clear();
      info.weightsBytes = std::max(info.weightsBytes, made.weightsBytes);
      info.hash = info.hash * 31 + made.hash;
    }
    versions.push_back({own.symbol, compilation.target()});
  }
  llvm::sort(versions, [](const Version &a, const Version &b) { return a.demand() > b.demand(); });
  std::vector<std::string> symbols;
  for (const Version &version : versions)
    symbols.push_back(version.symbol);
  info.symbol = options.symbol;
  parts.target = versions.front().target;
  parts.objects.push_back(emitModelChooser(symbols, info.symbol, parts.target));
  return Failure::none;
}
