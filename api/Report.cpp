//===- Report.cpp - a page about a compilation --------------------------------------------------------------------------------===//

#include "api/Report.h"
#include "runtime/core/lepton_abi.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace lepton;

static const char head[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{0}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222; }
table {{ border-collapse: collapse; width: 100%; margin-bottom: 2em; }
td, th {{ text-align: left; padding: .2em .8em .2em 0; border-bottom: 1px solid #ddd; vertical-align: top; }
.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar {{ width: 25%; } .bar div {{ background: #47a; height: .9em; margin-top: .3em; }
code {{ overflow-wrap: anywhere; } .warning {{ background: #fec; padding: .4em .8em; margin: .4em 0; }
</style></head><body><h1>{0}</h1>
)";

static std::string escape(llvm::StringRef text) {
  std::string result;
  llvm::raw_string_ostream os(result);
  llvm::printHTMLEscaped(text, os);
  return result;
}

static std::string count(uint64_t number) { return llvm::formatv("{0:n}", number); }

namespace {
/// The rows of one table; a bar shows a row's part of the whole.
class Table {
public:
  Table(llvm::raw_ostream &os, const char *title, llvm::ArrayRef<const char *> columns) : os(os) {
    os << "<h2>" << title << "</h2>\n<table><tr>";
    for (const char *column : columns)
      os << "<th>" << column << "</th>";
    os << "</tr>\n";
  }
  Table(const Table &) = delete;
  ~Table() { os << "</table>\n"; }

  void row(llvm::ArrayRef<std::string> cells, double part = -1) {
    os << "<tr>";
    for (const std::string &cell : cells) {
      bool isNumber = !cell.empty() && llvm::isDigit(cell[0]);
      os << (isNumber ? "<td class=\"number\">" : "<td>") << cell << "</td>";
    }
    if (part >= 0)
      os << llvm::formatv("<td class=\"number\">{0:f1}%</td><td class=\"bar\"><div style=\"width:{0:f1}%\"></div></td>",
                          100 * part);
    os << "</tr>\n";
  }

private:
  llvm::raw_ostream &os;
};
} // namespace

/// `[N, 3]`, `sequence of [3]`
static std::string shapeText(const ValueInfo &value) {
  if (value.dtype == LEPTON_MAP)
    return "map";
  if (!value.element.empty())
    return (value.dtype == LEPTON_SEQUENCE ? "sequence of " : "optional of ") + shapeText(value.element.front());
  if (value.anyRank)
    return "any shape";
  std::string text = "[";
  for (auto [d, size] : llvm::enumerate(value.shape)) {
    const std::string &name = value.dimNames[d];
    text += (d ? ", " : "") + (size >= 0 ? std::to_string(size) : name.empty() ? "?" : escape(name));
  }
  return text + "]";
}

static std::string valueText(const ValueInfo &value) { return escape(value.name) + ": " + shapeText(value); }

static void writeSummary(llvm::raw_ostream &os, const CompileFacts &facts, const ModelInfo &info) {
  Table table(os, "Model", {});
  table.row({"target", escape(info.target)});
  for (const ValueInfo &value : info.inputs)
    table.row({"input", valueText(value)});
  for (const ValueInfo &value : info.outputs)
    table.row({"output", valueText(value)});
  std::string ops;
  for (const auto &[op, number] : facts.ops)
    ops += (ops.empty() ? "" : ", ") + escape(op) + " " + std::to_string(number);
  table.row({"operators", ops});
  table.row({"parameters", count(facts.parameters)});
  table.row({"FLOPs", count(facts.flops) + (facts.symbolicFlops.empty() ? "" : " and those of unknown sizes")});
  table.row({"weights", count(info.weightsBytes) + " bytes"});
  table.row({"arena", count(info.arenaBytes) + " bytes, of which " + count(info.liveBytes) + " live at one time"});
}

static void writePhases(llvm::raw_ostream &os, const CompileFacts &facts) {
  double total = 0;
  for (const auto &[phase, seconds] : facts.seconds)
    total += seconds;
  Table table(os, "Phases", {"phase", "milliseconds", "share"});
  for (const auto &[phase, seconds] : facts.seconds)
    table.row({phase, llvm::formatv("{0:f1}", 1000 * seconds)}, total > 0 ? seconds / total : 0);
  table.row({"all", llvm::formatv("{0:f1}", 1000 * total)});
}

static void writeKernels(llvm::raw_ostream &os, const CompileFacts &facts) {
  double total = 0;
  std::vector<const KernelFacts *> sorted;
  for (const KernelFacts &kernel : facts.kernels) {
    total += double(kernel.flops) * kernel.calls;
    sorted.push_back(&kernel);
  }
  auto work = [](const KernelFacts *kernel) { return double(kernel->flops) * kernel->calls; };
  llvm::sort(sorted, [&](const KernelFacts *a, const KernelFacts *b) {
    return std::make_pair(-work(a), a->name) < std::make_pair(-work(b), b->name);
  });
  Table table(os, "Kernels", {"kernel", "ops", "calls", "FLOPs of a call", "share of FLOPs"});
  for (const KernelFacts *kernel : sorted)
    table.row({"<code>" + escape(kernel->name) + "</code>", escape(llvm::join(kernel->ops, ", ")), count(kernel->calls),
               kernel->isSymbolic ? "unknown" : count(kernel->flops)},
              total > 0 ? work(kernel) / total : 0);
}

std::string lepton::writeReport(const std::string &model, const CompileFacts &facts, const ModelInfo &info) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::formatv(head, escape(model));
  auto warn = [&](const std::string &warning) { os << "<p class=\"warning\">" << escape(warning) << "</p>\n"; };
  for (const std::string &warning : facts.warnings)
    warn(warning);
  if (!facts.symbolicFlops.empty()) {
    std::string ops;
    for (const auto &[op, nodes] : facts.symbolicFlops)
      ops += (ops.empty() ? "" : ", ") + op + " " + std::to_string(nodes);
    warn("Sizes that only the run knows hide the arithmetic of these operators, and code for any size may be slower; "
         "--dim gives "
         "sizes: " +
         ops);
  }
  writeSummary(os, facts, info);
  writePhases(os, facts);
  writeKernels(os, facts);
  os << "</body></html>\n";
  return text;
}
