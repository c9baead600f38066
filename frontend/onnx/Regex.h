//===- Regex.h - regular expressions as finite automata ------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_REGEX_H
#define LEPTON_FRONTEND_ONNX_REGEX_H

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lepton::importer {

/// A deterministic automaton over bytes; state 0 is the first.
struct Automaton {
  std::array<uint8_t, 256> classes; // of the bytes
  std::vector<int32_t> transitions; // [state][class] -> state
  std::vector<uint8_t> accepting;   // [state] -> 0 or 1
};

/// The automaton that accepts the texts in UTF-8 that match as a whole. The syntax is RE2's, but for Unicode classes, named sets and sets of characters
/// beyond ASCII. Nothing, with the reason in `error`, for others.
std::optional<Automaton> compileRegex(const std::string &pattern, std::string &error);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_REGEX_H
