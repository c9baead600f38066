//===- Operators.h - the list of what the importer takes ---------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_OPERATORS_H
#define LEPTON_FRONTEND_ONNX_OPERATORS_H

#include <string>
#include <vector>

namespace lepton {

/// An operator that can be imported.
struct OperatorEntry {
  std::string domain; ///< empty: ONNX's own
  std::string name;
  int since;         ///< the first version of the operator set in this form
  bool isExpanded;   ///< by a function body in terms of other operators: the standard's, or one of Lepton's
  std::string limit; ///< what of it is not taken; empty: nothing
  std::string
      types; ///< those that the standard gives its newest version in this form; empty for operators that are not the standard's
};

/// All of them, from the tables that the importer itself reads; sorted by domain, name and version.
std::vector<OperatorEntry> supportedOperators();

} // namespace lepton

#endif // LEPTON_FRONTEND_ONNX_OPERATORS_H
