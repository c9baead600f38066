//===- SelectSchedule.cpp - decides how each root of a kernel is computed ---------------------------------------------===//
//
// Before: linalg ops on memrefs.
// After:  each has a `lepton.schedule`. One that is there already, by hand or by the tuner, stays, if the target can obey it.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "passes/schedule/ContractionSchedule.h"

namespace lepton {
#define GEN_PASS_DEF_SELECTSCHEDULE
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

namespace {

struct SelectSchedule : lepton::impl::SelectScheduleBase<SelectSchedule> {
  using SelectScheduleBase::SelectScheduleBase;

  void runOnOperation() override {
    const TargetAttr target = targetOf(getOperation());
    WalkResult result = getOperation()->walk([&](linalg::LinalgOp root) -> WalkResult {
      if (auto given = root->getAttrOfType<ScheduleAttr>("lepton.schedule"))
        return verifySchedule(root, given, target);
      root->setAttr("lepton.schedule", select(root, target));
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  ScheduleAttr select(linalg::LinalgOp root, TargetAttr target) {
    auto loops = ScheduleAttr::get(&getContext(), Algorithm::loops, 1, 1, 1, 1, 1, 12, false);
    auto generic = dyn_cast<linalg::GenericOp>(root.getOperation());
    if (!generic || !blocks)
      return loops;
    Type element = getElementTypeOrSelf(generic->getOperands().back().getType());
    if (!element.isIntOrFloat())
      return loops;
    FailureOr<Contraction> contraction = analyzeContraction(generic, target.lanes(element));
    return succeeded(contraction) ? selectSchedule(*contraction, target) : loops;
  }
};

} // namespace
