"""Reads and resolves without a daemon: for CI, and for a look before anything is watched."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from mfenvd import engine
from mfenvd.cli.errors import CacheUnusableError, record_crash
from mfenvd.cli.options import root_of
from mfenvd.cli.progress import Board, resolving
from mfenvd.cli.shell import shell_for
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.job import Job
from mfenvd.domain.plan import Plan
from mfenvd.domain.redact import redact
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from mfenvd.paths import Paths

_HELLO_TIMEOUT = 1.0
"""Seconds to wait for a daemon that only tells which projects are trusted."""

_AT_ONCE = 4
"""Jobs, however few cores there are: what is not known yet is mostly waited for."""

_GRACE = 3.0
"""Seconds that running resolves have to end after Ctrl-C."""


@dataclass(frozen=True)
class Checked:
    """What a one-shot check found: verdicts in the order of the plans, findings that belong to none of them."""

    plans: tuple[Plan, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for plan in self.plans for finding in plan.beside_verdicts)


def read(paths: Sequence[Path], shell: Surroundings, folders: Paths) -> tuple[Plan, ...]:
    """What is understood of `paths` (absolute), one plan per project.

    Raises:
        HomeFolderError: A project would be all that the user has.
    """
    from mfenvd.flows.project import read_paths

    for path in paths:
        root_of(path)
    return read_paths(paths, shell, folders)


def check(
    paths: Sequence[Path], folders: Paths, board: Board, *, trust: bool = False, refresh: bool = False
) -> Checked:
    """Reads `paths` and resolves every environment for every target.

    Args:
        paths: Absolute flow files and folders.
        folders: Where the caches are.
        board: Shows the progress; entered already.
        trust: Whether code of the projects may run; a project that the daemon knows as trusted always is.
        refresh: Ask the indexes again even where a fresh answer is cached.
    """
    shell = shell_for(paths, folders)
    plans = read(paths, shell, folders)
    trusted = trusted_roots(folders)
    pairs = [
        (plan, context_for(plan.root, shell, folders, trusted=trust or plan.root in trusted, refresh=refresh))
        for plan in plans
    ]
    return settle(pairs, real_engine(), board)


def real_engine() -> engine.Engine:
    """With every resolver that there is."""
    from mfenvd.team_resolving import resolvers

    return engine.Engine(resolvers(recalls=True))


def context_for(root: str, shell: Surroundings, folders: Paths, *, trusted: bool, refresh: bool = False) -> Context:
    """What resolvers may use for the project at `root`."""
    from mfenvd.flows.host import this_host

    arch = this_host().arch
    return Context(
        cache_dir=folders.cache,
        surroundings=shell,
        root=root,
        local_arch=arch.value if arch else "",
        trusted=trusted,
        refresh=refresh,
    )


def settle(pairs: Sequence[tuple[Plan, Context]], using: engine.Engine, board: Board) -> Checked:
    """Resolves every job of the plans, several at once; each job of several plans once.

    Raises:
        CacheUnusableError: Nothing can be written where resolvers keep what they fetched.
    """
    waiting: dict[tuple[str, str | None, Target], list[Verdict]] = {}
    for plan, context in pairs:
        for verdict in engine.verdicts(plan, context, {}):
            waiting.setdefault((context.root, verdict.request, verdict.target), []).append(verdict)
            board.show(verdict)
    jobs = {job.key: job for plan, context in pairs for job in engine.jobs(plan, context)}
    reporters = {
        key: _Reporter(board, waiting[job.context.root, job.request.key, job.target]) for key, job in jobs.items()
    }
    for cache_dir in {job.context.cache_dir for job in jobs.values()}:
        _make_sure_of(Path(cache_dir))
    outcomes = _run(jobs, using, reporters)
    verdicts = (verdict for plan, context in pairs for verdict in engine.verdicts(plan, context, outcomes))
    return Checked(tuple(plan for plan, _ in pairs), tuple(verdicts))


def _make_sure_of(cache: Path) -> None:
    """Says so now where nothing can be written, as in a container whose user has no home, and not once per job."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=cache):
            pass
    except OSError as error:
        raise CacheUnusableError(cache, error) from error


class _Reporter:
    """Passes a job's progress on to the board, for every verdict that waits for that job."""

    def __init__(self, board: Board, verdicts: Sequence[Verdict]) -> None:
        self._board = board
        self._verdicts = verdicts

    def progress(self, step: Progress | None) -> None:
        for verdict in self._verdicts:
            self._board.show(resolving(verdict), step)

    def finished(self, outcome: Outcome) -> None:
        for verdict in self._verdicts:
            found = (*verdict.findings, *outcome.findings)
            self._board.show(msgspec.structs.replace(verdict, state=outcome.state, findings=found))


def _run(jobs: Mapping[str, Job], using: engine.Engine, reporters: Mapping[str, _Reporter]) -> dict[str, Outcome]:
    """Outcomes by `Job.key`. Threads are enough: the solvers are processes of their own."""
    outcomes: dict[str, Outcome] = {}
    pool = ThreadPoolExecutor(max_workers=max(os.cpu_count() or 1, _AT_ONCE), thread_name_prefix="resolve")
    futures = {pool.submit(_settle_one, job, using, reporters[key]): key for key, job in jobs.items()}
    pending = set(futures)
    try:
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            outcomes.update((futures[future], future.result()) for future in done)
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        _end_solvers()
        # Who waits for one has nothing to wait for any more; a download may not end.
        wait(pending, timeout=_GRACE)
        raise
    pool.shutdown()
    return outcomes


def _end_solvers() -> None:
    """Ends what a terminal interrupts along with this process, and whoever else interrupts it, as CI does, does not."""
    if sys.platform == "win32":
        return
    import psutil

    group = os.getpgrp()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(child.pid) == group:
                child.terminate()


def _settle_one(job: Job, using: engine.Engine, reporter: _Reporter) -> Outcome:
    reporter.progress(None)
    try:
        outcome = using.settle(job, reporter.progress)
    except Exception as error:  # noqa: BLE001 - one environment that fails must not take the others along
        outcome = Outcome(findings=(_internal_error(job, error),), failed=True)
    reporter.finished(outcome)
    return outcome


def _internal_error(job: Job, error: Exception) -> Finding:
    file = record_crash(error)
    words = redact(f"{type(error).__name__}: {error}")
    return Finding(
        code=Code.INTERNAL_ERROR,
        severity=Severity.ERROR,
        message=f"mfenv failed to resolve for {job.target}: {words}",
        fix=f"This is a bug in mfenv; please report it with {file}." if file else None,
    )


def trusted_roots(folders: Paths) -> frozenset[str]:
    """The projects that a running daemon was told to trust; none when there is no daemon."""
    # What asks a daemon takes a while to load, and `mfenv resolve` asks none.
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import ClientError

    try:
        status = Connection(folders.socket, timeout=_HELLO_TIMEOUT).status()
    except ClientError:
        return frozenset()
    return frozenset(project.root for project in status.projects if project.trusted)
