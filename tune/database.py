"""The tuning database: one SQLite file of schedules that were found faster than the default, and of everything that was measured.

Both tables are kept by the kernel's structural hash, the target (`#lepton.target<...>`), the threads of a run and the compiler. `schedules` is a JSON array with a
`#lepton.schedule<...>` for each contraction of the kernel, or one `{tile_rows = N : i64}`; see kernels.py. The compiler reads `tuned` (TuningDatabase.cpp); the search goes on from `measured`, and trains its model
on it. Any number of processes may read and write at once.
"""

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

APPLICATION_ID = 0x4C707431  # "Lpt1", as in TuningDatabase.cpp
FORMAT = 1
WAIT = 60  # seconds for another writer to finish

SCHEMA = """
CREATE TABLE tuned (
  kernel TEXT NOT NULL, target TEXT NOT NULL, threads INTEGER NOT NULL, compiler TEXT NOT NULL,
  name TEXT NOT NULL, schedules TEXT NOT NULL, default_ns REAL NOT NULL, tuned_ns REAL NOT NULL,
  PRIMARY KEY (kernel, target, threads, compiler)) WITHOUT ROWID;
CREATE TABLE measured (
  kernel TEXT NOT NULL, target TEXT NOT NULL, threads INTEGER NOT NULL, compiler TEXT NOT NULL,
  name TEXT NOT NULL, schedules TEXT NOT NULL, default_ns REAL NOT NULL, ns REAL, outcome TEXT NOT NULL, guess REAL NOT NULL, at REAL NOT NULL,
  features TEXT NOT NULL,
  PRIMARY KEY (kernel, target, threads, compiler, schedules)) WITHOUT ROWID;
"""


class Key(NamedTuple):
    """What a measurement holds for, beside the kernel."""

    target: str
    threads: int
    compiler: str


class Tuned(NamedTuple):
    """A kernel's schedules that beat the default, with the time of both in nanoseconds."""

    kernel: str
    name: str
    schedules: list
    default_ns: float
    tuned_ns: float


class Measured(NamedTuple):
    """One try. `ns` is None where there is no time; `outcome` says how it ended, see search.py; `guess` is the time that was expected, as a part of the default's;
    `at` is when, in seconds of Unix."""

    kernel: str
    name: str
    schedules: list
    default_ns: float
    ns: float | None
    outcome: str
    guess: float
    at: float
    features: list

    @property
    def ratio(self):
        """The time as a part of the default's, or None."""
        return self.ns / self.default_ns if self.ns else None


class DatabaseError(Exception):
    """A file that is no sound tuning database; the message names it and the remedy."""


