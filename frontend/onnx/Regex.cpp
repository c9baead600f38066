//===- Regex.cpp - regular expressions as finite automata ---------------------------------------------------------------------===//
//
// A recursive descent parser writes a nondeterministic automaton over bytes (Thompson, 1968), of which the reachable sets of states become the
// deterministic one (Rabin and Scott, 1959).
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "frontend/onnx/Regex.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

#include <bitset>
#include <map>
#include <tuple>

using namespace lepton::importer;

namespace {

constexpr size_t mostNodes = 20000, mostStates = 4096;
constexpr int deepest = 200, mostRepeats = 1000;

using Bytes = std::bitset<256>;

/// What an empty step asks of the place in the text.
enum class Assertion { none, begin, end, boundary, notBoundary };

struct Node {
  Bytes bytes; // that lead to `next`; none: an empty step
  int next = -1, other = -1;
  Assertion assertion = Assertion::none;
};

/// An automaton under construction: from `begin` to `end`, a node without steps.
struct Part {
  int begin, end;
};

class Parser {
public:
  explicit Parser(llvm::StringRef pattern) : rest(pattern) {}

  std::vector<Node> nodes;
  std::string error;

  std::optional<Part> parse() {
    Part part = alternatives(0);
    if (error.empty() && !rest.empty())
      fail("has a ')' without a '('");
    return error.empty() ? std::optional(part) : std::nullopt;
  }

private:
  llvm::StringRef rest;
  bool foldsCase = false, dotMatchesNewline = false;

  void fail(const std::string &reason) {
    if (error.empty())
      error = reason;
  }

  int node() {
    if (nodes.size() >= mostNodes)
      fail("is too large; write shorter repetitions");
    else
      nodes.emplace_back();
    return int(nodes.size()) - 1;
  }
  void step(int from, int to) { (nodes[from].next < 0 ? nodes[from].next : nodes[from].other) = to; }
  Part empty() {
    int begin = node(), end = node();
    step(begin, end);
    return {begin, end};
  }
  Part oneOf(const Bytes &bytes) {
    int begin = node(), end = node();
    nodes[begin].bytes = bytes;
    if (bytes.any()) // a set of nothing leads nowhere
      nodes[begin].next = end;
    return {begin, end};
  }
  Part asserting(Assertion assertion) {
    Part part = empty();
    nodes[part.begin].assertion = assertion;
    return part;
  }
  Part then(Part a, Part b) {
    step(a.end, b.begin);
    return {a.begin, b.end};
  }
  Part either(Part a, Part b) {
    int begin = node(), end = node();
    step(begin, a.begin);
    step(begin, b.begin);
    step(a.end, end);
    step(b.end, end);
    return {begin, end};
  }
  /// `part` any number of times; at least once where not `orNone`.
  Part repeated(Part part, bool orNone) {
    int begin = node(), end = node();
    step(begin, part.begin);
    step(part.end, begin);
    if (orNone)
      step(begin, end);
    else
      step(part.end, end);
    return {begin, end};
  }

  Part alternatives(int depth) {
    if (depth > deepest) {
      fail("nests too deep");
      return empty();
    }
    Part part = sequence(depth);
    while (error.empty() && rest.consume_front("|"))
      part = either(part, sequence(depth));
    return part;
  }

  Part sequence(int depth) {
    Part part = empty();
    while (error.empty() && !rest.empty() && rest.front() != '|' && rest.front() != ')')
      part = then(part, repetition(depth));
    return part;
  }

  /// A repeated part is written once for each time, so its text is parsed again.
  Part repetition(int depth) {
    llvm::StringRef start = rest;
    Part part = atom(depth);
    while (error.empty() && !rest.empty()) {
      llvm::StringRef text = start.drop_back(rest.size());
      int least = 0, most = -1;
      if (rest.consume_front("?")) {
        most = 1;
      } else if (rest.consume_front("+")) {
        least = 1;
      } else if (!rest.consume_front("*") && !counts(least, most)) {
        return part;
      }
      rest.consume_front("?"); // prefers fewer, which matches the same texts
      part = times(text, depth, least, most);
    }
    return part;
  }

