"""A registered project: read when something changed, its work handed to the scheduler, its verdicts told."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from mfenvd.daemon.asking import Asking
from mfenvd.daemon.events import Events
from mfenvd.daemon.findings import credentials_gone, folder_gone, reading_failed
from mfenvd.daemon.lookup import Subject, look
from mfenvd.daemon.readers import FolderGoneError, Readers, Reading, ReadingFailedError
from mfenvd.daemon.scheduler import Scheduler
from mfenvd.daemon.verdicts import Sources, Understanding, VerdictTable
from mfenvd.daemon.warming import Warming
from mfenvd.daemon.watch import Change, Watch
from mfenvd.domain.codes import Code
from mfenvd.domain.event import (
    ProjectChanged,
    ProjectInfo,
    ProjectRemoved,
    ResolveProgress,
    Settled,
    VerdictChanged,
    VerdictRemoved,
)
from mfenvd.domain.finding import Finding
from mfenvd.domain.history import History
from mfenvd.domain.loaded import LoadedFile
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.verdict import Verdict
from mfenvd.paths import Paths
from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.warm.core.findings import interpreter_unknown

_SLICE_SECONDS = 0.003
"""An answer takes a few turns of the loop, and may wait for a slice at each."""
_LONG_READING = 0.15
"""Seconds: a shorter reading after a save is not worth telling."""

_CREDENTIAL_FILES = frozenset(
    {
        ".netrc", "_netrc", "pip.conf", "pip.ini", ".condarc", ".mambarc", "condarc", "mambarc",
        "authentication.json", "credentials.json",
    }
)  # fmt: skip
"""Names of files that say how indexes and channels are reached, as pip, conda, mamba and rattler call them."""

_REFUSALS = frozenset({Code.INDEX_REFUSES, Code.CHANNEL_REFUSES})

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Services:
    """What every project uses."""

    paths: Paths
    local_arch: str
    events: Events
    scheduler: Scheduler
    watch: Watch
    readers: Readers
    askers: Executor
    warming: Warming


class Project:
    """One registered folder."""

    def __init__(
        self,
        root: str,
        surroundings: Surroundings,
        services: Services,
        *,
        trusted: bool,
        withheld: Collection[str] = (),
    ) -> None:
        self.root = root
        self.surroundings = surroundings
        self._shown = surroundings.shown
        self.trusted = trusted
        self._withheld = tuple(withheld)
        self._services = services
        self._exclude: tuple[str, ...] = ()
        self._read_files: frozenset[str] = frozenset()
        self._watching: tuple[tuple[str, ...], frozenset[str]] | None = None
        self._failure: Finding | None = None
        self._limit: Finding | None = None
        self._present = True
        self._reading = False
        self._shown_reading = False
        self._changed: set[str] = set()
        self._asking = Asking(services.askers, self._answered, self._read_again)
        self._answers: list[LoadedFile] = []
        self._lacks_python: Finding | None = None
        self._anew = True
        self._retry = False
        self._tried: set[str] = set()
        self._pending = True
        self._told: ProjectInfo | None = None
        self._work = asyncio.Event()
        self._dirty = asyncio.Event()
        scheduler, events, warming = services.scheduler, services.events, services.warming
        self._rests: list[tuple[str, str]] = []
        self._table = VerdictTable(
            Sources(
                record=scheduler.record,
                state=lambda key: scheduler.state(root, key),
                warmth=lambda key: warming.warmth(root, key),
                changed=lambda verdict: events.publish(VerdictChanged(0, verdict)),
                removed=lambda id_: events.publish(VerdictRemoved(0, id_)),
                rested=lambda id_, key: self._rests.append((id_, key)),
            )
        )
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """Begins to read, watch and settle."""
        self._services.scheduler.attach(self.root, self)
        self._services.warming.attach(self.root, self)
        self._services.readers.prepare()
        self._work.set()
        self._reading = self._shown_reading = True
        self.tell()
        loop = asyncio.get_running_loop()
        self._tasks = (loop.create_task(self._keep_reading()), loop.create_task(self._keep_telling()))

    async def stop(self) -> None:
        """Stops reading and telling; what was told stays as it is."""
        for task in self._tasks:
            task.cancel()
        await self._asking.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def remove(self) -> None:
        """The project is not wanted any more: its work ends and its verdicts go.

        All of that before the first await, so that the same folder may be registered anew meanwhile.
        """
        for task in self._tasks:
            task.cancel()
        self._asking.rest()
        self._services.scheduler.detach(self.root)
        self._services.warming.detach(self.root)
        self._table.clear()
        self._services.events.publish(ProjectRemoved(0, self.root))
        await self._services.watch.remove(self.root)
        await self.stop()

    @property
    def info(self) -> ProjectInfo:
        understood = self._table.understanding
        return ProjectInfo(
            root=self.root,
            trusted=self.trusted,
            cwd=self.surroundings.cwd,
            interpreter=self.surroundings.interpreter,
            python=self.surroundings.python,
            environ=self._shown,
            present=self._present,
            reading=self._shown_reading,
            flows=understood.flows if understood else 0,
            findings=(*self._own_findings(), *(understood.findings if understood else ())),
        )

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(self._table.all())

    def renew(self, surroundings: Surroundings) -> None:
        """What a shell has now; what failed is tried again."""
        self.surroundings = surroundings
        self._shown = surroundings.shown
        self._withheld = ()
        self._begin_retrying()
        self._asking.forget()
        self._read_again()

    def set_trust(self, *, trusted: bool) -> None:
        if trusted != self.trusted:
            self.trusted = trusted
            self._pending = True
            self._work.set()
            self.tell()

    def resolve_again(self, ids: Collection[str] | None, *, refresh: bool, replace: bool = False) -> int:
        """Resolves the verdicts `ids` anew, all when None; how many jobs that is.

        With `replace`, what Metaflow's manifests hold gives way to what is found.
        """
        keys = None if ids is None else self._table.keys_of(ids)
        if replace:
            self._services.warming.replace(self.root, keys)
        return self._services.scheduler.again(self.root, keys, refresh=refresh)

    def cancel(self, ids: Collection[str] | None) -> int:
        """Ends the resolves behind the verdicts `ids`, all when None, that wait or run; how many those were."""
        keys = None if ids is None else self._table.keys_of(ids)
        return self._services.scheduler.cancel(self.root, keys)

    async def history(self, id_: str) -> History | None:
        """What is known of a verdict besides itself; None when the project has none with that id."""
        work = self._table.work_on(id_)
        if work is None:
            return None
        verdict, keys, identities = work
        scheduler, store = self._services.scheduler, ArchiveStore(store_folder(self._services.paths.cache))
        subject = Subject(verdict.packages, verdict.target, identities, verdict.state)
        found = await asyncio.to_thread(look, subject, store)
        stages = scheduler.stages.of((*keys, *(identity.key for identity in identities)))
        return History(id_, await scheduler.previous(id_), found.manifests, found.places, stages)

    def changed(self, change: Change) -> None:
        """The watch has seen something."""
        if change.present != self._present:
            self._present = change.present
            self._anew = True
        self._anew |= change.anew
        self._changed |= change.paths
        self._pending = True
        self._work.set()

    def limited(self, finding: Finding) -> None:
        """Its changes are noticed late."""
        self._limit = finding
        self.tell()

    def job_changed(self, key: str) -> None:
        self._pending = True
        self._table.touch(key)
        self._dirty.set()
        self._services.warming.job_changed(self.root, key)

    def warmth_changed(self, key: str) -> None:
        self._pending = True
        self._table.touch_identity(key)
        if self._watching is not None and not self._services.warming.watched(self.root) <= self._watching[1]:
            self._work.set()
        self._dirty.set()

    def warmth_progressed(self, key: str, progress: Progress) -> None:
        ids = self._table.ids_of_identity(key)
        if ids:
            self._services.events.publish(ResolveProgress(0, ids, progress))

    def job_progressed(self, key: str, progress: Progress) -> None:
        ids = self._table.ids_of(key)
        if ids:
            self._services.events.publish(ResolveProgress(0, ids, progress))

    def tell(self) -> None:
        """Makes known what is known of the project, if it is news."""
        info = self.info
        if info != self._told:
            self._told = info
            self._services.events.publish(ProjectChanged(0, info))

    def _begin_retrying(self) -> None:
        """Why something failed may be gone: from the next pass on it is tried once more."""
        self._retry = True
        self._tried.clear()

    def _answered(self, answers: Sequence[LoadedFile]) -> None:
        self._answers += answers
        self._pending = True
        self._work.set()

    def _show_reading(self) -> None:
        self._shown_reading = True
        self.tell()

    def _read_again(self) -> None:
        self._anew = True
        self._pending = True
        self._show_reading()
        self._work.set()

    def _own_findings(self) -> tuple[Finding, ...]:
        gone = None if self._present else folder_gone(self.root)
        refused = credentials_gone(self.root, self._withheld) if self._withheld and self._is_refused() else None
        said = (gone, self._failure, self._limit, refused, self._lacks_python)
        return tuple(finding for finding in said if finding is not None)

    def _is_refused(self) -> bool:
        understood = self._table.understanding
        records = (self._services.scheduler.record(key) for key in (understood.jobs if understood else ()))
        return any(finding.code in _REFUSALS for record in records if record for finding in record.shown.findings)

    async def _keep_reading(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            self._reading = True
            showing = asyncio.get_running_loop().call_later(0 if self._anew else _LONG_READING, self._show_reading)
            try:
                await self._pass()
            except Exception as error:  # noqa: BLE001 - becomes a finding; watching goes on
                _log.exception("%s could not be taken in", self.root)
                self._failure = self._failed(error)
            showing.cancel()
            self._reading = self._work.is_set()
            self._shown_reading = self._reading and self._shown_reading
            self.tell()
            self._dirty.set()

    async def _pass(self) -> None:
        """Takes in everything that has changed by now."""
        if self._watching is None:
            await self._watch(())
        self._table.set_present(present=self._present)
        if not self._present:
            self._services.scheduler.suspend(self.root)
            return
        changed, self._changed = self._with_contents(self._changed), set()
        anew, self._anew = self._anew, False
        answers, self._answers = self._answers, []
        before = self._table.understanding
        reading = await self._read(changed, before, answers, anew=anew)
        if reading is not None and (known := self._asking.known(reading.questions.files)):
            reading = await self._read((), before, known, anew=False)
        if reading is not None:
            await self._take_in(reading, changed)

    async def _take_in(self, reading: Reading, changed: Collection[str]) -> None:
        """Has done what follows from a reading, which was made because of `changed` files."""
        self._exclude = reading.exclude
        self._read_files = reading.files
        self._lacks_python = interpreter_unknown(self.root) if reading.questions.unasked else None
        warming, understanding = self._services.warming, reading.understanding
        ready = warming.watched(self.root)
        unwatched = ready - (self._watching[1] if self._watching else frozenset())
        await self._watch(reading.files | ready)
        await self._services.scheduler.want(self.root, understanding.jobs, reading.max_workers)
        # Only now, so that what is settled already is never told as queued.
        self._table.adopt(understanding)
        warming.want(self.root, understanding.needs, understanding.context, understanding.foreseen)
        if changed or unwatched:
            # What was not watched yet may have changed since it was made ready.
            warming.files_changed(self.root, {*changed, *unwatched})
        self._asking.ask(reading.questions)
        if self._asking.is_busy and self._services.scheduler.is_busy(self.root) and not understanding.foreseen:
            # Its answers bring the environments that wheels are put into.
            warming.expect()
        if any(map(may_hold_credentials, changed)):
            self._begin_retrying()
        if self._retry:
            self._tried.update(self._services.scheduler.retry_failed(self.root, self._tried))
            # What Metaflow's answers bring is wanted in a later pass.
            self._retry = self._asking.is_busy or bool(self._answers)

    async def _read(
        self, changed: Collection[str], before: Understanding | None, answers: Sequence[LoadedFile], *, anew: bool
    ) -> Reading | None:
        """None when it failed, which is then one of the project's findings."""
        context = Context(
            cache_dir=self._services.paths.cache,
            surroundings=self.surroundings,
            root=self.root,
            local_arch=self._services.local_arch,
            trusted=self.trusted,
        )
        try:
            reading = await self._services.readers.read(changed, before, context, anew=anew, answers=answers)
        except FolderGoneError:
            # The watch says so too, but later: a folder that is half gone must not look like an empty one.
            self._present = False
            self._anew = True
            self._work.set()
            return None
        except ReadingFailedError as error:
            _log.warning("reading %s failed: %s", self.root, error)
            self._failure = reading_failed(self.root, str(error), str(self._services.paths.log_file))
            self._anew = True
            return None
        self._failure = None
        return reading

    async def _watch(self, files: Collection[str]) -> None:
        wanted = (self._exclude, frozenset(files))
        if wanted != self._watching:
            self._watching = wanted
            self._present = await self._services.watch.add(self.root, *wanted)

    def _with_contents(self, changed: Collection[str]) -> set[str]:
        """With a folder, the files in it that are known: a folder that is moved away says nothing of them."""
        inside = tuple(f"{path}{os.sep}" for path in changed)
        return {*changed, *(file for file in self._read_files if file.startswith(inside))}

    async def _keep_telling(self) -> None:
        """Brings the verdicts up to date in small slices, and says when there is nothing left to do."""
        scheduler = self._services.scheduler
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            if not self._refresh_some():
                self._dirty.set()
                await asyncio.sleep(0)
                continue
            if self._rests:
                rests, self._rests = self._rests, []
                scheduler.remember(rests)
            self.tell()
            if self._pending and not self._is_busy():
                self._pending = False
                self._services.events.publish(Settled(0, self.root))

    def _failed(self, error: Exception) -> Finding:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return reading_failed(self.root, reason, str(self._services.paths.log_file))

    def _is_busy(self) -> bool:
        under_way = self._services.scheduler.is_busy(self.root) or self._services.warming.is_busy(self.root)
        return self._work.is_set() or self._reading or self._asking.is_busy or under_way

    def _refresh_some(self) -> bool:
        """True when every verdict is up to date."""
        try:
            return self._table.refresh(_SLICE_SECONDS)
        except Exception as error:  # noqa: BLE001 - becomes a finding; the other verdicts go on
            _log.exception("a verdict of %s could not be told", self.root)
            self._failure = self._failed(error)
            return False


def may_hold_credentials(path: str) -> bool:
    """Whether a change of the file at `path` is a reason to try again what was refused."""
    return os.path.basename(path) in _CREDENTIAL_FILES  # noqa: PTH119 - of many paths, in the loop's thread
