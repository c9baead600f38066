//===- cpu_features.h - What the CPU can do ---------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_CPU_FEATURES_H
#define LEPTON_RUNTIME_CORE_CPU_FEATURES_H

#include <stddef.h>

namespace lepton::rt {

/// Whether this CPU and its kernel have every feature of a comma-separated list (names of /proc/cpuinfo or of LLVM).
/// Otherwise `missing` receives the first that is absent or unknown.
bool cpuHasFeatures(const char *features, char *missing, size_t size);

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_CPU_FEATURES_H
