//===- RegexParser.h - regular expressions as nondeterministic automata -------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_REGEXPARSER_H
#define LEPTON_FRONTEND_ONNX_REGEXPARSER_H

#include <bitset>
#include <optional>
#include <string>
#include <vector>

namespace lepton::importer::regex {

using Bytes = std::bitset<256>;

/// What an empty step asks of the place in the text.
enum class Assertion { none, begin, end, boundary, notBoundary };

struct Node {
  Bytes bytes; // that lead to `next`; none: an empty step
  int next = -1, other = -1;
  Assertion assertion = Assertion::none;
};

/// A nondeterministic automaton over bytes: `end` is a node without steps.
struct Nondeterministic {
  std::vector<Node> nodes;
  int begin, end;
};

/// Nothing, with the reason in `error`, for what compileRegex does not take.
std::optional<Nondeterministic> parse(const std::string &pattern, std::string &error);

} // namespace lepton::importer::regex

#endif // LEPTON_FRONTEND_ONNX_REGEXPARSER_H
