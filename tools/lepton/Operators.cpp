//===- Operators.cpp - lepton ops: the operators that can be compiled -----------------------------------------------------===//

#include "frontend/onnx/Operators.h"
#include "tools/lepton/Commands.h"

#include "llvm/Support/raw_ostream.h"

using namespace lepton;

/// A table in Markdown, so that the page of the documentation is this very text.
int cli::listOperators() {
  auto &os = llvm::outs();
  const std::vector<OperatorEntry> operators = supportedOperators();
  os << "# Operators\n\nWhat the importer takes, from its own tables; an operator holds from version \"since\" of its "
        "operator set on, until its next line. \"Expanded\" ones are compiled by way of "
        "a function body in terms of others.\n\n\"Limits\" are what is refused with a message. Types are those that "
        "the standard's newest version of the operator in this form allows, by its type parameters. Operators "
        "also take every other type of real numbers of 8 bits and more that they can compute with, and those of "
        "com.microsoft what their bodies take.\n\n"
        "| domain | operator | since | expanded | limits | types |\n|---|---|---|---|---|---|\n";
  for (const OperatorEntry &entry : operators)
    os << "| " << (entry.domain.empty() ? "ai.onnx" : entry.domain) << " | " << entry.name << " | " << entry.since
       << " | " << (entry.isExpanded ? "yes" : "") << " | " << entry.limit << " | " << entry.types << " |\n";
  return int(Failure::none);
}