  /// `{2}`, `{2,}` or `{2,5}`; anything else is no repetition.
  bool counts(int &least, int &most) {
    llvm::StringRef text = rest;
    if (!text.consume_front("{") || text.consumeInteger(10, least))
      return false;
    most = least;
    if (text.consume_front(",") && text.consumeInteger(10, most))
      most = -1;
    if (!text.consume_front("}"))
      return false;
    if (least < 0 || least > mostRepeats || most > mostRepeats || (most >= 0 && most < least))
      fail("has a repetition out of range; 0 to " + std::to_string(mostRepeats) + " are allowed");
    rest = text;
    return true;
  }

  Part times(llvm::StringRef text, int depth, int least, int most) {
    llvm::StringRef after = rest;
    auto again = [&] {
      rest = text;
      return repetition(depth + 1);
    };
    Part part = empty();
    for (int i = 0; i < least && error.empty(); ++i)
      part = then(part, again());
    if (most < 0 && error.empty())
      part = then(part, repeated(again(), true));
    for (int i = least; i < most && error.empty(); ++i)
      part = then(part, either(again(), empty()));
    rest = after;
    return part;
  }

  Part atom(int depth) {
    if (rest.consume_front("("))
      return group(depth);
    if (rest.consume_front("["))
      return set();
    if (rest.consume_front("."))
      return anyCharacter();
    if (rest.consume_front("\\"))
      return escaped();
    if (llvm::StringRef("*+?").contains(rest.front()))
      fail("repeats nothing");
    if (rest.consume_front("^"))
      return asserting(Assertion::begin);
    if (rest.consume_front("$"))
      return asserting(Assertion::end);
    // A character beyond ASCII is several bytes that are repeated together.
    Part part = literal(take());
    while (!rest.empty() && (static_cast<unsigned char>(rest.front()) & 0xC0) == 0x80)
      part = then(part, literal(take()));
    return part;
  }

  unsigned char take() {
    if (rest.empty()) {
      fail("ends too early");
      return 0;
    }
    unsigned char c = rest.front();
    rest = rest.drop_front();
    return c;
  }

  void add(Bytes &bytes, unsigned char c) {
    bytes.set(c);
    if (foldsCase && llvm::isAlpha(c))
      bytes.set(c ^ 0x20);
  }
  Part literal(unsigned char c) {
    Bytes bytes;
    add(bytes, c);
    return oneOf(bytes);
  }

  Part group(int depth) {
    bool folds = foldsCase, dots = dotMatchesNewline;
    if (rest.consume_front("?P<") || rest.consume_front("?<")) {
      rest = rest.drop_front(std::min(rest.size(), rest.find('>') + 1));
    } else if (rest.consume_front("?")) {
      bool on = true;
      while (error.empty() && !rest.empty() && rest.front() != ':' && rest.front() != ')') {
        char flag = char(take());
        if (flag == '-')
          on = false;
        else if (flag == 'i')
          foldsCase = on;
        else if (flag == 's')
          dotMatchesNewline = on;
        else
          fail(std::string("has the group '(?") + flag + "', which is not supported");
      }
      if (rest.consume_front(")")) // flags for what follows
        return empty();
      rest.consume_front(":");
    }
    Part part = alternatives(depth + 1);
    foldsCase = folds;
    dotMatchesNewline = dots;
    if (!rest.consume_front(")"))
      fail("has a '(' without a ')'");
    return part;
  }

  static Bytes range(int first, int last) {
    Bytes bytes;
    for (int c = first; c <= last; ++c)
      bytes.set(c);
    return bytes;
  }

  /// A character of two to four bytes.
  Part longCharacter() {
    Bytes more = range(0x80, 0xBF);
    Part two = then(oneOf(range(0xC2, 0xDF)), oneOf(more));
    Part three = then(then(oneOf(range(0xE0, 0xEF)), oneOf(more)), oneOf(more));
    Part four = then(then(then(oneOf(range(0xF0, 0xF4)), oneOf(more)), oneOf(more)), oneOf(more));
    return either(two, either(three, four));
  }

  Part anyCharacter() {
    Bytes ascii = range(1, 0x7F);
    ascii.set('\n', dotMatchesNewline);
    return either(oneOf(ascii), longCharacter());
  }

