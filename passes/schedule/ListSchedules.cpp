//===- ListSchedules.cpp - says how a kernel could be computed ----------------------------------------------------------===//
//
// Before: linalg ops on memrefs.
// After:  the same; a function with contractions has its hash as `lepton.hash`, and each of them `lepton.candidates`, an array of schedules, and
//         `lepton.costs`, what the model thinks of each.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "passes/schedule/ContractionSchedule.h"
#include "passes/schedule/TunedSchedules.h"

namespace lepton {
#define GEN_PASS_DEF_LISTSCHEDULES
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

namespace {

struct ListSchedules : lepton::impl::ListSchedulesBase<ListSchedules> {
  void runOnOperation() override {
    const TargetAttr target = targetOf(getOperation());
    std::vector<ContractionRoot> roots = findContractions(getOperation(), target);
    if (roots.empty())
      return markAllAnalysesPreserved();
    Builder b(&getContext());
    getOperation()->setAttr("lepton.hash", b.getStringAttr(kernelHash(getOperation())));
    for (ContractionRoot &root : roots) {
      SmallVector<Attribute> schedules;
      SmallVector<int64_t> costs;
      for (const RatedSchedule &rated : listSchedules(root.contraction, target)) {
        schedules.push_back(rated.schedule);
        costs.push_back(rated.cost);
      }
      root.op->setAttr("lepton.candidates", b.getArrayAttr(schedules));
      root.op->setAttr("lepton.costs", b.getDenseI64ArrayAttr(costs));
    }
  }
};

} // namespace
