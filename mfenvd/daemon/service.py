"""The daemon itself: boot, registered projects, orderly end. The API is a thin layer over this."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import sys
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mfenvd.daemon.child import ChildDiedError
from mfenvd.daemon.events import Events
from mfenvd.daemon.findings import watch_limit
from mfenvd.daemon.frames import LookUp
from mfenvd.daemon.journal import Journal
from mfenvd.daemon.logs import RedactingFormatter
from mfenvd.daemon.memory import installed, resident
from mfenvd.daemon.mirroring import Mirroring
from mfenvd.daemon.projects import Project, Services
from mfenvd.daemon.readers import READER, Readers
from mfenvd.daemon.scheduler import Scheduler
from mfenvd.daemon.secrets import secret_values
from mfenvd.daemon.tidying import Tidying
from mfenvd.daemon.upkeep import Upkeep
from mfenvd.daemon.version import VERSION
from mfenvd.daemon.warming import Warming
from mfenvd.daemon.watch import Change, Limited, Watch
from mfenvd.daemon.workers import RESOLVERS, WARMER, Pool
from mfenvd.domain.availability import Availability
from mfenvd.domain.event import (
    DaemonChanged,
    DaemonInfo,
    Hello,
    MirrorChanged,
    ProjectInfo,
    Snapshot,
    Status,
    Stopping,
)
from mfenvd.domain.finding import Finding
from mfenvd.domain.history import History
from mfenvd.domain.markers import host_arch
from mfenvd.domain.mirror import MirrorStatus
from mfenvd.domain.surroundings import Surroundings
from mfenvd.paths import Paths

DRAIN_SECONDS = 5.0

_MEMORY_PER_WORKER = 2 * 2**30
"""Bytes of the machine's memory for each worker: one that solves with conda's channels takes up to a fifth of it."""

_ASKING_THREADS = 2
"""Each waits for one process of a project's Python."""

