//===- Commands.h - the verbs of the command line -------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_TOOLS_LEPTON_COMMANDS_H
#define LEPTON_TOOLS_LEPTON_COMMANDS_H

#include "api/lepton.hpp"

#include <map>

namespace lepton::cli {

/// The whole command line: of the program `lepton`, and of the Python package, which brings its own. Once in a process; gives the exit status.
int command(int argc, char **argv);

/// Prints `error: ` lines on standard error and gives the exit status.
int report(Failure failure, const std::string &error);

struct RunOptions {
  std::string model, outputFolder, outputFormat = "npy", profile;
  std::vector<std::string> inputs; // NAME=FILE
  bool randomInputs = false;
  uint64_t seed = 0;
  unsigned repeat = 1;
};

int run(const RunOptions &options, const CompileOptions &compile);
int listOperators();
int inspect(const std::string &model, bool json, const CompileOptions &compile);

} // namespace lepton::cli

#endif // LEPTON_TOOLS_LEPTON_COMMANDS_H
