//===- Report.h - a page about a compilation -------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_REPORT_H
#define LEPTON_API_REPORT_H

#include "api/Facts.h"
#include "codegen/artifact/ModelInfo.h"

namespace lepton {

/// The page, with %FACTS% where the facts go as JSON; made of the files in api/report.
extern const char *const reportPage;

/// A page of HTML that needs no other file and no network: the graph of kernels, which can be searched, what each kernel computes, time of each phase, memory,
/// warnings.
std::string writeReport(const std::string &model, const CompileFacts &facts, const ModelInfo &info);

} // namespace lepton

#endif // LEPTON_API_REPORT_H
