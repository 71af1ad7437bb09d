"""One project's verdicts, kept up to date a few at a time so that the loop is never held for long."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

import msgspec

from mfenvd import engine
from mfenvd.daemon.journal_file import Record
from mfenvd.domain.finding import Finding
from mfenvd.domain.identity import AnyIdentity
from mfenvd.domain.job import Job
from mfenvd.domain.plan import Environment
from mfenvd.domain.resolver import Context
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.warming import Warmth


@dataclass(eq=False)
class Row:
    """An environment with its work.

    Attributes:
        environment: The environment.
        jobs: Its resolutions, by key.
        bases: Those of the conda environments that Metaflow puts its wheels into.
        needs: What Metaflow's environments are made of, by `Identity.key`.
        foreseen: The same while Metaflow is being asked, as they will be in all likelihood.
        ids: Of its verdicts, once they are known.
    """

    environment: Environment
    jobs: dict[str, Job]
    bases: dict[str, Job] = field(default_factory=dict)
    needs: dict[str, engine.Needs] = field(default_factory=dict)
    foreseen: tuple[engine.Needs, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Understanding:
    """What a project asks for, with its work laid out.

    Attributes:
        context: What it was read with.
        rows: The environments in the plan's order.
        findings: What concerns files as a whole.
        flows: How many there are, those without any environment included.
    """

    context: Context
    rows: tuple[Row, ...] = ()
    findings: tuple[Finding, ...] = ()
    flows: int = 0

    def equals(self, other: Understanding) -> bool:
        """Whether it says the same, with the very same rows."""
        return (
            self.flows == other.flows
            and self.findings == other.findings
            and self.context == other.context
            and len(self.rows) == len(other.rows)
            and all(map(operator.is_, self.rows, other.rows))
        )

    @property
    def jobs(self) -> dict[str, Job]:
        """All work, each job once, in the plan's order."""
        return {key: job for row in self.rows for key, job in (*row.jobs.items(), *row.bases.items())}

    @property
    def needs(self) -> dict[str, engine.Needs]:
        """What Metaflow's environments are made of, by `Identity.key`."""
        return {key: needs for row in self.rows for key, needs in row.needs.items()}

    @property
    def foreseen(self) -> list[engine.Needs]:
        """What those are made of in all likelihood that Metaflow is being asked about."""
        return [needs for row in self.rows for needs in row.foreseen]


@dataclass(frozen=True)
class Sources:
    """Where a verdict's parts come from and where changes go."""

    record: Callable[[str], Record | None]
    state: Callable[[str], State | None]
    warmth: Callable[[str], Warmth | None]
    changed: Callable[[Verdict], None]
    removed: Callable[[str], None]
    rested: Callable[[str, str], None] = lambda _id, _key: None
    """The verdict with that id has the packages of that job (`Job.key`), which it had not before."""


