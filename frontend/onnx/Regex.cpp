//===- Regex.cpp - regular expressions as finite automata ---------------------------------------------------------------------===//
//
// The reachable sets of states of the parser's nondeterministic automaton become the states of a deterministic one (Rabin and Scott, 1959).
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "frontend/onnx/Regex.h"
#include "frontend/onnx/RegexParser.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <map>
#include <tuple>

using namespace lepton::importer;
using namespace lepton::importer::regex;

namespace {

constexpr size_t mostStates = 4096;

Bytes wordBytes() {
  Bytes bytes;
  for (int c = 0; c < 256; ++c)
    bytes.set(c, c == '_' || (c < 0x80 && llvm::isAlnum(char(c))));
  return bytes;
}

/// What stands before a place in the text.
enum class Before { begin, word, other };

/// The nodes of a nondeterministic automaton that a text leads to, from which empty steps are still to be taken, since they may ask for what follows.
struct State {
  std::vector<int> nodes;
  Before before;
  bool operator<(const State &other) const { return std::tie(nodes, before) < std::tie(other.nodes, other.before); }
};

class Determinizer {
public:
  explicit Determinizer(const Nondeterministic &given) : given(given), nodes(given.nodes) {
    for (const Node &node : nodes)
      asserts |= node.assertion != Assertion::none;
  }

  std::optional<Automaton> run() {
    Automaton automaton;
    std::vector<int> sample(classify(automaton));
    for (int c = 255; c >= 0; --c)
      sample[automaton.classes[c]] = c;
    number({{given.begin}, Before::begin});
    for (size_t s = 0; s < states.size(); ++s) {
      if (states.size() > mostStates)
        return std::nullopt;
      const State state = states[s];
      automaton.accepting.push_back(llvm::is_contained(closure(state, -1), given.end));
      for (int c : sample) {
        std::vector<int> next;
        for (int node : closure(state, c))
          if (nodes[node].bytes.test(c))
            next.push_back(nodes[node].next);
        llvm::sort(next);
        next.erase(llvm::unique(next), next.end());
        Before before = !asserts || next.empty() ? Before::begin : words.test(c) ? Before::word : Before::other;
        automaton.transitions.push_back(number({next, before}));
      }
    }
    return automaton;
  }

private:
  const Nondeterministic &given;
  const std::vector<Node> &nodes;
  const Bytes words = wordBytes();
  bool asserts = false;
  std::vector<State> states;
  std::map<State, int> numbers;

  /// Bytes that every node treats alike share a class; returns the number of classes.
  int classify(Automaton &automaton) {
    automaton.classes.fill(0);
    int count = 1;
    auto split = [&](const Bytes &bytes) {
      std::map<std::pair<int, bool>, int> parts;
      for (int c = 0; c < 256 && count < 256; ++c) {
        auto key = std::pair(int(automaton.classes[c]), bytes.test(c));
        automaton.classes[c] = uint8_t(parts.try_emplace(key, int(parts.size())).first->second);
      }
      count = count < 256 ? int(parts.size()) : count;
    };
    if (asserts)
      split(words);
    for (const Node &node : nodes)
      if (node.bytes.any())
        split(node.bytes);
    return count;
  }

  /// `next`: the byte that follows, -1 at the end.
  bool holds(Assertion assertion, Before before, int next) const {
    bool isBoundary = (before == Before::word) != (next >= 0 && words.test(next));
    switch (assertion) {
    case Assertion::none:
      return true;
    case Assertion::begin:
      return before == Before::begin;
    case Assertion::end:
      return next < 0;
    case Assertion::boundary:
      return isBoundary;
    case Assertion::notBoundary:
      return !isBoundary;
    }
    return false;
  }

  /// All nodes that empty steps lead to.
  std::vector<int> closure(const State &state, int next) const {
    std::vector<bool> seen(nodes.size());
    std::vector<int> pending = state.nodes, closed;
    while (!pending.empty()) {
      int at = pending.back();
      pending.pop_back();
      if (at < 0 || seen[at])
        continue;
      seen[at] = true;
      closed.push_back(at);
      if (nodes[at].bytes.any() || !holds(nodes[at].assertion, state.before, next))
        continue;
      pending.push_back(nodes[at].next);
      pending.push_back(nodes[at].other);
    }
    return closed;
  }

  int number(const State &state) {
    auto [it, isNew] = numbers.try_emplace(state, int(states.size()));
    if (isNew)
      states.push_back(state);
    return it->second;
  }
};

} // namespace

std::optional<Automaton> lepton::importer::compileRegex(const std::string &pattern, std::string &error) {
  auto nondeterministic = parse(pattern, error);
  if (!nondeterministic)
    return std::nullopt;
  auto automaton = Determinizer(*nondeterministic).run();
  if (!automaton)
    error = "needs an automaton of more than " + std::to_string(mostStates) + " states; simplify it";
  return automaton;
}
