//===- Faults.cpp - what happens after a fault of Lepton itself --------------------------------------------------------------===//

#include "tools/lepton/Faults.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <system_error>
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

/// Ends the process where the model asks for too much. Nothing is allocated, and nothing is left to destructors.
static void endAtBound(const char *what, const char *remedy) {
  const char *parts[] = {"error: ", name.c_str(), ": takes ", what, remedy, "\n"};
  char message[8192], *to = message;
  for (const char *part : parts)
    append(to, std::end(message), part);
  (void)!write(STDERR_FILENO, message, to - message);
  _exit(1);
}

static bool isMemoryBound = false;

static void endForMemory() {
  endAtBound("more memory than ", isMemoryBound ? "--max-memory grants; allow more, or simplify the model"
                                                : "there is; simplify the model, or give it smaller inputs");
}

/// Whether there is memory for what malloc asks the system for, which is at most 1 MiB while allocations are small.
static bool isMemoryLeft() {
  const size_t bytes = 1 << 20;
  void *block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return block != MAP_FAILED && munmap(block, bytes) == 0;
}

static void handleSignal(int signal) {
  if (signal == SIGSEGV && !isMemoryLeft()) // MLIR constructs models of interfaces in what malloc gives, null or not
    endForMemory();
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

/// Nobody catches exceptions, which only the standard library throws: std::thread where there is no memory for a stack.
static void endAtException() {
  try {
    if (std::exception_ptr thrown = std::current_exception())
      std::rethrow_exception(thrown);
  } catch (const std::system_error &) {
    endForMemory();
  } catch (const std::exception &exception) {
    snprintf(reason, sizeof reason, "%s", exception.what());
  }
  abort();
}

void lepton::cli::boundProcess(double seconds, uint64_t bytes) {
  if (bytes) {
    isMemoryBound = true;
    const rlimit limit = {bytes, bytes};
    setrlimit(RLIMIT_DATA, &limit);
  }
  if (seconds <= 0)
    return;
  signal(SIGALRM, [](int) { endAtBound("longer than --max-time", "; allow more, or simplify the model"); });
  const double whole = std::floor(seconds + 1);
  const itimerval timer = {{}, {time_t(whole), suseconds_t((seconds + 1 - whole) * 1e6)}};
  setitimer(ITIMER_REAL, &timer, nullptr);
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
    if (strstr(text, "pthread_create failed")) // for want of memory for its stack
      endForMemory();
    snprintf(reason, sizeof reason, "%s", text);
    abort(); // LLVM would exit with 1, which says that the model is at fault
  };
  llvm::install_fatal_error_handler(fail);
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { endForMemory(); });
  std::set_new_handler(endForMemory);
  std::set_terminate(endAtException);
  struct sigaction action = {};
  action.sa_handler = handleSignal;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
    sigaction(signal, &action, nullptr);
}
