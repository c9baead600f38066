//===- SelectSchedule.cpp - decides how each root of a kernel is computed ---------------------------------------------===//
//
// Before: linalg ops on memrefs.
// After:  each has a `lepton.schedule`. One that is there already, by hand, stays, if the target can obey it; so does what the module's `lepton.tuned`
//         says of the kernel.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "passes/schedule/ContractionSchedule.h"
#include "passes/schedule/TunedSchedules.h"

#include "mlir/IR/Remarks.h"

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
    llvm::DenseMap<Operation *, ScheduleAttr> chosen;
    if (blocks) {
      std::vector<ContractionRoot> roots = findContractions(getOperation(), target);
      SmallVector<ScheduleAttr> tuned = tunedSchedules(getOperation(), roots, target);
      for (auto [i, root] : llvm::enumerate(roots)) {
        chosen[root.op] = tuned.empty() ? selectSchedule(root.contraction, target) : tuned[i];
        remark::analysis(root.op.getLoc(), remark::RemarkOpts::name(tuned.empty() ? "chosen" : "tuned")
                                               .category(getName())
                                               .function(getOperation().getName()))
            << remark::metric("schedule", Attribute(chosen[root.op]));
      }
    }
    const auto loops = ScheduleAttr::get(&getContext(), Algorithm::loops, 1, 1, 1, 1, 1, 12, false);
    WalkResult result = getOperation()->walk([&](linalg::LinalgOp root) -> WalkResult {
      if (auto given = root->getAttrOfType<ScheduleAttr>("lepton.schedule"))
        return verifySchedule(root, given, target);
      auto found = chosen.find(root);
      root->setAttr("lepton.schedule", found == chosen.end() ? loops : found->second);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
