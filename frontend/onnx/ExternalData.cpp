//===- ExternalData.cpp - weights in files of their own -----------------------------------------------------------------------===//

#include "frontend/onnx/ExternalData.h"

#include "llvm/ADT/StringExtras.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lepton::importer;

MappedFile::~MappedFile() {
  if (length)
    munmap(pages, length);
}

/// Opens a file below a folder, one part of the path after the other, refusing links; -1 with the reason.
static int openBelow(const std::string &folder, llvm::StringRef location, std::string &error) {
  llvm::SmallVector<llvm::StringRef> parts;
  location.split(parts, '/');
  if (location.empty() || location.front() == '/' || location.contains('\0') || llvm::is_contained(parts, "..")) {
    error =
        "names the external file '" + location.str() + "'; it must be a path below the model's folder, without '..'";
    return -1;
  }
  int at = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; at >= 0 && i < parts.size(); ++i) {
    if (parts[i].empty() || parts[i] == ".")
      continue;
    bool last = i + 1 == parts.size();
    int next =
        openat(at, parts[i].str().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
    close(at);
    at = next;
  }
  if (at < 0)
    error = "needs the external file '" + location.str() +
            "', which cannot be opened (links are not followed): " + strerror(errno);
  return at;
}

static bool parseNumber(const std::string &text, uint64_t &value) {
  return !text.empty() && text.size() < 20 && llvm::all_of(text, llvm::isDigit) &&
         !llvm::StringRef(text).getAsInteger(10, value);
}

std::shared_ptr<MappedFile> lepton::importer::mapExternalData(const ::onnx::TensorProto &tensor,
                                                              const std::string &folder, int64_t expected,
                                                              std::string &error) {
  std::string location;
  uint64_t offset = 0, length = expected;
  for (const auto &entry : tensor.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    else if ((entry.key() == "offset" && !parseNumber(entry.value(), offset)) ||
             (entry.key() == "length" && !parseNumber(entry.value(), length))) {
      error = "has the external " + entry.key() + " '" + entry.value() + "', which is no number of bytes";
      return nullptr;
    }
  }
  if (folder.empty()) {
    error = "has external data, but the model comes from memory; give its file";
    return nullptr;
  }
  if (length != uint64_t(expected)) {
    error =
        "has " + std::to_string(length) + " bytes of external data, but its shape takes " + std::to_string(expected);
    return nullptr;
  }
  int file = openBelow(folder, location, error);
  if (file < 0)
    return nullptr;
  struct stat info;
  bool regular = fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1;
  std::shared_ptr<MappedFile> mapped;
  if (!regular) {
    error = "needs the external file '" + location + "', which is no regular file (or a hard link)";
  } else if (offset > uint64_t(info.st_size) || uint64_t(info.st_size) - offset < length) {
    error = "needs bytes " + std::to_string(offset) + " to " + std::to_string(offset + length) + " of '" + location +
            "', which has " + std::to_string(info.st_size);
  } else if (length == 0) {
    mapped = std::make_shared<MappedFile>(nullptr, 0, 0, 0);
  } else {
    uint64_t page = sysconf(_SC_PAGESIZE), skip = offset % page;
    void *pages = mmap(nullptr, length + skip, PROT_READ, MAP_PRIVATE, file, offset - skip);
    if (pages == MAP_FAILED)
      error = "cannot map '" + location + "': " + strerror(errno);
    else
      mapped = std::make_shared<MappedFile>(pages, length + skip, skip, length);
  }
  close(file);
  return mapped;
}
