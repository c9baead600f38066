//===- FactFinder.h - reads facts from the IR ------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_FACTFINDER_H
#define LEPTON_API_FACTFINDER_H

#include "api/Facts.h"

#include "mlir/IR/BuiltinOps.h"

#include <chrono>

namespace lepton {

/// Notes how long a phase takes, from here to the end of the scope.
class PhaseClock {
public:
  PhaseClock(CompileFacts *facts, const char *phase) : facts(facts), phase(phase) {}
  PhaseClock(const PhaseClock &) = delete;
  ~PhaseClock() {
    if (!facts)
      return;
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (facts->seconds.empty() || facts->seconds.back().first != phase)
      facts->seconds.push_back({phase, 0});
    facts->seconds.back().second += seconds; // a phase may take several steps
  }

private:
  CompileFacts *facts;
  const char *phase;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

/// Ops and parameters of a model that came as text; the importer counts those of others.
void findContents(mlir::ModuleOp module, CompileFacts &facts);
/// The arithmetic; after the phase `graph`, when shapes are as far known as they will be.
void findGraphFacts(mlir::ModuleOp module, CompileFacts &facts);
/// The kernels; after the phase `kernel`.
void findKernelFacts(mlir::ModuleOp module, CompileFacts &facts);
/// How often a call runs, as far as it is known.
uint64_t iterationsAround(mlir::Operation *op);
/// The arena over time; after the phase `buffer`.
void findMemoryPlan(mlir::ModuleOp module, MemoryPlan &plan);
/// The steps of the entry function and the values between them; after the phase `kernel`.
void findGraph(mlir::ModuleOp module, CompileFacts &facts);

} // namespace lepton

#endif // LEPTON_API_FACTFINDER_H
