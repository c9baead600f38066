//===- ContractionSchedule.h - register blocks by a cost model -------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_SCHEDULE_CONTRACTIONSCHEDULE_H
#define LEPTON_PASSES_SCHEDULE_CONTRACTIONSCHEDULE_H

#include "dialects/Lepton/LeptonOps.h"
#include "passes/vector/ContractionAnalysis.h"

namespace lepton {

/// A schedule and its cost by the model, which compares schedules of one contraction only.
struct RatedSchedule {
  ScheduleAttr schedule;
  int64_t cost;
};

/// The default: the register block that the cost model prefers. A pure function of the contraction and the target.
ScheduleAttr selectSchedule(const Contraction &contraction, TargetAttr target);

/// The space that a tuner searches: schedules that the target can obey and that the model does not find hopeless (registers, caches, size of the
/// code, twice the default's cost). The default comes first, the others follow by their cost.
llvm::SmallVector<RatedSchedule> listSchedules(const Contraction &contraction, TargetAttr target);

} // namespace lepton

#endif // LEPTON_PASSES_SCHEDULE_CONTRACTIONSCHEDULE_H