_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """A call that cannot be done, and what to do about it."""

    def __init__(self, message: str, fix: str | None = None, *, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.status = status


@dataclass(frozen=True)
class Options:
    """What differs between the real daemon and one in a test.

    Attributes:
        reader: `module:class` of what reads a project, in the process that reads.
        resolvers: `module:function` that makes the resolvers, in each worker.
        warmer: The same for what makes environments ready; None makes none ready.
    """

    reader: str = READER
    resolvers: str = RESOLVERS
    warmer: str | None = WARMER


class Service:
    """Everything that lives as long as the daemon does."""

    def __init__(self, paths: Paths, options: Options, formatter: RedactingFormatter) -> None:
        self._paths = paths
        self._formatter = formatter
        self._started = time.time()
        self._loop = asyncio.get_running_loop()
        self._projects: dict[str, Project] = {}
        self._mirror_findings: tuple[Finding, ...] = ()
        self._trusted: set[str] = set()
        self._stopping = asyncio.Event()
        self._last_stop: asyncio.Event = asyncio.Event()
        log = paths.log_file
        self.events = Events()
        self._journal = Journal(Path(paths.state) / "journal.sqlite", self._tell_soon)
        self._pool = Pool(folder=Path(paths.state), log=log, resolvers=options.resolvers, warmer=options.warmer)
        self._scheduler = Scheduler(self._pool, self._journal, workers=_default_workers(), log=str(log))
        self._upkeep = Upkeep(self._pool, self._scheduler)
        self._mirroring = Mirroring(
            folder=Path(paths.state), cache_dir=paths.cache, told=self._tell_mirror, sent=self._on_sent
        )
        self._warming = Warming(self._pool, self._scheduler, log=str(log), carry=self._mirroring.want)
        self._tidying = Tidying(self._pool, self._scheduler, self._warming)
        self._askers = ThreadPoolExecutor(_ASKING_THREADS, "asker")
        self._readers = Readers(paths, reader=options.reader)
        self._watch = Watch(self._on_watch)
        self._services = Services(
            paths=paths,
            local_arch=str(host_arch(platform.system(), platform.machine()) or ""),
            events=self.events,
            scheduler=self._scheduler,
            watch=self._watch,
            readers=self._readers,
            askers=self._askers,
            warming=self._warming,
        )

    async def boot(self) -> None:
        """Takes up where the last daemon ended, however it ended.

        Raises:
            JournalInUseError, OSError, sqlite3.Error: The journal cannot be opened.
        """
        await self._journal.open()
        self._trusted = await self._journal.trusted()
        for stored in await self._journal.projects():
            project = Project(
                stored.root, stored.surroundings, self._services,
                trusted=stored.root in self._trusted, withheld=stored.withheld,
            )  # fmt: skip
            self._projects[stored.root] = project
        self._scheduler.start()
        self._upkeep.start()
        self._mirroring.start()
        self._warming.start()
        self._tidying.start()

    def begin(self) -> None:
        """Begins to work on what `boot` found; the daemon answers already."""
        for project in self._projects.values():
            project.start()

    def hello(self) -> Hello:
        return Hello(version=VERSION, pid=os.getpid())

    def status(self, root: str | None = None) -> Status:
        """Everything at this moment; with `root`, only that project's verdicts."""
        shown = [p for p in self._projects.values() if root is None or p.root == _resolved(root)]
        return Status(
            daemon=self.info(),
            projects=tuple(project.info for project in self._projects.values()),
            verdicts=tuple(verdict for project in shown for verdict in project.verdicts),
            mirror=self._mirroring.status,
            seq=self.events.seq,
        )

    def snapshot(self) -> Snapshot:
        return Snapshot(self.events.seq, self.status())

    def is_life(self, boot: str) -> bool:
        """Whether `boot`, which is `DaemonInfo.started` in decimal, names this life of the daemon."""
        try:
            return float(boot) == self._started
        except ValueError:
            return False

    def register(self, root: str, surroundings: Surroundings) -> ProjectInfo:
        """Watches the folder `root`, or renews what is known of its shell.

        Raises:
            RefusedError: It is no absolute path of a folder.
        """
        self._accept()
        folder = _folder(root)
        self._formatter.hide(secret_values(surroundings))
        self._journal.post_project(folder, surroundings)
        # Somebody begins to work on it.
        self._pool.prepare()
        project = self._projects.get(folder)
        if project is None:
            project = Project(folder, surroundings, self._services, trusted=folder in self._trusted)
            self._projects[folder] = project
            project.start()
            _log.info("registered %s", folder)
        else:
            project.renew(surroundings)
            _log.info("renewed %s", folder)
        return project.info

    async def recorded(self) -> None:
        """Returns when nothing that was asked for until now is undone by a kill."""
        await self._journal.written()

    async def unregister(self, root: str) -> None:
        """Forgets the project.

        Raises:
            RefusedError: There is none.
        """
        self._accept()
        project = self._project(root)
        del self._projects[project.root]
        self._journal.post_removal(project.root)
        await project.remove()
        self._readers.forget(project.root)
        _log.info("unregistered %s", project.root)

    def trust(self, root: str, *, trusted: bool) -> ProjectInfo:
        """Whether code of the project may run; remembered for folders that are not registered, too.

        Raises:
            RefusedError: It is no absolute path.
        """
        self._accept()
        folder = _resolved(root)
        if trusted:
            self._trusted.add(folder)
        else:
            self._trusted.discard(folder)
        self._journal.post_trust(folder, trusted=trusted)
        _log.info("%s is %s", folder, "trusted" if trusted else "not trusted any more")
        project = self._projects.get(folder)
        if project is None:
            return ProjectInfo(folder, trusted, folder, present=Path(folder).is_dir())
        project.set_trust(trusted=trusted)
        return project.info

    def resolve(self, root: str, ids: Collection[str] | None, *, refresh: bool, replace: bool = False) -> int:
        """Resolves verdicts anew, all of the project when `ids` is None; how many jobs that is.

        Args:
            root: Of the project.
            ids: Of the verdicts.
            refresh: Ask the indexes again.
            replace: What Metaflow's manifests hold gives way to what is found.

        Raises:
            RefusedError: There is no such project.
        """
        self._accept()
        return self._project(root).resolve_again(ids, refresh=refresh, replace=replace)

    def cancel(self, root: str, ids: Collection[str] | None) -> int:
        """Ends the resolves behind verdicts, all of the project's when `ids` is None; how many waited or ran.

        Raises:
            RefusedError: There is no such project.
        """
        self._accept()
        return self._project(root).cancel(ids)

    async def wheels(self, package: str, root: str, limit: int | None, *, conda: bool = False) -> Availability:
        """Which archs and Pythons the indexes of a project have wheels of `package` for; asked in a worker.

        With `conda` the conda channels that the project's shell is configured to.

        Raises:
            RefusedError: It is no package, no index has it or answers, or there is no such project.
        """
        self._accept()
        project = self._project(root)
        order = LookUp(package, project.surroundings, project.root, self._paths.cache, limit, conda)
        try:
            found = await self._pool.look_up(order)
        except ChildDiedError as error:
            raise RefusedError(f"The look-up ended early: {error}.", "Try again.", status=503) from error
        if found.availability is None:
            raise RefusedError(found.refusal, found.fix, status=404)
        return found.availability

    async def history(self, id_: str) -> History:
        """What is known of a verdict besides itself.

        Raises:
            RefusedError: There is no such verdict.
        """
        for project in list(self._projects.values()):
            found = await project.history(id_)
            if found is not None:
                return found
        raise RefusedError(f"There is no verdict {id_!r}.", "Ask for the status: the step may be gone.", status=404)

    def mirror(self) -> MirrorStatus:
        """How the mirror fares."""
        return self._mirroring.status

    def steer_mirror(self, *, paused: bool) -> MirrorStatus:
        """Pauses the mirror, or has it go on, and try at once what failed."""
        self._accept()
        return self._mirroring.steer(paused=paused)

    def stop(self, reason: str, *, drain: bool = True) -> None:
        """Begins to end; called again, waits for nothing any more."""
        if self._stopping.is_set() or not drain:
            self._last_stop.set()
        if not self._stopping.is_set():
            _log.info("stopping: %s", reason)
            self.events.publish(Stopping(0, reason))
            self._stopping.set()

    async def stopped(self) -> None:
        """Returns when somebody asked to stop."""
        await self._stopping.wait()

    async def close(self) -> None:
        """Ends everything; running jobs get a few seconds, then they wait in the journal for the next daemon."""
        for project in self._projects.values():
            await project.stop()
        await self._tidying.close()
        await self._upkeep.close()
        await self._warming.close()
        await self._mirroring.close()
        closing = asyncio.create_task(self._scheduler.close(DRAIN_SECONDS))
        forced = asyncio.create_task(self._last_stop.wait())
        await asyncio.wait((closing, forced), return_when=asyncio.FIRST_COMPLETED)
        if not closing.done():
            await self._scheduler.close(0)
        await closing
        forced.cancel()
        await self._pool.close()
        await self._watch.close()
        self.events.close()
        await self._readers.close()
        self._askers.shutdown(wait=False, cancel_futures=True)
        await self._journal.close()
        _log.info("stopped")

    def info(self) -> DaemonInfo:
        """The process at this moment."""
        return DaemonInfo(
            pid=os.getpid(),
            version=VERSION,
            socket=str(self._paths.socket),
            uptime=time.time() - self._started,
            started=self._started,
            memory=resident(os.getpid()),
            workers=len(self._pool),
            queued=self._scheduler.queued,
            running=self._scheduler.running,
            log=str(self._paths.log_file),
            state_dir=self._paths.state,
            cache_dir=self._paths.cache,
            findings=(*self._journal.findings, *self._mirroring.findings),
        )

    def _tell_soon(self) -> None:
        # From the journal's thread; the loop is closed when the daemon ends in the middle of this.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(lambda: self.events.publish(DaemonChanged(0, self.info())))

    def _on_sent(self, url: str) -> None:
        self._warming.sent(url)

    def _tell_mirror(self) -> None:
        self.events.publish(MirrorChanged(0, self._mirroring.status))
        findings = self._mirroring.findings
        if findings != self._mirror_findings:
            self._mirror_findings = findings
            self.events.publish(DaemonChanged(0, self.info()))

    def _accept(self) -> None:
        if self._stopping.is_set():
            raise RefusedError("mfenvd is stopping.", "Try again in a moment.", status=503)

    def _project(self, root: str) -> Project:
        project = self._projects.get(_resolved(root))
        if project is None:
            raise RefusedError(f"{root} is not watched.", f"Run `mfenv up` in {root}.", status=404)
        return project

    def _on_watch(self, news: Change | Limited) -> None:
        project = self._projects.get(news.root)
        if project is None or self._stopping.is_set():
            return
        if isinstance(news, Change):
            project.changed(news)
        else:
            project.limited(watch_limit(news.root, news.folders, news.reason))


def _default_workers() -> int:
    """One less than the cores that we may use, so that the user's own work goes on, which workers give way to anyway.

    Two even on two cores: a solver waits for indexes and for files as long as it computes. No more than the memory
    is good for.
    """
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(2, min(usable - 1, installed() // _MEMORY_PER_WORKER))


def _resolved(root: str) -> str:
    if not Path(root).is_absolute():
        raise RefusedError(f"{root!r} is not an absolute path.")
    return os.path.realpath(root)


def _folder(root: str) -> str:
    folder = _resolved(root)
    if not Path(folder).is_dir():
        message = f"{root} is not a folder." if Path(folder).exists() else f"{root} does not exist."
        raise RefusedError(message, "Name the folder that holds the flows.", status=404)
    return folder
