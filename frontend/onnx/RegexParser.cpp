//===- RegexParser.cpp - regular expressions as nondeterministic automata -------------------------------------------===//
//
// A recursive descent parser that writes an automaton as it reads (Thompson, 1968).
//
//===----------------------------------------------------------------------------------------------------------------===//

#include "frontend/onnx/RegexParser.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

using namespace lepton::importer::regex;

namespace {

constexpr size_t mostNodes = 20000;
constexpr int deepest = 200, mostRepeats = 1000;

/// An automaton under construction: from `begin` to `end`, a node without steps.
struct Part {
  int begin, end;
};

class Parser {
public:
  explicit Parser(llvm::StringRef pattern) : rest(pattern) {}

  std::vector<Node> nodes;
  std::string error;

  Part parse() {
    Part part = alternatives(0);
    if (error.empty() && !rest.empty())
      fail("has a ')' without a '('");
    return part;
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

} // namespace

std::optional<Nondeterministic> lepton::importer::regex::parse(const std::string &pattern, std::string &error) {
  Parser parser(pattern);
  auto [begin, end] = parser.parse();
  error = parser.error;
  if (!error.empty())
    return std::nullopt;
  return Nondeterministic{std::move(parser.nodes), begin, end};
}
