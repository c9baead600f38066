//===- Files.cpp - files that appear whole or not at all ------------------------------------------------------------------------------------===//

#include "api/Files.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

bool lepton::isReplaceable(const std::string &path, std::string &error) {
  llvm::sys::fs::file_status there;
  if (llvm::sys::fs::status(path, there) || there.type() == llvm::sys::fs::file_type::regular_file)
    return true;
  error = path + ": cannot be written: what is there is no regular file; name another";
  return false;
}

bool lepton::writeWhole(const std::string &path, llvm::StringRef content, std::string &error) {
  auto write = [&](llvm::raw_ostream &os) {
    os << content;
    return true;
  };
  return writeWhole(path, write, error);
}

bool lepton::writeWhole(const std::string &path, llvm::function_ref<bool(llvm::raw_ostream &)> write,
                        std::string &error) {
  if (!isReplaceable(path, error))
    return false;
  const std::string temporary = path + ".part" + std::to_string(llvm::sys::Process::getProcessId());
  std::error_code problem;
  bool isWritten = false;
  {
    llvm::raw_fd_ostream os(temporary, problem);
    if (!problem) {
      isWritten = write(os);
      os.flush();
      problem = os.error();
      os.clear_error();
    }
  }
  if (!problem && isWritten)
    problem = llvm::sys::fs::rename(temporary, path);
  if (!problem && isWritten)
    return true;
  (void)llvm::sys::fs::remove(temporary);
  if (problem)
    error = path + ": cannot be written: " + problem.message();
  return false;
}
