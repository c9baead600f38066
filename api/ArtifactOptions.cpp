//===- ArtifactOptions.cpp - what the options say of an artifact, and what cannot be had ----------------------------------------------===//

#include "api/Compilation.h"

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/SourceNode.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lepton;

bool Compilation::failUsage(const std::string &message) {
  source.clear(); // the model is not at fault
  return fail(Failure::usage, message);
}

/// How a message about an op begins; `otherwise` where there is none, or it comes from no node.
static std::string subject(Operation *op, const char *otherwise) {
  llvm::StringRef node = op ? sourceNode(op->getLoc()).name : llvm::StringRef();
  return node.empty() ? otherwise : "node '" + node.str() + "' ";
}

bool Compilation::choosePrecision() {
  const std::string &precision = options.precision;
  if (precision == "" || precision == "fp32")
    return true;
  if (!llvm::is_contained({"tf32", "fp16", "bf16"}, precision))
    return failUsage("unknown precision '" + precision + "'; there are fp32, tf32, fp16 and bf16");
  if (chosen.gpu.empty() || chosen.isAmdGpu() || chosen.isVulkan())
    return failUsage("--precision=" + precision + " is for the tensor cores of NVIDIA's GPUs; add --target=cuda");
  module()->setAttr("lepton.precision", StringAttr::get(context.get(), precision));
  return true;
}

bool Compilation::checkDeterminism() {
  if (!options.deterministic)
    return true;
  if (!chosen.gpu.empty())
    return failUsage("--deterministic is for CPUs; leave it out, or compile for one");
  if (!chosen.fma)
    return failUsage("--deterministic needs fused multiply-adds, which " + chosen.cpu +
                     " lacks; compile for --cpu=x86-64-v3 or another one that has them");
  if (!options.tuningDb.empty())
    return failUsage("--deterministic and --tuning-db exclude each other: what is fastest on one processor adds up in "
                     "another order than elsewhere; leave one out");
  return true;
}

bool Compilation::chooseWeightsPlace() {
  const std::string &place = options.weights;
  if (place != "" && place != "embed" && place != "file" && place != "section")
    return failUsage("unknown --weights=" + place + "; there are embed, file and section");
  if (chosen.isWasm() && place != "" && place != "embed")
    return failUsage("--weights=" + place +
                     " is for systems that map files into memory; a module of WebAssembly has "
                     "the constants in it: leave it out");
  if (!chosen.gpu.empty() && place == "file")
    return failUsage("--weights=file is for CPUs: a GPU gets the constants from the artifact; leave it out");
  modelInfo.weightsPlace = place == "file"      ? WeightsPlace::file
                           : place == "section" ? WeightsPlace::section
                                                : WeightsPlace::embed;
  if (!options.weightsKey.empty() && place != "file")
    return failUsage("--weights-key encrypts the constants in a file of their own, beside an artifact; add "
                     "--weights=file, or leave out the key");
  if (place == "file") {
    modelInfo.weightsFile = options.weightsFile;
    module()->setAttr("lepton.weights_file", UnitAttr::get(context.get()));
  }
  return true;
}

//===----------------------------------------------------------------------------------------------------------------------------------===//
// WebAssembly
//===----------------------------------------------------------------------------------------------------------------------------------===//

