//===- ScheduleAttributes.cpp - what a target and a schedule must satisfy ---------------------------------------------===//

#include "dialects/Lepton/ScheduleLimits.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace lepton;

LogicalResult TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef cpu, int64_t vectorBits,
                                 int64_t registers, bool, int64_t l1, int64_t l2, int64_t multiplyAdds,
                                 int64_t sharedMemory) {
  if (cpu.empty())
    return emitError() << "a target needs the name of a processor";
  if (vectorBits < 64 || vectorBits > 4096 || !llvm::isPowerOf2_64(vectorBits))
    return emitError() << "vector_bits is " << vectorBits << ", expected a power of two from 64 to 4096";
  if (registers < 4 || registers > 256)
    return emitError() << "registers is " << registers << ", expected 4 to 256";
  if (multiplyAdds <= 0)
    return emitError() << multiplyAdds << " multiply-adds a cycle, expected at least 1";
  if (l1 <= 0 || l2 < l1)
    return emitError() << "caches of " << l1 << " and " << l2 << " bytes, expected 0 < l1 <= l2";
  if (sharedMemory < 0)
    return emitError() << sharedMemory << " bytes of shared memory, expected 0 or more";
  return success();
}

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError, Algorithm algorithm, int64_t lanes,
                                   int64_t rows, int64_t vectors, int64_t panels, int64_t unroll, int64_t fullUnroll,
                                   bool rowsOutermost) {
  const std::pair<const char *, int64_t> sizes[] = {{"lanes", lanes},     {"rows", rows},
                                                    {"vectors", vectors}, {"panels", panels},
                                                    {"unroll", unroll},   {"full_unroll", fullUnroll}};
  for (auto [name, size] : sizes)
    if (size < 1)
      return emitError() << name << " is " << size << ", expected at least 1";
  if (algorithm == Algorithm::loops &&
      (lanes != 1 || rows != 1 || vectors != 1 || panels != 1 || unroll != 1 || rowsOutermost))
    return emitError() << "loops have no register block";
  return success();
}

LogicalResult LaunchAttr::verify(function_ref<InFlightDiagnostic()> emitError, Unit unit, int64_t threads,
                                 int64_t width, int64_t rows, int64_t rowLoop, int64_t columns, int64_t parts,
                                 bool tensorCores, int64_t depth, int64_t stages) {
  constexpr int64_t warp = 32, most = 1024, mostRegisters = 64;
  if (threads < warp || threads > most || threads % warp)
    return emitError() << "a block of " << threads << " threads, expected a multiple of 32 up to 1024";
  if (width < 1 || width > 16)
    return emitError() << "width is " << width << ", expected 1 to 16";
  auto isPower = [](int64_t number, int64_t least) { return number >= least && llvm::isPowerOf2_64(uint64_t(number)); };
  if (stages && (stages < 2 || stages > 8 || !isPower(depth, 16)))
    return emitError() << stages << " slices of depth " << depth << ", expected 2 to 8 of a power of 2 from 16 on";
  if (stages && (!isPower(rows, 32) || !isPower(columns, 32) || !isPower(threads, warp) || parts > 1 ||
                 rows * columns > mostRegisters * threads))
    return emitError() << "a block's tile of " << rows << " by " << columns << " elements for " << threads
                       << " threads, expected powers of 2 from 32 on, up to 64 elements a thread, and no parts";
  if (stages && !tensorCores && rows * columns < 16 * threads)
    return emitError() << "a block's tile of " << rows << " by " << columns << " elements for " << threads
                       << " threads, expected 16 for each at least";
  if (tensorCores && !stages)
    return emitError() << "tensor cores multiply what lies in shared memory, expected stages";
  if (rows < 1 || columns < 1 || (!stages && rows * columns > mostRegisters) || rowLoop < 0)
    return emitError() << "a tile of " << rows << " by " << columns << " elements, expected 1 to 64 of them";
  if (parts < 1 || threads % parts || !llvm::isPowerOf2_64(parts))
    return emitError() << parts << " parts of a reduction, expected a power of 2 that divides the threads";
  if (unit == Unit::block && width * rows * columns * parts != 1)
    return emitError() << "a block computes one item, not " << width * rows * columns;
  if (width > 1 && rows * columns * parts > 1)
    return emitError() << "a thread has neighbouring elements or a tile";
  return success();
}

TargetAttr lepton::targetOf(Operation *op) {
  auto module = isa<ModuleOp>(op) ? cast<ModuleOp>(op) : op->getParentOfType<ModuleOp>();
  if (auto target = module->getAttrOfType<TargetAttr>("lepton.target"))
    return target;
  return TargetAttr::get(op->getContext(), "x86-64-v3", /*vector_bits=*/256, /*registers=*/16, /*fma=*/true,
                         /*l1=*/32 << 10, /*l2=*/512 << 10, /*multiply_adds=*/2, /*shared_memory=*/0);
}

int64_t lepton::blockRegisters(int64_t rows, int64_t columns) {
  // One row of B and a broadcast of A beside the accumulators.
  return (rows + 1) * columns + 1;
}

std::string lepton::scheduleFault(Operation *root, ScheduleAttr schedule, TargetAttr target) {
  if (schedule.getAlgorithm() == Algorithm::loops)
    return {};
  std::string fault;
  llvm::raw_string_ostream os(fault);
  const int64_t rows = schedule.getRows(), columns = schedule.getVectors() * schedule.getPanels(),
                used = blockRegisters(rows, columns);
  auto type = dyn_cast<ShapedType>(root->getOperand(root->getNumOperands() - 1).getType());
  Type element = type ? type.getElementType() : Type();
  if (used > target.getRegisters())
    os << "a block of " << rows << " rows by " << columns << " vectors takes " << used << " registers, but "
       << target.getCpu() << " has " << target.getRegisters();
  else if (element && element.isIntOrFloat() && schedule.getLanes() > target.lanes(element))
    os << schedule.getLanes() << " lanes of " << element << " are wider than the vectors of " << target.getCpu();
  return fault;
}

LogicalResult lepton::verifySchedule(Operation *root, ScheduleAttr schedule, TargetAttr target) {
  std::string fault = scheduleFault(root, schedule, target);
  return fault.empty() ? success() : LogicalResult(root->emitOpError() << fault);
}
