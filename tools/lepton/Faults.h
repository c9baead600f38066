//===- Faults.h - what happens after a fault of Lepton itself --------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_TOOLS_LEPTON_FAULTS_H
#define LEPTON_TOOLS_LEPTON_FAULTS_H

#include <cstdint>
#include <string>

namespace lepton::cli {

/// From here on a fault ends in repeatWithReproducer, and where `reproducer` names a file (it is repeated already), in a message and status 3: never
/// in a signal.
void catchFaults(char **argv, const std::string &model, const std::string &reproducer);

/// From here on this process ends with a message and status 1 where it has not ended a second after its time, or where it asks for more memory than it
/// may have: the last resort behind the bounds of a compilation, which end at a step, and the only one for runs. 0: no bound.
void boundProcess(double seconds, uint64_t bytes);

/// Runs the same command once more in place of this process, with --reproducer=FILE: the IR in front of each phase is written there, so that
/// it is kept where the fault comes again. Costs nothing until there is a fault. Returns where it is repeated already.
void repeatWithReproducer();

} // namespace lepton::cli

#endif // LEPTON_TOOLS_LEPTON_FAULTS_H
