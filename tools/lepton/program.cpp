//===- program.cpp - the command line as a program of its own -------------------------------------------------------------------===//

#include "tools/lepton/Commands.h"

int main(int argc, char **argv) { return lepton::cli::command(argc, argv); }
