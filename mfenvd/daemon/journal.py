"""What outlives the daemon: projects, trust, outcomes, and the work that was asked for. A SQLite file.

One thread owns the file, so that a slow disk never delays an answer. SQLite's write-ahead log makes each call
whole or not there at all, at whatever moment the process is killed.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from mfenvd.daemon.findings import journal_damaged, journal_unwritable
from mfenvd.daemon.secrets import storable, withheld
from mfenvd.domain.finding import Finding
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.surroundings import Surroundings

T = TypeVar("T")

SCHEMA_VERSION = 1
KEPT_DAYS = 60
KEPT_OUTCOMES = 20_000

_DAY = 86_400.0
_AT_ONCE = 500  # below SQLite's limit of variables in a statement

_SCHEMA = """
CREATE TABLE project (root TEXT PRIMARY KEY, surroundings BLOB NOT NULL, withheld BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE trust (root TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE outcome (
    key TEXT PRIMARY KEY, outcome BLOB NOT NULL, settled REAL NOT NULL, basis TEXT NOT NULL, used REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE work (
    key TEXT PRIMARY KEY, root TEXT NOT NULL, refresh INTEGER NOT NULL, running INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX outcome_used ON outcome (used);
CREATE INDEX work_root ON work (root);
"""

_log = logging.getLogger(__name__)
_BLOB = msgspec.json.Encoder()
_OUTCOME = msgspec.json.Decoder(Outcome)


class JournalInUseError(Exception):
    """Another process has the journal open."""


class StoredProject(msgspec.Struct, frozen=True):
    """A registration as it outlived the daemon; `withheld` names the variables whose secrets did not."""

    root: str
    surroundings: Surroundings
    withheld: tuple[str, ...]


class Record(msgspec.Struct, frozen=True):
    """A settled job.

    Attributes:
        outcome: The resolver's answer.
        settled: When, in seconds since the epoch.
        basis: Digest of what else the answer rests on (`secrets.basis`).
        doubts: What went wrong when it was last tried anew: the outcome is the one before.
    """

    outcome: Outcome
    settled: float
    basis: str
    doubts: tuple[Finding, ...] = ()

    @property
    def shown(self) -> Outcome:
        """The outcome with the doubts about it."""
        if not self.doubts:
            return self.outcome
        return msgspec.structs.replace(self.outcome, findings=(*self.outcome.findings, *self.doubts))


class Journal:
    """Reads wait for their turn; writes are `post`ed and done in order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "journal")
        self._connection: sqlite3.Connection | None = None
        self._damage: Finding | None = None
        self._unwritable: Finding | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with it now."""
        return tuple(finding for finding in (self._damage, self._unwritable) if finding is not None)

    async def open(self) -> None:
        """Opens it; a damaged one is put aside and begun anew.

        Raises:
            JournalInUseError: Another process has it open.
            OSError, sqlite3.Error: It can be neither read nor put aside.
        """
        await self._do(self._open)

    async def close(self) -> None:
        """Returns when everything that was posted is written."""
        await self._do(lambda _: self._close())
        self._thread.shutdown()

    async def projects(self) -> list[StoredProject]:
        return await self._read(_projects, [])

    async def trusted(self) -> set[str]:
        """Roots of the trusted projects."""
        return await self._read(lambda db: {root for (root,) in db.execute("SELECT root FROM trust")}, set())

    async def records(self, keys: Collection[str]) -> dict[str, Record]:
        """What is settled of the jobs `keys`."""
        return await self._read(lambda db: _records(db, keys), {}) if keys else {}

    async def work(self, root: str) -> dict[str, bool]:
        """The keys of unfinished jobs of a project; True where the indexes were to be asked again."""
        query = "SELECT key, refresh FROM work WHERE root = ?"
        return await self._read(lambda db: {key: bool(refresh) for key, refresh in db.execute(query, (root,))}, {})

    def post_project(self, root: str, surroundings: Surroundings) -> None:
        row = (root, _BLOB.encode(storable(surroundings)), _BLOB.encode(withheld(surroundings)))
        self._post(lambda db: db.execute("INSERT OR REPLACE INTO project VALUES (?, ?, ?)", row))

    def post_removal(self, root: str) -> None:
        def remove(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM project WHERE root = ?", (root,))
            db.execute("DELETE FROM work WHERE root = ?", (root,))

        self._post(remove)

    def post_trust(self, root: str, *, trusted: bool) -> None:
        statement = "INSERT OR IGNORE INTO trust VALUES (?)" if trusted else "DELETE FROM trust WHERE root = ?"
        self._post(lambda db: db.execute(statement, (root,)))

    def post_queued(self, root: str, jobs: Iterable[tuple[str, bool]]) -> None:
        """The jobs are to be done: `(key, whether to ask the indexes again)`."""
        rows = [(key, root, refresh) for key, refresh in jobs]
        statement = "INSERT OR REPLACE INTO work (key, root, refresh) VALUES (?, ?, ?)"
        self._post(lambda db: db.executemany(statement, rows))

    def post_running(self, key: str) -> None:
        self._post(lambda db: db.execute("UPDATE work SET running = 1 WHERE key = ?", (key,)))

    def post_dropped(self, keys: Iterable[str]) -> None:
        """Nobody wants the jobs any more."""
        rows = [(key,) for key in keys]
        self._post(lambda db: db.executemany("DELETE FROM work WHERE key = ?", rows))

    async def settle(self, key: str, record: Record | None) -> None:
        """The job is done; returns when that is written. Without a record, what was known stays as it was."""

        def write(db: sqlite3.Connection) -> None:
            if record is not None:
                row = (key, _BLOB.encode(record.outcome), record.settled, record.basis, record.settled)
                db.execute("INSERT OR REPLACE INTO outcome VALUES (?, ?, ?, ?, ?)", row)
            db.execute("DELETE FROM work WHERE key = ?", (key,))

        await self._do(lambda db: self._write(db, write))

    def post_pruning(self) -> None:
        """Forgets the outcomes that nothing used for long, and the oldest beyond a number."""
        self._post(_prune)

    def _open(self, _: sqlite3.Connection | None) -> None:
        try:
            self._connection = _connect(self._path)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise JournalInUseError(str(self._path)) from error
            if not self._path.exists():
                raise
            self._begin_anew(error)
        except sqlite3.DatabaseError as error:
            self._begin_anew(error)
        _interrupted(self._connected(self._connection))

    def _begin_anew(self, error: sqlite3.Error) -> None:
        kept = _put_aside(self._path)
        self._damage = journal_damaged(str(error), kept)
        _log.error("the journal is damaged (%s); kept as %s, beginning anew", error, kept)
        self._connection = _connect(self._path)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _do(self, call: Callable[[sqlite3.Connection | None], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(self._connection))

    async def _read(self, query: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """The query's answer; `otherwise` where the file has gone bad since it was opened."""

        def run(connection: sqlite3.Connection | None) -> T:
            try:
                return query(self._connected(connection))
            except sqlite3.Error as error:
                _log.exception("the journal cannot be read")
                self._unwritable = journal_unwritable(self._path, str(error))
                return otherwise

        return await self._do(run)

    def _post(self, change: Callable[[sqlite3.Connection], object]) -> None:
        self._thread.submit(lambda: self._write(self._connection, change))

    def _write(self, connection: sqlite3.Connection | None, change: Callable[[sqlite3.Connection], object]) -> None:
        db = self._connected(connection)
        try:
            with db:
                change(db)
        except sqlite3.Error as error:
            if self._unwritable is None:
                _log.exception("the journal cannot be written")
            self._unwritable = journal_unwritable(self._path, str(error))
        else:
            self._unwritable = None

    def _connected(self, connection: sqlite3.Connection | None) -> sqlite3.Connection:
        if connection is None:
            raise RuntimeError(f"the journal {self._path} is not open")
        return connection


def _connect(path: Path) -> sqlite3.Connection:
    # The one thread of the journal is not the one that closes it when opening fails half-way.
    connection = sqlite3.connect(path, timeout=1.0, check_same_thread=False)
    try:
        # Without this a second process could read and write along; with it the log needs no shared memory file.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -512")
        _check(connection)
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise sqlite3.DatabaseError(str(answer))
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"it was written by another version of mfenv, as version {version}")


def _put_aside(path: Path) -> Path | None:
    """Renames the file and its log; where it is now, None when there is nothing to keep."""
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for suffix in ("-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(kept.with_name(kept.name + suffix))
    if not path.exists():
        return None
    path.replace(kept)
    return kept


def _interrupted(db: sqlite3.Connection) -> None:
    """What was running when the last daemon was killed waits again."""
    with db:
        count = db.execute("UPDATE work SET running = 0 WHERE running = 1").rowcount
    if count:
        _log.info("%d interrupted jobs are queued again", count)


def _projects(db: sqlite3.Connection) -> list[StoredProject]:
    found = []
    for root, surroundings, names in db.execute("SELECT * FROM project ORDER BY root"):
        try:
            found.append(
                StoredProject(
                    root,
                    msgspec.json.decode(surroundings, type=Surroundings),
                    msgspec.json.decode(names, type=tuple[str, ...]),
                )
            )
        except msgspec.DecodeError:
            _log.exception("the registration of %s is not understood; `mfenv up` there renews it", root)
    return found


def _records(db: sqlite3.Connection, keys: Collection[str]) -> dict[str, Record]:
    wanted = list(keys)
    found = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        query = f"SELECT key, outcome, settled, basis FROM outcome WHERE key IN ({marks})"  # noqa: S608 - marks only
        for key, outcome, settled, basis in db.execute(query, some):
            try:
                found[key] = Record(_OUTCOME.decode(outcome), settled, basis)
            except msgspec.DecodeError:
                _log.warning("the outcome of job %s is not understood; it is resolved again", key)
    now = time.time()
    with db:
        db.executemany("UPDATE outcome SET used = ? WHERE key = ?", [(now, key) for key in found])
    return found


def _prune(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM outcome WHERE used < ?", (time.time() - KEPT_DAYS * _DAY,))
    db.execute(
        "DELETE FROM outcome WHERE key IN (SELECT key FROM outcome ORDER BY used DESC LIMIT -1 OFFSET ?)",
        (KEPT_OUTCOMES,),
    )
