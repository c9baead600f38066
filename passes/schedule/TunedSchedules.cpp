//===- TunedSchedules.cpp - schedules that were found by measurement ---------------------------------------------------===//

#include "passes/schedule/TunedSchedules.h"
#include "dialects/Lepton/ScheduleLimits.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace lepton;

std::vector<ContractionRoot> lepton::findContractions(func::FuncOp kernel, TargetAttr target) {
  std::vector<ContractionRoot> roots;
  kernel.walk([&](linalg::GenericOp op) {
    Type element = getElementTypeOrSelf(op->getOperands().back().getType());
    if (!element.isIntOrFloat())
      return;
    FailureOr<Contraction> contraction = analyzeContraction(op, target.lanes(element));
    if (succeeded(contraction))
      roots.push_back({op, std::move(*contraction)});
  });
  return roots;
}

std::string lepton::hashOfText(StringRef text) {
  const llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits(ArrayRef(reinterpret_cast<const uint8_t *>(text.data()), text.size()));
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, /*Width=*/16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, /*Width=*/16);
}

std::string lepton::kernelHash(func::FuncOp kernel) {
  OwningOpRef<func::FuncOp> copy(kernel.clone());
  copy->setName("kernel");
  copy->walk([](Operation *op) {
    for (const char *name : {"lepton.schedule", "lepton.hash", "lepton.candidates", "lepton.costs", "lepton.tile_rows",
                             "lepton.tile_hash", "lepton.tile_candidates"})
      op->removeAttr(name);
  });
  std::string text;
  llvm::raw_string_ostream os(text);
  copy->print(os, OpPrintingFlags().printGenericOpForm().useLocalScope());
  return hashOfText(text);
}

ArrayAttr lepton::tunedEntry(ModuleOp module, StringRef hash) {
  auto tuned = module->getAttrOfType<DictionaryAttr>("lepton.tuned");
  return tuned ? tuned.getAs<ArrayAttr>(hash) : ArrayAttr();
}

ArrayAttr lepton::tunedEntry(func::FuncOp kernel) {
  return tunedEntry(kernel->getParentOfType<ModuleOp>(), kernelHash(kernel));
}

SmallVector<ScheduleAttr> lepton::tunedSchedules(func::FuncOp kernel, ArrayRef<ContractionRoot> roots,
                                                 TargetAttr target) {
  ArrayAttr found = roots.empty() ? ArrayAttr() : tunedEntry(kernel);
  if (!found || found.size() != roots.size())
    return {};
  SmallVector<ScheduleAttr> schedules;
  for (auto [attribute, root] : llvm::zip_equal(found, roots)) {
    auto schedule = dyn_cast<ScheduleAttr>(attribute);
    if (!schedule || !scheduleFault(root.op, schedule, target).empty())
      return {};
    schedules.push_back(schedule);
  }
  return schedules;
}
