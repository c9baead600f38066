//===- module.h - the parts of the Python module _lepton ------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PYTHON_MODULE_H
#define LEPTON_PYTHON_MODULE_H

#include "api/lepton.hpp"

#include <nanobind/nanobind.h>

/// Raises ValueError, or RuntimeError where the fault is Lepton's.
[[noreturn]] void raise(lepton::Failure failure, const std::string &error);

/// Graphs and their operations, in the submodule `nn`.
void bindGraph(nanobind::module_ &parent);

#endif // LEPTON_PYTHON_MODULE_H
