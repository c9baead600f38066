//===- PassObserver.cpp - what each pass does to a model -----------------------------------------------------------------===//

#include "api/PassObserver.h"
#include "dialects/Lepton/SourceNode.h"

#include "mlir/IR/Remarks.h"

#include <chrono>
#include <mutex>

using namespace mlir;
using namespace lepton;

namespace {

/// Passes that run on functions in several threads may make remarks at the same time.
class RemarkCollector : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit RemarkCollector(CompileFacts &facts) : facts(facts) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    std::lock_guard<std::mutex> lock(mutex);
    // What constants are computed with is compiled, too, within a pass: its passes are none of this phase.
    if (facts.passes.empty() || !isOfPhase(remark.getCategoryName(), facts.passes.back().phase))
      return;
    std::string text;
    for (const auto &part : remark.getArgs())
      text += (text.empty() ? "" : " ") + part.val;
    const bool isMissed = remark.getRemarkType() == llvm::remarks::Type::Missed;
    facts.remarks.push_back({remark.getCategoryName().str(), remark.getRemarkName().str(),
                             sourceNode(remark.getLocation()).name.str(), functionOf(remark), text, isMissed});
  }

private:
  bool isOfPhase(StringRef pass, StringRef phase) const {
    return llvm::any_of(facts.passes,
                        [&](const PassFacts &other) { return other.name == pass && other.phase == phase; });
  }

  static std::string functionOf(const remark::detail::Remark &remark) {
    StringRef name = remark.getFunction();
    return name.starts_with("<") ? "" : name.str(); // "<unknown function>"
  }

  CompileFacts &facts;
  std::mutex mutex;
};

/// Copies of a pass that run on other functions, in other threads, count as one. MLIR calls one method at a time.
class PassObserver : public PassInstrumentation {
public:
  PassObserver(const char *phase, CompileFacts &facts) : phase(phase), facts(facts) {}

  void runBeforePass(Pass *pass, Operation *op) override {
    if (pass->getArgument().empty()) // runs others on parts of the IR
      return;
    auto [place, isNew] = places.try_emplace(pass->getThreadingSiblingOrThis(), facts.passes.size());
    if (isNew)
      facts.passes.push_back({phase, pass->getName().str()});
    facts.passes[place->second].opsBefore += countOps(op);
    starts[{pass, op}] = Clock::now();
  }

  void runAfterPass(Pass *pass, Operation *op) override {
    auto start = starts.find({pass, op});
    if (start == starts.end())
      return;
    PassFacts &found = facts.passes[places[pass->getThreadingSiblingOrThis()]];
    found.seconds += std::chrono::duration<double>(Clock::now() - start->second).count();
    found.opsAfter += countOps(op);
    starts.erase(start);
  }

private:
  using Clock = std::chrono::steady_clock;

  static uint64_t countOps(Operation *op) {
    uint64_t count = 0;
    op->walk([&](Operation *) { ++count; });
    return count;
  }

  const char *phase;
  CompileFacts &facts;
  llvm::DenseMap<const Pass *, size_t> places;
  llvm::DenseMap<std::pair<Pass *, Operation *>, Clock::time_point> starts;
};

} // namespace

void lepton::collectRemarks(MLIRContext &context, CompileFacts &facts) {
  remark::RemarkCategories all;
  all.passed = all.missed = all.analysis = ".*"; // of all passes; what is not named is off
  (void)remark::enableOptimizationRemarks(context, std::make_unique<RemarkCollector>(facts),
                                          std::make_unique<remark::RemarkEmittingPolicyAll>(), all);
}

std::unique_ptr<PassInstrumentation> lepton::observePasses(const char *phase, CompileFacts &facts) {
  return std::make_unique<PassObserver>(phase, facts);
}
