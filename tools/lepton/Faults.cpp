//===- Faults.cpp - what happens after a fault of Lepton itself --------------------------------------------------------------===//

#include "tools/lepton/Faults.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>
#include <vector>

// The handler of a signal may not allocate: everything that it needs is made beforehand.
static std::vector<char *> repeated; // the command with --reproducer; empty: repeated already
static std::string argument, name, file;
static char reason[256];

void lepton::cli::repeatWithReproducer() {
  if (!repeated.empty())
    execv("/proc/self/exe", repeated.data());
}

static void append(char *&to, const char *end, const char *text) {
  size_t size = std::min<size_t>(strlen(text), end - to);
  memcpy(to, text, size);
  to += size;
}

static void handleSignal(int) {
  lepton::cli::repeatWithReproducer();
  const char *parts[] = {"error: ",
                         name.c_str(),
                         ": Lepton failed",
                         *reason ? " (" : "",
                         reason,
                         *reason ? ")" : "",
                         "; this is a fault of Lepton: please report it with ",
                         file.c_str(),
                         "\n"};
  char message[8192], *to = message;
  for (const char *part : parts)
    append(to, std::end(message), part);
  (void)!write(STDERR_FILENO, message, to - message);
  _exit(3);
}

void lepton::cli::catchFaults(char **argv, const std::string &model, const std::string &reproducer) {
  name = model;
  file = reproducer;
  if (reproducer.empty()) {
    const char *folder = access(".", W_OK) == 0 ? "" : "/tmp/";
    argument = std::string("--reproducer=") + folder + "lepton-fault-" + std::to_string(getpid()) + ".mlir";
    for (; *argv; ++argv)
      repeated.push_back(*argv);
    repeated.push_back(argument.data());
    repeated.push_back(nullptr);
  }
  auto fail = [](void *, const char *text, bool) {
    snprintf(reason, sizeof reason, "%s", text);
    abort(); // LLVM would exit with 1, which says that the model is at fault
  };
  llvm::install_fatal_error_handler(fail);
  llvm::install_bad_alloc_error_handler(fail);
  struct sigaction action = {};
  action.sa_handler = handleSignal;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
    sigaction(signal, &action, nullptr);
}
