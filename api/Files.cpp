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
  if (!isReplaceable(path, error))
    return false;
  const std::string temporary = path + ".part" + std::to_string(llvm::sys::Process::getProcessId());
  std::error_code problem;
  {
    llvm::raw_fd_ostream os(temporary, problem);
    if (!problem) {
      os << content;
      os.flush();
      problem = os.error();
      os.clear_error();
    }
  }
  if (!problem)
    problem = llvm::sys::fs::rename(temporary, path);
  if (!problem)
    return true;
  (void)llvm::sys::fs::remove(temporary);
  error = path + ": cannot be written: " + problem.message();
  return false;
}