@dataclass(eq=False)
class VerdictTable:
    """All verdicts of a project by id, in the plan's order."""

    sources: Sources
    present: bool = True
    _understanding: Understanding | None = None
    _verdicts: dict[str, Verdict] = field(default_factory=dict)
    _dirty: dict[Row, None] = field(default_factory=dict)
    _by_job: dict[str, list[Row]] = field(default_factory=dict)
    _by_identity: dict[str, list[Row]] = field(default_factory=dict)
    _rests: dict[str, str] = field(default_factory=dict)
    _swept: bool = True

    @property
    def understanding(self) -> Understanding | None:
        """What was understood last; None before anything was read."""
        return self._understanding

    def adopt(self, understanding: Understanding) -> None:
        """From now on the verdicts are those of `understanding`; `refresh` brings them about."""
        before = set() if self._understanding is None else set(self._understanding.rows)
        self._understanding = understanding
        self._by_job, self._by_identity = {}, {}
        for row in understanding.rows:
            for key in (*row.jobs, *row.bases):
                self._by_job.setdefault(key, []).append(row)
            for key in row.needs:
                self._by_identity.setdefault(key, []).append(row)
        self._dirty = {row: None for row in understanding.rows if row not in before or row in self._dirty}
        self._swept = False

    def set_present(self, *, present: bool) -> None:
        """Whether the folder is there; while it is not, every verdict is stale."""
        if present == self.present:
            return
        self.present = present
        self._dirty = dict.fromkeys(self._understanding.rows if self._understanding else ())

    def touch(self, key: str) -> None:
        """The job's state or outcome is another one."""
        self._dirty.update(dict.fromkeys(self._by_job.get(key, ())))

    def touch_identity(self, key: str) -> None:
        """The warmth of Metaflow's environment `key` is another one."""
        self._dirty.update(dict.fromkeys(self._by_identity.get(key, ())))

    def ids_of(self, key: str) -> tuple[str, ...]:
        """The verdicts that rest on the job `key`."""
        return tuple(
            id_
            for row in self._by_job.get(key, ())
            for id_ in row.ids
            if id_ in self._verdicts and self._verdicts[id_].target == (row.jobs.get(key) or row.bases[key]).target
        )

    def ids_of_identity(self, key: str) -> tuple[str, ...]:
        """The verdicts that rest on Metaflow's environment `key`."""
        return tuple(
            id_
            for row in self._by_identity.get(key, ())
            for id_ in row.ids
            if id_ in self._verdicts and self._verdicts[id_].target.arch == row.needs[key].identity.platform
        )

    def work_on(self, id_: str) -> tuple[Verdict, tuple[str, ...], tuple[AnyIdentity, ...]] | None:
        """A verdict with its jobs' keys and with Metaflow's environments that rest on it; None when there is none."""
        verdict = self._verdicts.get(id_)
        row = next((row for row in (self._understanding.rows if self._understanding else ()) if id_ in row.ids), None)
        if verdict is None or row is None:
            return None
        keys = tuple(key for key, job in (*row.jobs.items(), *row.bases.items()) if job.target == verdict.target)
        found = (needs.identity for needs in row.needs.values())
        return verdict, keys, tuple(one for one in found if one.platform == str(verdict.target.arch))

    def keys_of(self, ids: Collection[str]) -> set[str]:
        """The jobs that the verdicts `ids` rest on."""
        wanted = set(ids)
        return {key for key in self._by_job if not wanted.isdisjoint(self.ids_of(key))}

    def refresh(self, seconds: float) -> bool:
        """Works on what changed for about so long; True when nothing is left."""
        until = time.perf_counter() + seconds
        while self._dirty:
            row = next(iter(self._dirty))
            del self._dirty[row]
            self._refresh_row(row)
            if time.perf_counter() > until:
                return False
        if not self._swept:
            self._sweep()
        return True

    def clear(self) -> None:
        """The project is gone, and its verdicts with it."""
        self._understanding, self._dirty, self._by_job, self._by_identity = None, {}, {}, {}
        self._sweep()

    def all(self) -> Iterator[Verdict]:
        """In the plan's order; what is about to be brought up to date is as it was last told."""
        rows = self._understanding.rows if self._understanding else ()
        ids = dict.fromkeys(id_ for row in rows for id_ in row.ids)
        yield from (self._verdicts[id_] for id_ in ids if id_ in self._verdicts)
        yield from (verdict for id_, verdict in self._verdicts.items() if id_ not in ids)

    def _refresh_row(self, row: Row) -> None:
        if self._understanding is None:
            return
        records = {key: self.sources.record(key) for key in (*row.jobs, *row.bases)}
        known = {key: record for key, record in records.items() if record is not None}
        states = {key: self.sources.state(key) for key in row.jobs}
        found = engine.environment_verdicts(
            row.environment,
            {job.target: key for key, job in row.jobs.items()},
            {key: record.shown for key, record in known.items()},
            {key: state for key, state in states.items() if state is not None},
            made_of=row.needs,
            warmths={key: warmth for key in row.needs if (warmth := self.sources.warmth(key)) is not None},
        )
        settled = {job.target: known[key].settled for key, job in row.jobs.items() if key in known}
        row.ids = tuple(verdict.id for verdict in found)
        keys = {job.target: key for key, job in row.jobs.items()}
        for verdict in found:
            self._tell(verdict, settled.get(verdict.target))
            if verdict.packages and verdict.state.is_final and self._rests.get(verdict.id) != keys[verdict.target]:
                self._rests[verdict.id] = keys[verdict.target]
                self.sources.rested(verdict.id, keys[verdict.target])

    def _tell(self, verdict: Verdict, settled: float | None) -> None:
        """Makes it known if it differs from what is known."""
        old = self._verdicts.get(verdict.id)
        if not self.present:
            verdict = msgspec.structs.replace(verdict, state=State.STALE)
        if verdict.state.is_final:
            same = old is not None and msgspec.structs.replace(old, settled=None) == verdict
            kept = old.settled if same and old is not None else None
            verdict = msgspec.structs.replace(verdict, settled=settled or kept or time.time())
        if verdict != old:
            self._verdicts[verdict.id] = verdict
            self.sources.changed(verdict)

    def _sweep(self) -> None:
        """Removes the verdicts of steps and targets that are gone."""
        rows = self._understanding.rows if self._understanding else ()
        kept = {id_ for row in rows for id_ in row.ids}
        for id_ in [id_ for id_ in self._verdicts if id_ not in kept]:
            del self._verdicts[id_]
            self._rests.pop(id_, None)
            self.sources.removed(id_)
        self._swept = True
