//===- Tuning.cpp - the compiler's part in tuning -----------------------------------------------------------------------------===//

#include "api/Tuning.h"
#include "api/FactFinder.h"
#include "api/Files.h"
#include "api/lepton.hpp"
#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace lepton;
namespace json = llvm::json;

static std::string textOf(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

TuningKey lepton::tuningKey(ModuleOp module, unsigned threads) {
  return {textOf(targetOf(module)), threads, std::string("lepton ") + version() + " LLVM " LLVM_VERSION_STRING};
}

//===----------------------------------------------------------------------------------------------------------------------------------===//
// What was found
//===----------------------------------------------------------------------------------------------------------------------------------===//

bool lepton::attachTuned(ModuleOp module, const std::string &path, const TuningKey &key, std::string &error) {
  std::vector<TunedKernel> kernels;
  if (!readTuningDatabase(path, key, kernels, error))
    return false;
  MLIRContext *context = module.getContext();
  ScopedDiagnosticHandler quiet(context, [](Diagnostic &) { return success(); });
  SmallVector<NamedAttribute> tuned;
  for (const TunedKernel &kernel : kernels) {
    SmallVector<Attribute> schedules;
    for (const std::string &text : kernel.schedules) {
      schedules.push_back(parseAttribute(text, context));
      if (!isa_and_nonnull<ScheduleAttr, DictionaryAttr>(schedules.back())) {
        error = path + ": is a damaged tuning database: kernel " + kernel.hash + " has '" + text +
                "', which is no schedule; put a copy in its place, or remove it and tune again";
        return false;
      }
    }
    tuned.push_back({StringAttr::get(context, kernel.hash), ArrayAttr::get(context, schedules)});
  }
  module->setAttr("lepton.tuned", DictionaryAttr::get(context, tuned));
  return true;
}

//===----------------------------------------------------------------------------------------------------------------------------------===//
// What is to be found
//===----------------------------------------------------------------------------------------------------------------------------------===//

static bool isKernel(func::FuncOp function) { return function->hasAttr("lepton.kernel"); }

bool lepton::hasKernels(ModuleOp module) { return llvm::any_of(module.getOps<func::FuncOp>(), isKernel); }

/// Why a kernel cannot be a model; empty where it can.
static std::string faultOf(func::FuncOp kernel) {
  for (Type type : llvm::concat<const Type>(kernel.getArgumentTypes(), kernel.getResultTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.getElementType().isIntOrFloat() || !numberOfElementType(tensor.getElementType()))
      return "it takes or gives something else than tensors of numbers";
    if (!tensor.hasStaticShape())
      return "its sizes are known at run time only; --dim gives them";
  }
  return {};
}

/// A module whose entry does nothing but call the kernel.
static std::string modelOf(func::FuncOp kernel) {
  Location loc = kernel.getLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  (*module)->setAttr("lepton.name", StringAttr::get(kernel.getContext(), kernel.getName()));
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  auto main = func::FuncOp::create(b, loc, "main", kernel.getFunctionType());
  b.insert(kernel.clone());
  b.setInsertionPointToStart(main.addEntryBlock());
  auto call =
      CallOp::create(b, loc, kernel.getResultTypes(), kernel.getName(), main.getArguments(), ValueRange(), nullptr);
  func::ReturnOp::create(b, loc, call.getResults());
  std::string text;
  llvm::raw_string_ostream(text) << *module << "\n";
  return text;
}

void KernelDump::take(ModuleOp module) {
  CompileFacts facts;
  findKernelFacts(module, facts);
  for (KernelFacts &found : facts.kernels) {
    auto function = module.lookupSymbol<func::FuncOp>(found.name);
    Kernel &kernel = kernels[found.name];
    kernel.reason = faultOf(function);
    if (kernel.reason.empty())
      kernel.text = modelOf(function);
    kernel.facts = std::move(found);
  }
  layers = module.lookupSymbol<func::FuncOp>("main")->getAttrOfType<ArrayAttr>("lepton.layers");
  module.walk([&](CallOp call) {
    Kernel &kernel = kernels[call.getCallee().str()];
    kernel.constants.clear();
    for (auto [i, input] : llvm::enumerate(call.getInputs()))
      if (input.getDefiningOp<ConstantOp>())
        kernel.constants.push_back(i);
  });
}

/// What `lepton-list-schedules` says of a function.
static json::Array describeContractions(func::FuncOp function) {
  json::Array contractions;
  function.walk([&](linalg::GenericOp op) {
    auto candidates = op->getAttrOfType<ArrayAttr>("lepton.candidates");
    if (!candidates)
      return;
    json::Array schedules;
    for (Attribute schedule : candidates)
      schedules.push_back(textOf(schedule));
    contractions.push_back(
        json::Object{{"extents", json::Array(op.getStaticLoopRanges())},
                     {"reductions", int64_t(op.getNumReductionLoops())},
                     {"candidates", std::move(schedules)},
                     {"costs", json::Array(op->getAttrOfType<DenseI64ArrayAttr>("lepton.costs").asArrayRef())}});
  });
  return contractions;
}

/// What `lepton-select-tiles` says of a function; null where it has no tiles.
static json::Value describeTiles(func::FuncOp function) {
  auto hash = function->getAttrOfType<StringAttr>("lepton.tile_hash");
  if (!hash)
    return nullptr;
  auto text = [](int64_t rows) { return "{tile_rows = " + std::to_string(rows) + " : i64}"; };
  json::Array candidates;
  for (int64_t rows : function->getAttrOfType<DenseI64ArrayAttr>("lepton.tile_candidates").asArrayRef())
    candidates.push_back(text(rows));
  return json::Object{{"hash", hash.getValue()},
                      {"chosen", text(function->getAttrOfType<IntegerAttr>("lepton.tile_rows").getInt())},
                      {"candidates", std::move(candidates)}};
}

/// What `lepton-assign-layouts` says of the convolutions.
static json::Array describeLayers(ArrayAttr layers) {
  json::Array described;
  for (Attribute attribute : layers ? layers.getValue() : ArrayRef<Attribute>()) {
    json::Object layer;
    for (NamedAttribute entry : cast<DictionaryAttr>(attribute)) {
      json::Array texts;
      if (auto all = dyn_cast<ArrayAttr>(entry.getValue()))
        for (StringRef text : all.getAsValueRange<StringAttr>())
          texts.push_back(text);
      layer[entry.getName().getValue()] = isa<ArrayAttr>(entry.getValue())
                                              ? json::Value(std::move(texts))
                                              : json::Value(cast<StringAttr>(entry.getValue()).getValue());
    }
    described.push_back(std::move(layer));
  }
  return described;
}

bool KernelDump::write(ModuleOp module, const std::string &folder, const TuningKey &key, std::string &error) const {
  if (std::error_code problem =
          llvm::sys::fs::create_directories(folder, /*IgnoreExisting=*/true, llvm::sys::fs::all_all)) {
    error = folder + ": cannot be made: " + problem.message();
    return false;
  }
  json::Array tunable, skipped;
  for (const auto &[name, kernel] : kernels) {
    auto function = module.lookupSymbol<func::FuncOp>(name);
    auto hash = function ? function->getAttrOfType<StringAttr>("lepton.hash") : StringAttr();
    if (!hash)
      continue;
    if (!kernel.reason.empty()) {
      skipped.push_back(json::Object{{"name", name}, {"reason", kernel.reason}});
      continue;
    }
    if (!writeWhole(folder + "/" + name + ".mlir", kernel.text, error))
      return false;
    tunable.push_back(json::Object{{"name", name},
                                   {"hash", hash.getValue()},
                                   {"file", name + ".mlir"},
                                   {"calls", int64_t(kernel.facts.calls)},
                                   {"flops", int64_t(kernel.facts.flops)},
                                   {"constants", json::Array(kernel.constants)},
                                   {"tiles", describeTiles(function)},
                                   {"contractions", describeContractions(function)}});
  }
  auto weights = module->getAttrOfType<IntegerAttr>("lepton.constant_bytes");
  json::Value facts = json::Object{{"target", key.target},
                                   {"threads", int64_t(key.threads)},
                                   {"compiler", key.compiler},
                                   {"weights", weights ? weights.getInt() : 0},
                                   {"layers", describeLayers(layers)},
                                   {"kernels", std::move(tunable)},
                                   {"skipped", std::move(skipped)}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::formatv("{0:2}\n", facts);
  return writeWhole(folder + "/kernels.json", text, error);
}
