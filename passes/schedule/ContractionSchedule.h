//===- ContractionSchedule.h - register blocks by a cost model -------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_SCHEDULE_CONTRACTIONSCHEDULE_H
#define LEPTON_PASSES_SCHEDULE_CONTRACTIONSCHEDULE_H

#include "dialects/Lepton/LeptonOps.h"
#include "passes/vector/ContractionAnalysis.h"

namespace lepton {

/// The register block that the cost model prefers: a pure function of the contraction and the target.
ScheduleAttr selectSchedule(const Contraction &contraction, TargetAttr target);

} // namespace lepton

#endif // LEPTON_PASSES_SCHEDULE_CONTRACTIONSCHEDULE_H
