//===- Scripts.h - verbs that are written in Python ------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_TOOLS_LEPTON_SCRIPTS_H
#define LEPTON_TOOLS_LEPTON_SCRIPTS_H

namespace lepton::cli {

/// Runs `main` of the verb's module with the arguments after the verb, where `argv` names such a verb; -1 where not. The interpreter is the one of
/// LEPTON_PYTHON, that of the build, or python3.
int runScript(int argc, char **argv);

} // namespace lepton::cli

#endif // LEPTON_TOOLS_LEPTON_SCRIPTS_H