class Database:
    """An open tuning database; it is made where there is no file yet. One that is not `durable` need not outlive a crash of the machine. To be used in a `with`,
    by one thread at a time."""

    def __init__(self, path, durable=True):
        self.path = os.fspath(path)
        try:
            Path(self.path).resolve().parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            if not durable:
                self._connection.execute("PRAGMA synchronous = OFF")
            with self._transaction():
                self._prepare()
        except (sqlite3.Error, OSError) as problem:
            raise DatabaseError(f"{self.path}: cannot be used as a tuning database: {problem}; name another file") from None

    def _prepare(self):
        application, form = (self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if application == 0 and not self._connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in filter(str.strip, SCHEMA.split(";")):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {FORMAT}")
        elif application != APPLICATION_ID:
            raise DatabaseError(f"{self.path}: is no tuning database of Lepton; name another file")
        elif form != FORMAT:
            raise DatabaseError(f"{self.path}: is a tuning database of format {form}, this Lepton has format {FORMAT}; name another file")
        elif self._connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise DatabaseError(f"{self.path}: is a damaged tuning database; put a copy in its place, or remove it and tune again")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self):
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    # ---- one kernel ------------------------------------------------------------------------------------------------

    def tuned(self, key):
        """{hash: Tuned} for a key."""
        rows = self._connection.execute(
            "SELECT kernel, name, schedules, default_ns, tuned_ns FROM tuned WHERE target = ? AND threads = ? AND compiler = ?", key)
        return {row[0]: Tuned(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows}

    def store(self, key, tuned):
        """Keeps a kernel's schedules, in place of what was kept before."""
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO tuned VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                                     (tuned.kernel, *key, tuned.name, json.dumps(tuned.schedules), tuned.default_ns, tuned.tuned_ns))

    def forget(self, key, kernel):
        """The kernel's schedules are the default's again."""
        with self._transaction():
            self._connection.execute("DELETE FROM tuned WHERE kernel = ? AND target = ? AND threads = ? AND compiler = ?", (kernel, *key))

    def measured(self, key):
        """All tries for a key, as a list of Measured."""
        rows = self._connection.execute(
            "SELECT kernel, name, schedules, default_ns, ns, outcome, guess, at, features FROM measured "
            "WHERE target = ? AND threads = ? AND compiler = ? ORDER BY kernel, at", key)
        return [Measured(row[0], row[1], json.loads(row[2]), *row[3:8], json.loads(row[8])) for row in rows]

    def find(self, kernel):
        """The tries of the kernels with this name, or whose hash begins like this, as [(Key, [Measured])]."""
        keys = self._connection.execute(
            "SELECT DISTINCT target, threads, compiler, kernel FROM measured WHERE name = ? OR substr(kernel, 1, length(?)) = ? ORDER BY 1, 2, 3, 4", (kernel,) * 3)
        return [(Key(*key), [row for row in self.measured(key) if row.kernel == found]) for *key, found in keys.fetchall()]

    def note(self, key, measured):
        """Keeps a try, in place of what was known of these schedules."""
        kernel, name, schedules, *numbers, features = measured
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO measured VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                     (kernel, *key, name, json.dumps(schedules), *numbers, json.dumps(features)))

    # ---- whole files -----------------------------------------------------------------------------------------------

    def merge(self, other):
        """Takes over what another database holds. Where both have a kernel, the one that gained more stays."""
        if not os.path.exists(other):
            raise DatabaseError(f"{other}: there is no such database")
        with Database(other) as source:
            self._take(*source._contents())

    def export(self):
        """Everything, as what `json` can write."""
        tuned, measured = self._contents()
        return {"lepton_tuning": FORMAT, "tuned": tuned, "measured": measured}

    def load(self, document, source):
        """Takes over what `export` gave; `source` names it in errors."""
        columns = {table: self._columns(table) for table in ("tuned", "measured")}
        is_ours = isinstance(document, dict) and document.get("lepton_tuning") == FORMAT
        if not is_ours or not all(isinstance(row, dict) and list(row) == names for table, names in columns.items() for row in document.get(table, [None])):
            raise DatabaseError(f"{source}: is no export of a tuning database of format {FORMAT}; lepton tune --export=FILE makes one")
        self._take(document["tuned"], document["measured"])

    def _columns(self, table):
        return [row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")]

    def _contents(self):
        contents = []
        for table in ("tuned", "measured"):
            names = self._columns(table)
            rows = self._connection.execute(f"SELECT * FROM {table} ORDER BY kernel, target, threads, compiler, schedules")
            contents.append([dict(zip(names, row)) for row in rows])
        return contents

    def _take(self, tuned, measured):
        gain = "{0}.default_ns / {0}.tuned_ns"
        with self._transaction():
            try:
                self._connection.executemany(
                    "INSERT INTO tuned VALUES (:kernel, :target, :threads, :compiler, :name, :schedules, :default_ns, :tuned_ns) ON CONFLICT DO UPDATE SET "
                    "name = excluded.name, schedules = excluded.schedules, default_ns = excluded.default_ns, tuned_ns = excluded.tuned_ns "
                    f"WHERE {gain.format('excluded')} > {gain.format('tuned')}", tuned)
                self._connection.executemany(
                    "INSERT OR IGNORE INTO measured VALUES (:kernel, :target, :threads, :compiler, :name, :schedules, :default_ns, :ns, :outcome, "
                    ":guess, :at, :features)", measured)
            except sqlite3.Error as problem:
                raise DatabaseError(f"{self.path}: cannot take over the other database: {problem}") from None
