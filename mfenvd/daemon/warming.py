"""Makes what is resolved ready for `run`: which of Metaflow's environments, when, and how far each of them is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from mfenvd.daemon.child import ChildDiedError
from mfenvd.daemon.fetching import FetchingAhead
from mfenvd.daemon.findings import warming_ended, warming_failed
from mfenvd.daemon.scheduler import Scheduler
from mfenvd.daemon.workers import Pool
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.resolution import Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.warming import WarmTask, Warmth
from mfenvd.engine import Needs

AT_ONCE = 2
"""Linking and installing wait for the disk as long as they compute."""

LOOK_SECONDS = 3_600.0
RETRY_SECONDS = (5.0, 15.0, 20.0, 30.0, 60.0, 300.0, 1_800.0)
"""What Metaflow has just made is left alone for a minute, and a run at the same moment for as long as it takes."""

PROGRESS_SECONDS = 0.2

_log = logging.getLogger(__name__)

Carry = Callable[[Bucket, Surroundings], None]
"""Has what waits for a bucket sent there, with the credentials of a project's shell."""


class Observer(Protocol):
    """A project, as the warming knows it."""

    def warmth_changed(self, key: str) -> None:
        """Metaflow's environment `key` is in another state."""

    def warmth_progressed(self, key: str, progress: Progress) -> None:
        """The work on it goes on; told at most five times a second."""


@dataclass(eq=False)
class _Share:
    """One project's part.

    Attributes:
        root: The project's folder.
        observer: The project.
        needs: Its environments, by `Identity.key`.
        context: Of their resolutions.
        by_job: Which of them rest on a job, by `Job.key`.
        foreseen: Those that Metaflow is still being asked about, as they will be in all likelihood, by `Job.key`.
        warmths: What is known of them.
        rests_on: The resolutions that this is known of.
        doubted: Those that may not be as they were made, to be looked at again.
        queued: Waiting ones, the next first; True where the manifest's entry gives way.
        running: Those that are worked on.
        replace: Those whose entry gives way once everything is resolved anew.
        failures: How often in a row each of them came to nothing.
        retries: When they are tried again.
    """

    root: str
    observer: Observer
    context: Context | None = None
    needs: dict[str, Needs] = field(default_factory=dict)
    by_job: dict[str, list[str]] = field(default_factory=dict)
    foreseen: dict[str, list[Needs]] = field(default_factory=dict)
    warmths: dict[str, Warmth] = field(default_factory=dict)
    rests_on: dict[str, tuple[Resolution, ...]] = field(default_factory=dict)
    doubted: set[str] = field(default_factory=set)
    queued: dict[str, bool] = field(default_factory=dict)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    replace: set[str] = field(default_factory=set)
    failures: dict[str, int] = field(default_factory=dict)
    retries: dict[str, asyncio.TimerHandle] = field(default_factory=dict)


