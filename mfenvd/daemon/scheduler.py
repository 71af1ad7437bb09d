"""Which job runs when: what is wanted and not settled, the local arch first, projects by turns."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterator, Mapping

import msgspec

from mfenvd.daemon.child import ChildDiedError
from mfenvd.daemon.findings import resolve_cancelled, resolving_failed, worker_died
from mfenvd.daemon.journal import Journal
from mfenvd.daemon.journal_file import Record
from mfenvd.daemon.secrets import basis
from mfenvd.daemon.shares import Observer, Running, Share, stop
from mfenvd.daemon.stages import Stages
from mfenvd.daemon.workers import Pool
from mfenvd.domain.codes import Code
from mfenvd.domain.history import Before
from mfenvd.domain.job import Job
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State

STALE_SECONDS = 86_400.0
"""Indexes get new releases: after a day an outcome is made sure of, in the background."""

SWEEP_SECONDS = 3_600.0
RETRY_SECONDS = (30.0, 60.0, 120.0, 300.0, 600.0)
PROGRESS_SECONDS = 0.2
ATTEMPTS = 2
"""A worker that dies may have been killed for its memory or by hand: its job gets a second one."""

PASSING = frozenset(
    code.value
    for code in (
        Code.INDEX_UNREACHABLE, Code.INDEX_UNREADABLE, Code.CHANNEL_UNREACHABLE, Code.CHANNEL_UNREADABLE,
        Code.INTERNAL_ERROR, Code.WORKER_DIED, Code.TOOL_MISSING, Code.FILES_UNUSABLE,
    )
)  # fmt: skip
"""Causes that may go away by themselves. Refused credentials do not, and asking again may lock an account."""

_log = logging.getLogger(__name__)


class Scheduler:
    """Jobs in, outcomes out. Lives in the loop's thread."""

    def __init__(self, pool: Pool, journal: Journal, *, workers: int, log: str) -> None:
        self._pool = pool
        self._journal = journal
        self._workers = workers
        self._log = log
        self._shares: dict[str, Share] = {}
        self._records: dict[str, Record] = {}
        self.stages = Stages()
        self._turn = 0
        self._closing = False
        self._sweeper: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to look for stale outcomes, now and every hour."""
        self._journal.post_pruning()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    @property
    def queued(self) -> int:
        return sum(len(share.queued) for share in self._shares.values())

    @property
    def running(self) -> int:
        return sum(len(share.running) for share in self._shares.values())

    def attach(self, root: str, observer: Observer) -> None:
        """The project at `root` takes part; it wants nothing yet."""
        self._shares[root] = Share(observer, self._workers)

    def detach(self, root: str) -> None:
        """The project is gone, and its work with it."""
        share = self._shares.pop(root)
        self._unwant(share, tuple(share.wanted))
        self._dispatch()

    def suspend(self, root: str) -> None:
        """The project is out of reach: nothing of it runs until it wants something again; what is known stays."""
        share = self._shares[root]
        for key in list(share.running):
            self._cancel(share, key)
        share.queued.clear()
        for timer in share.retries.values():
            timer.cancel()
        share.retries.clear()
        self._dispatch()

    async def want(self, root: str, jobs: Mapping[str, Job], limit: int | None) -> None:
        """From now on the project wants exactly `jobs`, in that order, at most `limit` at once.

        What is settled is not done again, what is no longer wanted is cancelled, the rest is queued.
        """
        unknown = [key for key in jobs if key not in self._records]
        stored, unfinished = await self._journal.records(unknown), await self._journal.work(root)
        share = self._shares.get(root)
        if share is None:
            return
        share.limit = limit or self._workers
        share.used = time.time()
        self._unwant(share, [key for key in share.wanted if key not in jobs])
        share.wanted = dict(jobs)
        share.basis = next((basis(job.context.surroundings) for job in jobs.values()), "")
        for key, record in stored.items():
            # What was settled while the journal was read is newer.
            self._records.setdefault(key, record)
        self._restart_changed(share)
        due = {key: unfinished.get(key, False) for key in jobs if key in unfinished or self._is_due(share, key)}
        self._enqueue(root, share, due)
        for key in jobs:
            self._plan_retry(root, share, key)
        self._dispatch()

    def again(self, root: str, keys: Collection[str] | None, *, refresh: bool) -> int:
        """Queues wanted jobs (all of them when `keys` is None) whether settled or not; how many there are."""
        share = self._shares[root]
        found = [key for key in share.wanted if keys is None or key in keys]
        for key in found:
            if key in share.running:
                self._cancel(share, key)
        self._enqueue(root, share, dict.fromkeys(found, refresh))
        self._dispatch()
        return len(found)

    def cancel(self, root: str, keys: Collection[str] | None) -> int:
        """Ends wanted jobs (all of them when `keys` is None) that wait or run; how many there were.

        What was known of them stays. What nothing was known of is not tried again by itself until the next start.
        """
        share = self._shares[root]
        found = [key for key in share.wanted if (keys is None or key in keys) and self.is_under_way(root, key)]
        for key in found:
            if key in share.running:
                self._cancel(share, key)
            share.queued.pop(key, None)
            known, job = self._records.get(key), share.wanted[key]
            if known is None or known.outcome.failed:
                outcome = Outcome(findings=(resolve_cancelled(job),), failed=True)
                self._records[key] = Record(outcome, time.time(), basis(job.context.surroundings))
        self._journal.post_dropped(found)
        for key in found:
            share.observer.job_changed(key)
        self._dispatch()
        return len(found)

    def retry_failed(self, root: str, tried: Collection[str] = ()) -> tuple[str, ...]:
        """Queues what failed, as its cause may be gone, but for what was `tried` since; returns the keys."""
        share = self._shares[root]
        due = (key for key in share.wanted if key not in share.running and key not in tried)
        failed = tuple(filter(self._has_failed, due))
        self._enqueue(root, share, dict.fromkeys(failed, False))
        self._dispatch()
        return failed

    def is_busy(self, root: str) -> bool:
        """Whether anything of the project is queued or running."""
        share = self._shares.get(root)
        return share is not None and bool(share.queued or share.running)

    def in_use(self, since: float) -> Iterator[tuple[str, tuple[Job, ...]]]:
        """Each project in which something was looked at since then (seconds since the epoch), and all its work."""
        for root, share in self._shares.items():
            if share.used >= since:
                yield root, tuple(share.wanted.values())

    def is_under_way(self, root: str, key: str) -> bool:
        """Whether the job waits or runs."""
        share = self._shares.get(root)
        return share is not None and (key in share.queued or key in share.running)

    def state(self, root: str, key: str) -> State | None:
        """How far a job is that is under way or out of date; None when its outcome says all."""
        share, record = self._shares[root], self._records.get(key)
        if key in share.running:
            return State.RESOLVING
        is_known = record is not None and not record.outcome.failed
        if key in share.queued:
            return State.STALE if is_known else State.QUEUED
        return State.STALE if record is not None and record.doubts else None

    def record(self, key: str) -> Record | None:
        """What is known of a wanted job."""
        return self._records.get(key)

    def remember(self, rests: Collection[tuple[str, str]]) -> None:
        """These verdicts have the packages of these jobs: `(Verdict.id, Job.key)`."""
        self._journal.post_rests(rests)

    async def previous(self, id_: str) -> Before | None:
        """What the packages of a verdict were before; None when that is not known."""
        return await self._journal.previous(id_)

    async def close(self, drain_seconds: float) -> None:
        """Starts nothing more, waits for what runs as long as that, and cancels the rest, which stays journaled."""
        self._closing = True
        if self._sweeper:
            self._sweeper.cancel()
        tasks = [running.task for share in self._shares.values() for running in share.running.values()]
        if tasks and drain_seconds > 0:
            await asyncio.wait(tasks, timeout=drain_seconds)
        for share in self._shares.values():
            for timer in share.retries.values():
                timer.cancel()
            for running in share.running.values():
                stop(running)
        if tasks:
            await asyncio.wait(tasks)

    def _is_due(self, share: Share, key: str) -> bool:
        record = self._records.get(key)
        if record is None or record.basis != share.basis:
            return True
        return not record.outcome.failed and not record.doubts and time.time() - record.settled > STALE_SECONDS

    def _has_failed(self, key: str) -> bool:
        record = self._records.get(key)
        return record is not None and (record.outcome.failed or bool(record.doubts))

    def _unwant(self, share: Share, keys: Collection[str]) -> None:
        for key in keys:
            if key in share.running:
                self._cancel(share, key)
            share.queued.pop(key, None)
            share.failures.pop(key, None)
            timer = share.retries.pop(key, None)
            if timer:
                timer.cancel()
            self._records.pop(key, None)
            share.wanted.pop(key, None)
        if keys:
            self._journal.post_dropped(keys)

    def _restart_changed(self, share: Share) -> None:
        """A running job whose surroundings are others now (renewed credentials) begins again with them."""
        for key, running in list(share.running.items()):
            now = share.wanted[key].context
            if msgspec.structs.replace(now, refresh=running.job.context.refresh) != running.job.context:
                self._cancel(share, key)
                share.queue({key: running.job.context.refresh})
                share.observer.job_changed(key)

    def _enqueue(self, root: str, share: Share, jobs: Mapping[str, bool]) -> None:
        new = {key: refresh for key, refresh in jobs.items() if key not in share.running and key not in share.queued}
        share.queue({key: refresh for key, refresh in jobs.items() if key not in share.running})
        for key in new:
            timer = share.retries.pop(key, None)
            if timer:
                timer.cancel()
            share.observer.job_changed(key)
            self.stages.note(key, "queued")
        if new:
            self._journal.post_queued(root, new.items())

    def _dispatch(self) -> None:
        capacity = max((share.limit for share in self._shares.values()), default=self._workers)
        while not self._closing and self.running < capacity:
            ready = [(root, share) for root, share in self._shares.items() if share.next() is not None]
            if not ready:
                return
            root, share = min(ready, key=lambda item: (len(item[1].running), item[1].served))
            self._turn += 1
            share.served = self._turn
            self._run(root, share)

    def _run(self, root: str, share: Share) -> None:
        key = share.next()
        if key is None:
            return
        job = share.wanted[key]
        context = msgspec.structs.replace(job.context, refresh=share.queued.pop(key))
        job = msgspec.structs.replace(job, context=context)
        self._journal.post_running(key)
        self.stages.note(key, "started")
        task = asyncio.get_running_loop().create_task(self._settle(root, share, key, job))
        share.running[key] = Running(job, task)
        share.observer.job_changed(key)

    async def _settle(self, root: str, share: Share, key: str, job: Job) -> None:
        outcome = await self._attempt(share, key, job)
        record = self._judge(key, Record(outcome, time.time(), basis(job.context.surroundings)))
        await self._journal.settle(key, None if record.doubts else record)
        running = share.running.pop(key)
        if running.timer:
            running.timer.cancel()
        self._records[key] = record
        self.stages.note(key, str(outcome.state))
        if not _may_pass(record):
            share.failures.pop(key, None)
        self._plan_retry(root, share, key)
        share.observer.job_changed(key)
        self._dispatch()

    async def _attempt(self, share: Share, key: str, job: Job) -> Outcome:
        def report(progress: Progress) -> None:
            self._progressed(share, key, progress)

        reason = ""
        for _ in range(ATTEMPTS):
            try:
                return await self._pool.settle(job, report)
            except ChildDiedError as error:
                reason = str(error)
                _log.warning("the worker for %s on %s died: %s", job.request.id, job.target, reason)
            except Exception as error:  # noqa: BLE001 - becomes the job's finding
                _log.exception("the job %s for %s failed", job.request.id, job.target)
                return Outcome(findings=(resolving_failed(job, error, self._log),), failed=True)
        return Outcome(findings=(worker_died(job, ATTEMPTS, reason, self._log),), failed=True)

    def _judge(self, key: str, new: Record) -> Record:
        """What is known from now on: a failure does not undo an answer that rests on the same, it casts doubt on it."""
        old = self._records.get(key)
        if not new.outcome.failed or old is None or old.outcome.failed or old.basis != new.basis:
            return new
        return msgspec.structs.replace(old, doubts=new.outcome.findings)

    def _plan_retry(self, root: str, share: Share, key: str) -> None:
        record = self._records.get(key)
        if record is None or key in share.queued or key in share.running or key in share.retries:
            return
        if not _may_pass(record):
            return
        count = share.failures.get(key, 0)
        share.failures[key] = count + 1
        pause = RETRY_SECONDS[min(count, len(RETRY_SECONDS) - 1)]
        if not record.doubts:
            pause = max(0.0, min(pause, record.settled + pause - time.time()))
        share.retries[key] = asyncio.get_running_loop().call_later(pause, self._retry, root, share, key)

    def _retry(self, root: str, share: Share, key: str) -> None:
        share.retries.pop(key, None)
        self._enqueue(root, share, {key: False})
        self._dispatch()

    def _sweep(self) -> None:
        for root, share in self._shares.items():
            stale = [key for key in share.wanted if self._is_due(share, key)]
            self._enqueue(root, share, dict.fromkeys(stale, False))
        self._dispatch()
        self.start()

    def _cancel(self, share: Share, key: str) -> None:
        stop(share.running.pop(key))
        self.stages.note(key, "cancelled")

    def _progressed(self, share: Share, key: str, progress: Progress) -> None:
        running = share.running.get(key)
        if running is None:
            return
        running.progress = progress
        self.stages.progressed(key, progress)
        if running.timer is None:
            loop = asyncio.get_running_loop()
            wait = max(0.0, running.last_told + PROGRESS_SECONDS - loop.time())
            running.timer = loop.call_later(wait, self._tell_progress, share, key, running)

    def _tell_progress(self, share: Share, key: str, running: Running) -> None:
        running.timer = None
        running.last_told = asyncio.get_running_loop().time()
        if running.progress is not None:
            share.observer.job_progressed(key, running.progress)


def _may_pass(record: Record) -> bool:
    """Whether the answer may soon be another one: it rests on what did not answer, or there is none for that reason."""
    outcome = record.outcome
    causes = record.doubts or (outcome.findings if outcome.state in {State.FAILED, State.BLOCKED} else ())
    return any(str(finding.code) in PASSING for finding in causes)
