//===- TuningDatabase.cpp - schedules that were found by measurement ---------------------------------------------------===//

#include "tune/TuningDatabase.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"

#include <sqlite3.h>

#include <memory>

using namespace lepton;

// As in tune/database.py.
static constexpr int applicationId = 0x4c707431; // "Lpt1": what SQLite knows a file of ours by
static constexpr int formatVersion = 1;
static constexpr int waitMilliseconds = 60'000; // for a writer to finish

namespace {

struct Closing {
  void operator()(sqlite3 *database) const { sqlite3_close(database); }
  void operator()(sqlite3_stmt *statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, Closing>;
using Statement = std::unique_ptr<sqlite3_stmt, Closing>;

} // namespace

static Statement prepare(const Database &database, const char *query) {
  sqlite3_stmt *statement = nullptr;
  sqlite3_prepare_v2(database.get(), query, -1, &statement, nullptr);
  return Statement(statement);
}

static llvm::StringRef textAt(const Statement &row, int column) {
  auto text = reinterpret_cast<const char *>(sqlite3_column_text(row.get(), column));
  return text ? llvm::StringRef(text, sqlite3_column_bytes(row.get(), column)) : llvm::StringRef();
}

/// The first value of the first row; nothing where there is none.
static std::string askFor(const Database &database, const char *query) {
  Statement row = prepare(database, query);
  return row && sqlite3_step(row.get()) == SQLITE_ROW ? textAt(row, 0).str() : std::string();
}

/// A JSON array of strings.
static bool parseSchedules(llvm::StringRef text, std::vector<std::string> &schedules) {
  auto value = llvm::json::parse(text);
  if (!value) {
    llvm::consumeError(value.takeError());
    return false;
  }
  llvm::json::Path::Root root;
  return llvm::json::fromJSON(*value, schedules, root);
}

bool lepton::readTuningDatabase(const std::string &path, const TuningKey &key, std::vector<TunedKernel> &kernels,
                                std::string &error) {
  auto refuse = [&](const std::string &reason) {
    error = path + ": " + reason;
    return false;
  };
  sqlite3 *opened = nullptr;
  const int status = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
  Database database(opened);
  if (status != SQLITE_OK)
    return refuse("the tuning database cannot be opened; lepton tune MODEL --tuning-db=FILE makes one");
  sqlite3_busy_timeout(database.get(), waitMilliseconds);
  const std::string damaged = "is a damaged tuning database; put a copy in its place, or remove it and tune again";
  const std::string application = askFor(database, "PRAGMA application_id");
  if (application.empty() && sqlite3_errcode(database.get()) == SQLITE_CORRUPT)
    return refuse(damaged);
  if (application != llvm::itostr(applicationId))
    return refuse("is no tuning database of Lepton; lepton tune MODEL --tuning-db=FILE makes one");
  if (const std::string found = askFor(database, "PRAGMA user_version"); found != llvm::itostr(formatVersion))
    return refuse("is a tuning database of format " + found + ", this Lepton has format " +
                  llvm::itostr(formatVersion) + "; tune into another file");
  if (askFor(database, "PRAGMA quick_check") != "ok")
    return refuse(damaged);
  Statement rows = prepare(database, "SELECT kernel, schedules FROM tuned WHERE target = ? AND threads = ? AND "
                                     "compiler = ? ORDER BY kernel");
  if (!rows)
    return refuse(damaged);
  sqlite3_bind_text(rows.get(), 1, key.target.c_str(), -1, SQLITE_STATIC);
  sqlite3_bind_int64(rows.get(), 2, key.threads);
  sqlite3_bind_text(rows.get(), 3, key.compiler.c_str(), -1, SQLITE_STATIC);
  int step;
  while ((step = sqlite3_step(rows.get())) == SQLITE_ROW) {
    TunedKernel &kernel = kernels.emplace_back();
    kernel.hash = textAt(rows, 0).str();
    if (!parseSchedules(textAt(rows, 1), kernel.schedules))
      return refuse(damaged);
  }
  return step == SQLITE_DONE || refuse(damaged);
}