class Warming:
    """Lives in the loop's thread. What it knows is not kept: after a start everything is looked at once more."""

    def __init__(self, pool: Pool, scheduler: Scheduler, *, log: str, carry: Carry) -> None:
        self._pool = pool
        self._scheduler = scheduler
        self._log = log
        self._carry = carry
        self._timer: asyncio.TimerHandle | None = None
        self._shares: dict[str, _Share] = {}
        self._closing = False
        self._fetching = FetchingAhead(pool)
        self._looked = 0.0

    def start(self) -> None:
        """Begins to look at everything again every hour: environments can go without a trace in the files watched."""
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def attach(self, root: str, observer: Observer) -> None:
        """The project takes part; it has no environments yet."""
        self._shares[root] = _Share(root, observer)

    def detach(self, root: str) -> None:
        """The project is gone, and the work on it with it; what is ready stays."""
        share = self._shares.pop(root)
        _forget(share, tuple(share.needs))

    def want(self, root: str, needs: Mapping[str, Needs], context: Context, foreseen: Collection[Needs] = ()) -> None:
        """From now on the project has these environments, and soon those that are `foreseen`."""
        share = self._shares.get(root)
        if share is None:
            return
        _forget(share, [key for key in share.needs if key not in needs])
        changed = share.context is not None and share.context != context
        share.needs, share.context = dict(needs), context
        share.by_job, share.foreseen = {}, {}
        for key, one in needs.items():
            for job in one.jobs:
                share.by_job.setdefault(job, []).append(key)
        for one in foreseen:
            for job in one.jobs:
                share.foreseen.setdefault(job, []).append(one)
        self._fetching.keep({job for each in self._shares.values() for job in (*each.by_job, *each.foreseen)})
        for key in needs:
            if changed:
                share.rests_on.pop(key, None)
            self._consider(share, key)
        self._dispatch()

    def job_changed(self, root: str, job: str) -> None:
        """The outcome of a job may be another one."""
        share = self._shares.get(root)
        if share is None:
            return
        for key in share.by_job.get(job, ()):
            self._consider(share, key)
        for needs in share.foreseen.get(job, ()):
            self._fetch_ahead(share, needs)
        self._dispatch()

    def files_changed(self, root: str, paths: Collection[str]) -> None:
        """What was made ready may not be so any more: what rests on `paths`, everything when there are none."""
        share = self._shares[root]
        for key, warmth in share.warmths.items():
            if not paths or not set(paths).isdisjoint(warmth.watched):
                share.doubted.add(key)
                self._consider(share, key)
        self._dispatch()

    def expect(self) -> None:
        """Something will be made ready in a moment: what does so gets ready itself."""
        self._pool.prepare()

    def sent(self, url: str) -> None:
        """The bucket at `url` has more than before: what waits for it is looked at again."""
        for share in self._shares.values():
            for key, warmth in share.warmths.items():
                if warmth.awaits is not None and warmth.awaits.url == url:
                    share.doubted.add(key)
                    self._consider(share, key)
        self._dispatch()

    def replace(self, root: str, jobs: Collection[str] | None) -> None:
        """What rests on `jobs` (on any job when None) takes its manifest's entry's place, once it is resolved anew."""
        share = self._shares[root]
        share.replace |= {
            key for key, needs in share.needs.items() if jobs is None or not set(jobs).isdisjoint(needs.jobs)
        }
        for key in share.replace:
            share.rests_on.pop(key, None)

    def warmth(self, root: str, key: str) -> Warmth | None:
        """What is known of an environment; None before it was looked at, with what is resolved now."""
        share = self._shares.get(root)
        if share is None or key not in share.rests_on or share.rests_on[key] != self._resting(share, key):
            return None
        return share.warmths.get(key)

    def watched(self, root: str) -> frozenset[str]:
        """The files whose change may undo what is ready."""
        return frozenset(path for warmth in self._shares[root].warmths.values() for path in warmth.watched)

    def contexts(self) -> dict[str, Context]:
        """Of the projects that have environments, by root."""
        return {
            root: share.context for root, share in self._shares.items() if share.context is not None and share.needs
        }

    def ready(self, root: str) -> frozenset[str]:
        """Metaflow's ids of the project's environments that are ready."""
        share = self._shares[root]
        return frozenset(
            share.needs[key].identity.id for key, warmth in share.warmths.items() if warmth.state is State.WARM
        )

    @property
    def has_looked(self) -> bool:
        """Whether everything was looked at of late: what is still wanted is known to be.

        It is not while the daemon is young, or the machine has just woken up.
        """
        return time.time() - self._looked < 2 * LOOK_SECONDS

    @property
    def is_fetching(self) -> bool:
        """Whether anything is being fetched that no environment waits for yet."""
        return self._fetching.is_busy

    def is_busy(self, root: str) -> bool:
        """Whether any environment of the project waits or is worked on."""
        share = self._shares.get(root)
        return share is not None and bool(share.queued or share.running)

    async def close(self) -> None:
        """Ends what runs: it is begun again by the next daemon."""
        self._closing = True
        if self._timer:
            self._timer.cancel()
        tasks = [task for share in self._shares.values() for task in share.running.values()]
        for share in self._shares.values():
            _forget(share, tuple(share.needs))
        await self._fetching.close()
        if tasks:
            await asyncio.wait(tasks)

    def _consider(self, share: _Share, key: str) -> None:
        """Queues the environment if what it rests on is known, and is something else than before."""
        resting = self._resting(share, key)
        if resting is None and key not in share.warmths:
            self._fetch_ahead(share, share.needs[key])
        if resting is None or (share.rests_on.get(key) == resting and key not in share.doubted):
            return
        if key in share.running:
            # Begun with what is out of date: it is looked at again when it is done.
            return
        share.queued[key] = key in share.replace
        timer = share.retries.pop(key, None)
        if timer:
            timer.cancel()

    def _fetch_ahead(self, share: _Share, needs: Needs) -> None:
        """Fetches what is resolved of an environment."""
        for job in needs.jobs:
            outcome = None if self._scheduler.is_under_way(share.root, job) else self._outcome(job)
            if outcome is None or share.context is None:
                continue
            part = needs.part({job: outcome}, share.context)
            if part is not None:
                self._fetching.begin(job, part)

    def _resting(self, share: _Share, key: str) -> tuple[Resolution, ...] | None:
        """The resolutions; None while not everything is resolved, or something is resolved anew."""
        found = []
        for job in share.needs[key].jobs:
            outcome = None if self._scheduler.is_under_way(share.root, job) else self._outcome(job)
            if outcome is None or outcome.resolution is None or outcome.state is not State.RESOLVED:
                return None
            found.append(outcome.resolution)
        return tuple(found)

    def _outcome(self, job: str) -> Outcome | None:
        record = self._scheduler.record(job)
        return record.outcome if record else None

    def _look(self) -> None:
        self.start()
        self._looked = time.time()
        for root in self._shares:
            self.files_changed(root, ())

    def _dispatch(self) -> None:
        running = sum(len(share.running) for share in self._shares.values())
        while not self._closing and running < AT_ONCE:
            waiting = [share for share in self._shares.values() if share.queued]
            if not waiting:
                return
            share = min(waiting, key=lambda share: len(share.running))
            key = next(iter(share.queued))
            task = asyncio.get_running_loop().create_task(self._warm(share, key, replace=share.queued.pop(key)))
            share.running[key] = task
            running += 1

    async def _warm(self, share: _Share, key: str, *, replace: bool) -> None:
        share.doubted.discard(key)
        needs, resting = share.needs[key], self._resting(share, key)
        outcomes = {job: outcome for job in needs.jobs if (outcome := self._outcome(job)) is not None}
        work = needs.task(outcomes, share.context) if share.context is not None else None
        if self._fetching.is_under_way(needs.jobs):
            # What is being fetched is needed, and its worker has all that is needed in memory: the rest meanwhile.
            self._fetch_ahead(share, needs)
            await self._fetching.done(needs.jobs)
        if work is not None and resting is not None:
            warmth = await self._attempt(share, key, msgspec.structs.replace(work, replace=replace))
            share.rests_on[key] = resting
            self._scheduler.stages.note(key, str(warmth.state))
            self._take(share, key, warmth)
            if replace:
                share.replace.discard(key)
        share.running.pop(key, None)
        self._consider(share, key)
        share.observer.warmth_changed(key)
        self._dispatch()

    async def _attempt(self, share: _Share, key: str, work: WarmTask) -> Warmth:
        told = 0.0

        def report(progress: Progress) -> None:
            nonlocal told
            self._scheduler.stages.progressed(key, progress)
            now = time.monotonic()
            if now - told >= PROGRESS_SECONDS:
                told = now
                share.observer.warmth_progressed(key, progress)

        try:
            return await self._pool.warm(work, report)
        except ChildDiedError as error:
            _log.warning("the worker that made %s ready died: %s", work.identity.id, error)
            finding = warming_ended(work.identity, str(error), self._log)
        except Exception as error:  # noqa: BLE001 - becomes the environment's finding
            _log.exception("making %s ready failed", work.identity.id)
            finding = warming_failed(work.identity, error, self._log)
        return Warmth(State.RESOLVED, (finding,), passing=True)

    def _take(self, share: _Share, key: str, warmth: Warmth) -> None:
        share.warmths[key] = warmth
        if warmth.awaits is not None and share.context is not None:
            self._carry(warmth.awaits, share.context.surroundings)
        if not warmth.passing:
            share.failures.pop(key, None)
            return
        count = share.failures.get(key, 0)
        share.failures[key] = count + 1
        pause = RETRY_SECONDS[min(count, len(RETRY_SECONDS) - 1)]
        share.retries[key] = asyncio.get_running_loop().call_later(pause, self._retry, share, key)

    def _retry(self, share: _Share, key: str) -> None:
        share.retries.pop(key, None)
        share.doubted.add(key)
        self._consider(share, key)
        self._dispatch()


def _forget(share: _Share, keys: Collection[str]) -> None:
    """Ends the work on environments that the project has no more."""
    for key in keys:
        task = share.running.pop(key, None)
        if task:
            task.cancel()
        timer = share.retries.pop(key, None)
        if timer:
            timer.cancel()
        for known in (share.needs, share.warmths, share.rests_on, share.queued, share.failures):
            known.pop(key, None)
        share.replace.discard(key)
        share.doubted.discard(key)
