//===- Facts.h - what a compilation found out --------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_FACTS_H
#define LEPTON_API_FACTS_H

#include "tune/MachineLimits.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace lepton {

struct KernelFacts {
  std::string name;
  std::vector<std::string> ops;   ///< in the order in which they are computed
  std::vector<std::string> nodes; ///< the model's node that each of them comes from, of the first call; may be empty
  uint64_t flops = 0;             ///< of one call
  uint64_t bytes = 0;             ///< that one call reads and writes at least: its operands and results
  bool isSymbolic = false;    ///< whether `flops` and `bytes` leave out what depends on sizes that only the run knows
  double seconds = 0;         ///< of a run, all its calls together, at least; 0 where it was not measured
  uint64_t measuredCalls = 0; ///< of that run
  uint64_t calls = 0;         ///< places that call it, counted with the iterations of their loops where these are known
};

/// An input or output of the model, or a step of its entry function.
struct GraphNode {
  enum Kind { input, output, kernel, other } kind;
  std::string name;            ///< of the value, the kernel or the op
  std::string node;            ///< the model's node that it comes from; may be empty
  std::string type;            ///< of its first result: `1x64xf32`
  std::vector<size_t> sources; ///< the steps whose results it takes, all of which come before it
  uint64_t times = 1;          ///< that it runs, as far as the iterations of its loops are known
};

/// A place in the arena, from the first to the last step that sees it.
struct BufferFacts {
  uint64_t offset, bytes;
  size_t first, last; ///< steps of the plan
};

struct MemoryPlan {
  std::vector<std::string> steps; ///< of the entry function, in their order: kernels, and branches and loops as one
  std::vector<BufferFacts> buffers;
  unsigned pooled = 0; ///< buffers whose size only the run knows, or that a loop carries: the pool gives them
};

/// What a pass took and did, on all functions that it ran on.
struct PassFacts {
  std::string phase, name;
  double seconds = 0; ///< of all threads
  uint64_t opsBefore = 0, opsAfter = 0;
};

/// A decision of a pass.
struct RemarkFacts {
  std::string pass;
  std::string name;   ///< what was decided: "fused", "tuned"
  std::string node;   ///< of the model; may be empty
  std::string kernel; ///< may be empty
  std::string text;
  bool isMissed; ///< whether it could not be done
};

/// Filled by a compilation that is given it (CompileOptions::facts).
struct CompileFacts {
  std::map<std::string, uint64_t> ops;           ///< the model's nodes by operator
  uint64_t parameters = 0, parameterBytes = 0;   ///< elements of its constant tensors
  uint64_t flops = 0;                            ///< a multiply-add is two; of the ops whose sizes are known
  std::map<std::string, unsigned> symbolicFlops; ///< the other ops: operator -> nodes
  uint64_t liveBytes = 0;                        ///< of the arena, at most at one time: none could be smaller
  std::vector<KernelFacts> kernels;              ///< as first called
  std::vector<GraphNode> graph;                  ///< inputs, steps in their order, outputs
  MemoryPlan memory;
  std::vector<PassFacts> passes; ///< in the order in which they first ran
  std::vector<RemarkFacts> remarks;
  std::vector<std::pair<std::string, double>> seconds; ///< of each phase
  std::string unmeasured;                              ///< why kernels have no times; empty where they have
  unsigned measuredRuns = 0;                           ///< of which the kernels' times are the least
  MachineLimits limits;                                ///< of this machine, for as many threads as the runs had
  std::vector<std::string> warnings;
};

} // namespace lepton

#endif // LEPTON_API_FACTS_H
