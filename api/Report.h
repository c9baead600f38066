//===- Report.h - a page about a compilation -------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_REPORT_H
#define LEPTON_API_REPORT_H

#include "api/Facts.h"
#include "codegen/artifact/ModelInfo.h"

namespace lepton {

/// A page of HTML that needs no other file: time of each phase, kernels and their share of the arithmetic, memory, warnings.
std::string writeReport(const std::string &model, const CompileFacts &facts, const ModelInfo &info);

} // namespace lepton

#endif // LEPTON_API_REPORT_H