bool Compilation::suitsWasm() {
  if (!chosen.isWasm())
    return true;
  if (options.threads > 1)
    return failUsage("WebAssembly has one thread; leave out --threads");
  Operation *handles = nullptr;
  auto isHandleTensor = [](Type type) { return isHandle(getElementTypeOrSelf(type)); };
  module().walk([&](Operation *op) {
    if (llvm::any_of(op->getOperandTypes(), isHandleTensor) || llvm::any_of(op->getResultTypes(), isHandleTensor)) {
      handles = op;
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  if (!handles)
    return true;
  return fail(Failure::input, subject(handles, "the model ") +
                                  "has strings, sequences, optionals or maps, which there are not for WebAssembly; "
                                  "compile it for another target");
}

bool Compilation::fitsWasm() {
  // The C library gives no block of more than half of what an address reaches.
  constexpr uint64_t mostAtOnce = uint64_t(1) << 31, most = uint64_t(1) << 32;
  const uint64_t weights = modelInfo.weightsBytes, arena = modelInfo.arenaBytes;
  return !chosen.isWasm() || (arena <= mostAtOnce && weights + arena < most) ||
         fail(Failure::input, "it takes " + std::to_string(weights) + " bytes of constants and " +
                                  std::to_string(arena) +
                                  " of workspace, and addresses of WebAssembly reach 4 GiB, a workspace at most 2 GiB; "
                                  "compile it for smaller inputs, or for another target");
}

//===----------------------------------------------------------------------------------------------------------------------------------===//
// GPUs
//===----------------------------------------------------------------------------------------------------------------------------------===//

/// Why a value is no memory that a GPU could have, either; nothing where it is.
static std::string faultOfHandle(const ValueInfo &value) {
  if (value.dtype == LEPTON_STRING)
    return "is of strings, which are the runtime's";
  return value.element.empty() ? "" : "is no tensor, but a list, an optional or a map, which are the runtime's";
}

bool Compilation::suitsGpu() {
  if (chosen.gpu.empty())
    return true;
  auto suits = [&](const char *side, const std::vector<ValueInfo> &values) {
    for (const ValueInfo &value : values)
      if (std::string fault = faultOfHandle(value); !fault.empty())
        return fail(Failure::input,
                    std::string(side) + " '" + value.name + "' " + fault + "; compile the model for a CPU");
    return true;
  };
  return suits("input", modelInfo.inputs) && suits("output", modelInfo.outputs);
}

//===----------------------------------------------------------------------------------------------------------------------------------===//
// Without a runtime
//===----------------------------------------------------------------------------------------------------------------------------------===//

/// Why a value cannot pass as its elements alone; nothing where it can.
static std::string faultOfBareValue(const ValueInfo &value) {
  if (std::string fault = faultOfHandle(value); !fault.empty())
    return fault;
  for (auto [size, name] : llvm::zip(value.shape, value.dimNames))
    if (size < 0)
      return "has a size that only a run knows; " +
             (name.empty() ? "use a model of fixed sizes" : "fix it with --dim=" + name + "=SIZE");
  return {};
}

bool Compilation::chooseRuntime() {
  if (options.runtime != "" && options.runtime != "full" && options.runtime != "none")
    return failUsage("unknown --runtime=" + options.runtime + "; there are full and none");
  modelInfo.isBare = options.runtime == "none";
  if (!modelInfo.isBare)
    return true;
  if (!chosen.gpu.empty())
    return failUsage("--runtime=none is for CPUs: a GPU needs the runtime; leave out --runtime=none");
  if (modelInfo.weightsPlace == WeightsPlace::file)
    return failUsage("--weights=file needs the runtime, which maps the file; with --runtime=none use embed or section");
  if (options.threads > 1)
    return failUsage("--runtime=none makes code for one thread; leave out --threads");
  auto faultIn = [&](const char *side, const std::vector<ValueInfo> &values) {
    for (const ValueInfo &value : values)
      if (std::string fault = faultOfBareValue(value); !fault.empty())
        return fail(Failure::input, std::string(side) + " '" + value.name + "' " + fault +
                                        (fault.back() == 's' ? "; leave out --runtime=none" : ""));
    return true;
  };
  return faultIn("input", modelInfo.inputs) && faultIn("output", modelInfo.outputs);
}

bool Compilation::failBare(Operation *op, const std::string &what) {
  return fail(Failure::input,
              subject(op, "") + what + ", which is not there with --runtime=none; leave out --runtime=none");
}

/// What runtime/bare/bare.cpp defines for compiled code.
static constexpr llvm::StringRef bareFunctions[] = {"lepton_rt_input", "lepton_rt_output", "lepton_rt_arena",
                                                    "lepton_rt_parallel_for", "lepton_rt_fail"};

bool Compilation::checkBareCode() {
  WalkResult result = module().walk([&](LLVM::CallOp call) {
    auto callee = call.getCallee() ? module().lookupSymbol<LLVM::LLVMFuncOp>(*call.getCallee()) : LLVM::LLVMFuncOp();
    if (!callee || !callee.isExternal() || llvm::is_contained(bareFunctions, callee.getSymName()))
      return WalkResult::advance();
    llvm::StringRef name = callee.getSymName();
    failBare(call, name.starts_with("lepton_rt_alloc") ? "needs memory whose size only the run knows"
                   : name == "lepton_rt_stop" ? "may end a run before its end"
                                              : "needs the function '" + name.str() + "' of the " +
                                                    (name.starts_with("lepton_rt_") ? "runtime" : "C library"));
    return WalkResult::interrupt();
  });
  return !result.wasInterrupted();
}

/// Whether LLVM makes a call of this function where no instruction does what an operation says: of `llvm.intr.atan` one of atanf.
static bool becomesCall(Operation *op, llvm::StringRef function) {
  llvm::StringRef name = op->getName().getStringRef();
  if (function.starts_with("__trunc") || function.starts_with("__extend"))
    return isa<LLVM::FPTruncOp, LLVM::FPExtOp>(op);
  if (function.starts_with("fmod"))
    return isa<LLVM::FRemOp>(op);
  return name.consume_front("llvm.intr.") && (name == function || name == function.drop_back());
}

bool Compilation::joinBare(std::vector<ObjectBytes> &objects) {
  ObjectBytes joined;
  std::vector<std::string> undefined;
  std::string error;
  if (!joinBareObjects(objects, chosen, joined, undefined, error))
    return fail(Failure::internal, "linking failed: " + error);
  objects.clear();
  objects.push_back(std::move(joined));
  if (undefined.empty())
    return true;
  llvm::StringRef name = undefined.front();
  Operation *origin = nullptr;
  module().walk([&](Operation *op) { origin = origin || !becomesCall(op, name) ? origin : op; });
  return failBare(origin, "needs the function '" + name.str() + "' of the C library");
}
