//===- Scripts.h - verbs that are written in Python ------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_TOOLS_LEPTON_SCRIPTS_H
#define LEPTON_TOOLS_LEPTON_SCRIPTS_H

#include <string>
#include <vector>

namespace lepton::cli {

/// Runs `main` of the verb's module with the arguments after the verb, where `argv` names such a verb; -1 where not. The interpreter is the one of
/// LEPTON_PYTHON, that of the build, or python3.
int runScript(int argc, char **argv);

/// Runs `lepton tune` with these arguments; its exit status.
int tune(const std::vector<std::string> &arguments);

/// The database that `lepton tune` fills where none is named: that of LEPTON_TUNING_DB, or one in the user's cache.
std::string defaultTuningDb();

} // namespace lepton::cli

#endif // LEPTON_TOOLS_LEPTON_SCRIPTS_H
