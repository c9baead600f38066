//===- Scripts.cpp - verbs that are written in Python ---------------------------------------------------------------------------===//

#include "tools/lepton/Scripts.h"
#include "tools/lepton/Commands.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

#include <csignal>

using namespace lepton;

/// Packages that are not there are named in one line. The arguments follow.
static const char program[] = R"(
import sys
verb, module = sys.argv[1:3]
try:
    import importlib
    main = importlib.import_module(module).main
except ImportError as problem:
    print(f"error: lepton {verb} lacks Python packages ({problem}); install them with: {sys.executable} -m pip install "
          "numpy onnx onnxruntime tqdm, or name another Python in LEPTON_PYTHON", file=sys.stderr)
    sys.exit(2)
main(sys.argv[3:])
)";

static std::string findPython(llvm::StringRef build) {
  if (const char *given = getenv("LEPTON_PYTHON"))
    return given;
  llvm::SmallString<128> own = build;
  llvm::sys::path::append(own, "venv", "bin", "python");
  if (llvm::sys::fs::can_execute(own))
    return std::string(own);
  auto found = llvm::sys::findProgramByName("python3");
  return found ? *found : std::string();
}

std::string cli::defaultTuningDb() {
  if (const char *given = getenv("LEPTON_TUNING_DB"))
    return given;
  llvm::SmallString<128> path;
  if (!llvm::sys::path::cache_directory(path))
    path = ".";
  llvm::sys::path::append(path, "lepton", "tuning.db");
  return std::string(path);
}

int cli::tune(const std::vector<std::string> &arguments) {
  std::vector<std::string> all = {"lepton", "tune"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char *> pointers;
  for (std::string &argument : all)
    pointers.push_back(argument.data());
  return runScript(int(pointers.size()), pointers.data());
}

int cli::runScript(int argc, char **argv) {
  llvm::StringRef verb = argc < 2 ? "" : argv[1], module = verb == "check"   ? "lepton.check"
                                                           : verb == "bench" ? "lepton_bench.main"
                                                           : verb == "tune"  ? "lepton_tune.main"
                                                                             : "";
  if (module.empty())
    return -1;
  std::string self = llvm::sys::fs::getMainExecutable(argv[0], reinterpret_cast<void *>(&runScript));
  llvm::StringRef build = llvm::sys::path::parent_path(llvm::sys::path::parent_path(self));
  std::string python = findPython(build), error;
  if (python.empty())
    return report(Failure::usage, "lepton " + verb.str() +
                                      " is written in Python, and there is none; install python3, or name one in "
                                      "LEPTON_PYTHON");
  llvm::SmallString<128> path = build;
  llvm::sys::path::append(path, "python");
  if (const char *more = getenv("PYTHONPATH"))
    path += (llvm::Twine(":") + more).str();
  setenv("PYTHONPATH", path.c_str(), 1);
  setenv("LEPTON_COMMAND", self.c_str(), /*overwrite=*/0); // the Python package says which one it is
  setenv("LEPTON_TUNING_DB", defaultTuningDb().c_str(), 1);
  std::vector<llvm::StringRef> arguments = {python, "-c", program, verb, module};
  arguments.insert(arguments.end(), argv + 2, argv + argc);
  // Ctrl-C reaches both processes; the script decides what it means. (A handler, which the script does not inherit as it would inherit SIG_IGN.)
  auto *before = std::signal(SIGINT, [](int) {});
  int status = llvm::sys::ExecuteAndWait(python, arguments, std::nullopt, {}, 0, 0, &error);
  std::signal(SIGINT, before);
  if (status == -1)
    return report(Failure::usage, python + ": cannot be started: " + error);
  if (status < 0)
    return report(Failure::internal, "lepton " + verb.str() + " died (" + error +
                                         "); this is a fault of Lepton: please report it with the model");
  return status;
}
