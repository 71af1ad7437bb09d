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

from mfenvd.daemon import journal_file
from mfenvd.daemon.findings import journal_damaged, journal_unwritable
from mfenvd.daemon.journal_file import Record, StoredProject
from mfenvd.daemon.secrets import storable, withheld
from mfenvd.domain.finding import Finding
from mfenvd.domain.history import Before
from mfenvd.domain.surroundings import Surroundings

T = TypeVar("T")

_log = logging.getLogger(__name__)
_BLOB = msgspec.json.Encoder()


class JournalInUseError(Exception):
    """Another process has the journal open."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is in use by another mfenvd, which answers elsewhere: it was started with another XDG_RUNTIME_DIR."
        )


class Journal:
    """Reads wait for their turn; writes are `post`ed and done in order.

    Args:
        path: Of the file.
        on_findings: Called, in any thread, when `findings` are others than before.
    """

    def __init__(self, path: Path, on_findings: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._on_findings = on_findings
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

    async def written(self) -> None:
        """Returns when everything that was posted until now is written, or cannot be."""
        await self._do(lambda _: None)

    async def projects(self) -> list[StoredProject]:
        return await self._read(journal_file.projects, [])

    async def trusted(self) -> set[str]:
        """Roots of the trusted projects."""
        return await self._read(lambda db: {root for (root,) in db.execute("SELECT root FROM trust")}, set())

    async def records(self, keys: Collection[str]) -> dict[str, Record]:
        """What is settled of the jobs `keys`, which are in use now."""
        if not keys:
            return {}
        nothing: dict[str, Record] = {}
        found = await self._read(lambda db: journal_file.records(db, keys), nothing)
        now = time.time()
        self._post(lambda db: journal_file.use(db, found, now))
        return found

    async def previous(self, id_: str) -> Before | None:
        """What the packages of the verdict `id_` were before; None when that is not known."""
        return await self._read(lambda db: journal_file.previous(db, id_), None)

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

    def post_rests(self, rests: Iterable[tuple[str, str]]) -> None:
        """These verdicts have the packages of these jobs: `(Verdict.id, Job.key)`."""
        rows, now = list(rests), time.time()
        self._post(lambda db: journal_file.rest(db, rows, now))

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
                journal_file.settle(db, key, record)
            db.execute("DELETE FROM work WHERE key = ?", (key,))

        await self._do(lambda db: self._write(db, write))

    def post_pruning(self) -> None:
        """Forgets the outcomes that nothing used for long, and the oldest beyond a number."""
        self._post(journal_file.prune)

    def _open(self, _: sqlite3.Connection | None) -> None:
        try:
            self._connection = journal_file.connect(self._path)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise JournalInUseError(self._path) from error
            if not self._path.exists():
                raise
            self._begin_anew(error)
        except sqlite3.DatabaseError as error:
            self._begin_anew(error)
        journal_file.interrupted(self._connected(self._connection))

    def _begin_anew(self, error: sqlite3.Error) -> None:
        kept = journal_file.put_aside(self._path)
        self._damage = journal_damaged(str(error), kept)
        _log.error("the journal is damaged (%s); kept as %s, beginning anew", error, kept)
        self._connection = journal_file.connect(self._path)

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
                self._set_unwritable(str(error))
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
            self._set_unwritable(str(error))
        else:
            self._set_unwritable(None)

    def _set_unwritable(self, reason: str | None) -> None:
        before, self._unwritable = self._unwritable, journal_unwritable(self._path, reason) if reason else None
        if self._unwritable != before:
            self._on_findings()

    def _connected(self, connection: sqlite3.Connection | None) -> sqlite3.Connection:
        if connection is None:
            raise RuntimeError(f"the journal {self._path} is not open")
        return connection
