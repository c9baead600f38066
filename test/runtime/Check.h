//===- Check.h - The few macros of the runtime's tests ----------------------===//
//
// TEST(name) { ... } registers a test, CHECK and its kind report what failed and go on. The runtime is tested without a
// framework, so that everything in the program is compiled with the sanitizer at hand.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_TEST_RUNTIME_CHECK_H
#define LEPTON_TEST_RUNTIME_CHECK_H

#include <atomic>
#include <cstdio>
#include <sstream>
#include <string>

struct Test {
  const char *name;
  void (*body)();
  Test *next;
  static inline Test *first = nullptr;
  static inline std::atomic<int> failures = 0;

  Test(const char *name, void (*body)()) : name(name), body(body), next(first) { first = this; }
};

#define TEST(NAME)                                                                                                     \
  static void NAME();                                                                                                  \
  static Test NAME##Registration(#NAME, NAME);                                                                         \
  static void NAME()

template <typename A, typename B>
void checkEqual(const A &a, const B &b, const char *text, const char *file, int line) {
  if (a == b)
    return;
  std::ostringstream os;
  os << file << ":" << line << ": " << text << "\n  is       " << a << "\n  expected " << b << "\n";
  fputs(os.str().c_str(), stderr);
  ++Test::failures;
}

#define CHECK_EQ(A, B) checkEqual(A, B, #A, __FILE__, __LINE__)
#define CHECK(CONDITION) checkEqual(bool(CONDITION), true, #CONDITION, __FILE__, __LINE__)

/// Runs every test, or those whose names are given.
inline int runTests(int argc, char **argv) {
  int ran = 0;
  for (Test *test = Test::first; test; test = test->next) {
    bool isWanted = argc == 1;
    for (int i = 1; i < argc; ++i)
      isWanted |= std::string(argv[i]) == test->name;
    if (!isWanted)
      continue;
    int before = Test::failures;
    test->body();
    printf("%s %s\n", Test::failures == before ? "ok    " : "FAILED", test->name);
    ++ran;
  }
  printf("%d tests, %d failed checks\n", ran, Test::failures.load());
  return ran && !Test::failures ? 0 : 1;
}

#endif // LEPTON_TEST_RUNTIME_CHECK_H