  /// The characters of `\d` and the like; nothing for other letters.
  std::optional<Bytes> namedClass(char letter) {
    Bytes bytes;
    switch (llvm::toLower(letter)) {
    case 'd':
      bytes = range('0', '9');
      break;
    case 'w':
      bytes = range('0', '9') | range('a', 'z') | range('A', 'Z') | Bytes().set('_');
      break;
    case 's':
      for (char c : {' ', '\t', '\n', '\f', '\r'})
        bytes.set(c);
      break;
    default:
      return std::nullopt;
    }
    return llvm::isUpper(letter) ? range(1, 0x7F) & ~bytes : bytes;
  }

  /// The byte that an escape stands for, its backslash taken.
  unsigned char escapedByte() {
    char c = char(take());
    switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case 'x': {
      unsigned value = 0;
      if (rest.take_front(2).getAsInteger(16, value) || value > 0x7F)
        fail("has an escape '\\x' without two digits, or of a value above 7F");
      rest = rest.drop_front(std::min<size_t>(2, rest.size()));
      return static_cast<unsigned char>(value);
    }
    default:
      if (llvm::isAlnum(c))
        fail(std::string("has the escape '\\") + c + "', which is not supported");
      return static_cast<unsigned char>(c);
    }
  }

  Part escaped() {
    for (auto [letter, assertion] : {std::pair("A", Assertion::begin), std::pair("z", Assertion::end),
                                     std::pair("b", Assertion::boundary), std::pair("B", Assertion::notBoundary)})
      if (rest.consume_front(letter))
        return asserting(assertion);
    if (!rest.empty())
      if (auto bytes = namedClass(rest.front())) {
        bool others = llvm::isUpper(char(take())); // which all longer characters are
        return others ? either(oneOf(*bytes), longCharacter()) : oneOf(*bytes);
      }
    return literal(escapedByte());
  }

  Part set() {
    bool negated = rest.consume_front("^"), others = false, first = true;
    Bytes bytes;
    for (; error.empty() && !rest.empty() && (first || !rest.starts_with("]")); first = false) {
      if (rest.starts_with("[:"))
        fail("has a named set '[:', which is not supported; use \\d, \\w or \\s");
      bool isEscape = rest.consume_front("\\");
      if (isEscape && !rest.empty() && namedClass(rest.front())) {
        others |= llvm::isUpper(rest.front());
        bytes |= *namedClass(char(take()));
        continue;
      }
      unsigned char low = isEscape ? escapedByte() : take(), high = low;
      if (rest.size() > 1 && rest[0] == '-' && rest[1] != ']') {
        rest = rest.drop_front();
        high = rest.consume_front("\\") ? escapedByte() : take();
      }
      if (low > 0x7F || high > 0x7F)
        fail("has a set of characters beyond ASCII, which is not supported; write alternatives");
      if (high < low)
        fail("has a range that ends before it begins");
      for (int c = low; c <= high && error.empty(); ++c)
        add(bytes, static_cast<unsigned char>(c));
    }
    if (!rest.consume_front("]"))
      fail("has a '[' without a ']'");
    if (negated)
      bytes = range(1, 0x7F) & ~bytes;
    return negated != others ? either(oneOf(bytes), longCharacter()) : oneOf(bytes);
  }
};

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
  Determinizer(const std::vector<Node> &nodes, Part part) : nodes(nodes), part(part) {
    for (const Node &node : nodes)
      asserts |= node.assertion != Assertion::none;
  }

  std::optional<Automaton> run() {
    Automaton automaton;
    std::vector<int> sample(classify(automaton));
    for (int c = 255; c >= 0; --c)
      sample[automaton.classes[c]] = c;
    number({{part.begin}, Before::begin});
    for (size_t s = 0; s < states.size(); ++s) {
      if (states.size() > mostStates)
        return std::nullopt;
      const State state = states[s];
      automaton.accepting.push_back(llvm::is_contained(closure(state, -1), part.end));
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
  const std::vector<Node> &nodes;
  Part part;
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
  Parser parser(pattern);
  auto part = parser.parse();
  if (!part) {
    error = parser.error;
    return std::nullopt;
  }
  auto automaton = Determinizer(parser.nodes, *part).run();
  if (!automaton)
    error = "needs an automaton of more than " + std::to_string(mostStates) + " states; simplify it";
  return automaton;
}
