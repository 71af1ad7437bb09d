"""The journal's SQLite file: its tables, and what is read from and written to them."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from mfenvd.domain.finding import Finding
from mfenvd.domain.history import Before
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.surroundings import Surroundings

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

# Beside the tables of the schema: an mfenv that does not know these leaves them alone, so that the version stays.
_EARLIER = """
CREATE TABLE IF NOT EXISTS replaced (
    key TEXT PRIMARY KEY, outcome BLOB NOT NULL, settled REAL NOT NULL, replaced REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rested (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, previous TEXT, changed REAL NOT NULL
) WITHOUT ROWID;
"""

_log = logging.getLogger(__name__)
_OUTCOME = msgspec.json.Decoder(Outcome)


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


def connect(path: Path) -> sqlite3.Connection:
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
    connection.executescript(_EARLIER)


def put_aside(path: Path) -> Path | None:
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


def interrupted(db: sqlite3.Connection) -> None:
    """What was running when the last daemon was killed waits again."""
    with db:
        count = db.execute("UPDATE work SET running = 0 WHERE running = 1").rowcount
    if count:
        _log.info("%d interrupted jobs are queued again", count)


def projects(db: sqlite3.Connection) -> list[StoredProject]:
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


def records(db: sqlite3.Connection, keys: Collection[str]) -> dict[str, Record]:
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
    return found


def use(db: sqlite3.Connection, keys: Iterable[str], now: float) -> None:
    """Somebody looks at these outcomes: they are kept from now on as new ones are."""
    db.executemany("UPDATE outcome SET used = ? WHERE key = ?", [(now, key) for key in keys])


def settle(db: sqlite3.Connection, key: str, record: Record) -> None:
    """Keeps the record; of an outcome with other packages that was there, too, for as long as it is the last one."""
    row = db.execute("SELECT outcome, settled FROM outcome WHERE key = ?", (key,)).fetchone()
    if row is not None and _is_other(row[0], record.outcome):
        db.execute("INSERT OR REPLACE INTO replaced VALUES (?, ?, ?, ?)", (key, *row, record.settled))
    new = (key, msgspec.json.encode(record.outcome), record.settled, record.basis, record.settled)
    db.execute("INSERT OR REPLACE INTO outcome VALUES (?, ?, ?, ?, ?)", new)


def rest(db: sqlite3.Connection, rests: Iterable[tuple[str, str]], now: float) -> None:
    """Verdicts rest on jobs, `(Verdict.id, Job.key)`, from now on; what each rested on before is remembered."""
    db.executemany(
        "INSERT INTO rested (id, key, changed) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET previous = key, key = excluded.key, changed = excluded.changed WHERE key != excluded.key",
        [(id_, key, now) for id_, key in rests],
    )


def previous(db: sqlite3.Connection, id_: str) -> Before | None:
    """What the verdict's packages were before they were what they are now; None when that is not known."""
    rested = db.execute("SELECT key, previous, changed FROM rested WHERE id = ?", (id_,)).fetchone()
    if rested is None:
        return None
    key, before, changed = rested
    by_job = db.execute("SELECT outcome, settled, replaced FROM replaced WHERE key = ?", (key,)).fetchone()
    by_request = db.execute("SELECT outcome, settled FROM outcome WHERE key = ?", (before,)).fetchone()
    # Another request, or another answer to the same: what happened last counts.
    found = by_job[:2] if by_job is not None and (by_request is None or by_job[2] > changed) else by_request
    if found is None:
        return None
    try:
        resolution = _OUTCOME.decode(found[0]).resolution
    except msgspec.DecodeError:
        return None
    return Before(resolution.packages, found[1]) if resolution is not None else None


def _is_other(before: bytes, after: Outcome) -> bool:
    """Whether there were packages, and other ones than now; an answer without any does not count as one."""
    try:
        known = _OUTCOME.decode(before).resolution
    except msgspec.DecodeError:
        return False
    return known is not None and (after.resolution is None or known.packages != after.resolution.packages)


def prune(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM outcome WHERE used < ?", (time.time() - KEPT_DAYS * _DAY,))
    db.execute(
        "DELETE FROM outcome WHERE key IN (SELECT key FROM outcome ORDER BY used DESC LIMIT -1 OFFSET ?)",
        (KEPT_OUTCOMES,),
    )
    db.execute("DELETE FROM replaced WHERE key NOT IN (SELECT key FROM outcome)")
    db.execute("DELETE FROM rested WHERE key NOT IN (SELECT key FROM outcome)")
