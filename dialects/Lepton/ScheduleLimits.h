//===- ScheduleLimits.h - what a target can obey ------------------------------------------------------------*- C++ -*-===//
//
// What `verifySchedule` checks, for those who only ask: the tuner's space and what a database says.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_DIALECTS_SCHEDULELIMITS_H
#define LEPTON_DIALECTS_SCHEDULELIMITS_H

#include "dialects/Lepton/LeptonOps.h"

namespace lepton {

/// Registers that a block of accumulators takes, with what it is computed from.
int64_t blockRegisters(int64_t rows, int64_t columns);

/// Why `root`, a linalg op, cannot be computed by this schedule on this target; empty where it can.
std::string scheduleFault(mlir::Operation *root, ScheduleAttr schedule, TargetAttr target);

} // namespace lepton

#endif // LEPTON_DIALECTS_SCHEDULELIMITS_H
