"""The worker processes: started when there is work, ended when there has been none for a while."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mfenvd.daemon.child import Child, ChildDiedError
from mfenvd.daemon.frames import (
    REPLIES,
    Done,
    Fetch,
    Fetched,
    Found,
    LookUp,
    Refresh,
    Refreshed,
    Reply,
    Reported,
    Settle,
    Tidy,
    Warm,
    Warmed,
)
from mfenvd.daemon.memory import resident
from mfenvd.domain.arch import Arch
from mfenvd.domain.job import Job
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.warming import WarmTask, Warmth

IDLE_SECONDS = 30.0
"""How long a worker without work is kept: a burst of saves finds it warm, an idle machine gets its memory back."""

LAST_IDLE_SECONDS = 180.0
"""The same for the last worker that has done work of some kind: somebody who edits a flow saves every few minutes."""

LARGEST_IDLE = 768 * 2**20
"""Bytes: a larger worker is not kept at all."""

BEHIND_ALL = 19
"""The niceness of what nobody waits for."""

RESOLVERS = "mfenvd.team_resolving:resolvers"
WARMER = "mfenvd.warmers:metaflow_warmer"

_log = logging.getLogger("mfenvd.worker")

T = TypeVar("T")

Skill = tuple[Kind, Arch]
"""What a worker has done before, and therefore holds in memory: what channels offer for one arch, for example."""


@dataclass(eq=False)
class _Worker:
    """A worker process and what it has done."""

    child: Child
    skills: set[Skill] = field(default_factory=set)

    @property
    def kinds(self) -> set[Kind]:
        return {kind for kind, _ in self.skills}

    async def settle(self, job: Job, report: Callable[[Progress], None]) -> Outcome:
        self.skills.add((job.request.kind, job.target.arch))
        await self.child.send(Settle(job))
        while not isinstance(reply := await self.child.receive(REPLIES), Done):
            if isinstance(reply, Reported):
                report(reply.progress)
        return reply.outcome

    async def fetch(self, task: WarmTask) -> None:
        self.skills.add(_linking(task))
        await self.child.send(Fetch(task))
        reply: Reply | None = None
        while not isinstance(reply, Fetched):
            reply = await self.child.receive(REPLIES)

    async def warm(self, task: WarmTask, report: Callable[[Progress], None]) -> Warmth:
        self.skills.add(_linking(task))
        await self.child.send(Warm(task))
        while not isinstance(reply := await self.child.receive(REPLIES), Warmed):
            if isinstance(reply, Reported):
                report(reply.progress)
        return reply.warmth

    async def look_up(self, order: LookUp) -> Found:
        await self.child.send(order)
        while not isinstance(reply := await self.child.receive(REPLIES), Found):
            pass
        return reply

    @property
    def is_large(self) -> bool:
        try:
            return resident(self.child.pid) > LARGEST_IDLE
        except OSError:
            # It has just ended.
            return True


def _linking(task: WarmTask) -> Skill:
    """What links conda packages is in the memory of those that solve for this machine."""
    return Kind.CONDA, Arch(task.context.local_arch)


class Pool:
    """Workers, as many as are used at once. How many that may be is the scheduler's business."""

    def __init__(  # noqa: PLR0913 - what differs between the real daemon's and one in a test
        self,
        *,
        folder: Path,
        log: Path,
        resolvers: str = RESOLVERS,
        warmer: str | None = None,
        idle_seconds: float = IDLE_SECONDS,
        last_idle_seconds: float = LAST_IDLE_SECONDS,
    ) -> None:
        self._folder = folder
        self._command = (
            sys.executable, "-m", "mfenvd.daemon.worker", "--resolvers", resolvers, "--log", str(log),
            *(("--warmer", warmer) if warmer else ()),
        )  # fmt: skip
        self._idle_seconds = idle_seconds
        self._last_idle_seconds = last_idle_seconds
        # The one that was used last comes last.
        self._idle: dict[_Worker, asyncio.TimerHandle] = {}
        self._busy: set[_Worker] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._early: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many processes there are."""
        return len(self._idle) + len(self._busy)

    async def settle(self, job: Job, report: Callable[[Progress], None]) -> Outcome:
        """A worker's answer to `job`. When cancelled, the worker is killed with everything that it started.

        Raises:
            ChildDiedError: It ended before it had answered, or could not be started.
        """
        return await self._done((job.request.kind, job.target.arch), lambda worker: worker.settle(job, report))

    async def warm(self, task: WarmTask, report: Callable[[Progress], None]) -> Warmth:
        """A worker's answer to `task`; cancelled and failing as `settle`."""
        return await self._done(_linking(task), lambda worker: worker.warm(task, report))

    async def fetch(self, task: WarmTask) -> None:
        """Has a worker fetch what `task` has so far; cancelled and failing as `settle`."""
        await self._done(_linking(task), lambda worker: worker.fetch(task))

    async def look_up(self, order: LookUp) -> Found:
        """A worker's answer to `order`; cancelled and failing as `settle`."""
        return await self._done((Kind.PYPI, Arch.LINUX_64), lambda worker: worker.look_up(order))

    def prepare(self) -> None:
        """Has an idle worker, with what it will need loaded: there will be work for one in a moment."""
        if not self._idle and (self._early is None or self._early.done()):
            self._early = asyncio.get_running_loop().create_task(self._prepare())

    async def refresh(self, order: Refresh) -> float | None:
        """Has `order` done by a process of its own that gives way to everything else; what `Refreshed` says.

        Raises:
            ChildDiedError: As for `settle`.
        """
        reply = await self._aside(order)
        return reply.seconds if isinstance(reply, Refreshed) else None

    async def tidy(self, context: Context, *, removes: bool) -> None:
        """Has a process of its own do what nobody waits for; fails as `refresh`."""
        await self._aside(Tidy(context, removes))

    async def _aside(self, order: Refresh | Tidy) -> Reply:
        """The answer of a process of its own that gives way to everything else."""
        worker = await self._start("--niceness", str(BEHIND_ALL))
        self._busy.add(worker)
        try:
            await worker.child.send(order)
            return await worker.child.receive(REPLIES)
        except BaseException:
            worker.child.kill()
            raise
        finally:
            self._busy.discard(worker)
            worker.child.dismiss()
            self._see_off(worker)

    async def close(self) -> None:
        """Ends all of them; returns when they are gone."""
        if self._early is not None:
            await self._early
        for worker in list(self._idle):
            self._dismiss(worker)
        for worker in list(self._busy):
            worker.child.kill()
        while self._ending:
            # Not `gather`: where all have ended it lets no callback run, and none is taken out of the set.
            await asyncio.wait(self._ending)

    async def _prepare(self) -> None:
        with contextlib.suppress(ChildDiedError):
            self._rest(await self._start("--early"))

    async def _done(self, skill: Skill, work: Callable[[_Worker], Awaitable[T]]) -> T:
        """What the worker answers that is best for `work`. When this is cancelled, or fails, it is killed."""
        worker = self._take(skill) or await self._start()
        self._busy.add(worker)
        try:
            answer = await work(worker)
        except BaseException:
            worker.child.kill()
            self._see_off(worker)
            raise
        finally:
            self._busy.discard(worker)
        self._rest(worker)
        return answer

    def _take(self, skill: Skill) -> _Worker | None:
        """The idle worker that has most of what the work needs, of several the one that was used last."""
        for worker in [worker for worker in self._idle if not worker.child.alive]:
            self._idle.pop(worker).cancel()
            self._see_off(worker)
        if not self._idle:
            return None

        def fitness(item: tuple[int, _Worker]) -> tuple[bool, bool, int, int]:
            position, worker = item
            # One that holds what other work needs is left to that.
            return skill in worker.skills, skill[0] in worker.kinds, -len(worker.kinds), position

        _, worker = max(enumerate(self._idle), key=fitness)
        self._idle.pop(worker).cancel()
        return worker

    async def _start(self, *options: str) -> _Worker:
        return _Worker(await Child.start((*self._command, *options), str(self._folder), _log))

    def _rest(self, worker: _Worker) -> None:
        loop = asyncio.get_running_loop()
        self._idle[worker] = loop.call_later(self._idle_seconds, self._let_go, worker)
        if worker.is_large:
            self._dismiss(worker)

    def _let_go(self, worker: _Worker) -> None:
        """Ends it, unless no other worker is warm for what it does."""
        if any(worker.kinds <= other.kinds for other in (*self._idle, *self._busy) if other is not worker):
            self._dismiss(worker)
            return
        more = self._last_idle_seconds - self._idle_seconds
        self._idle[worker] = asyncio.get_running_loop().call_later(more, self._dismiss, worker)

    def _dismiss(self, worker: _Worker) -> None:
        self._idle.pop(worker).cancel()
        worker.child.dismiss()
        self._see_off(worker)

    def _see_off(self, worker: _Worker) -> None:
        task = asyncio.get_running_loop().create_task(worker.child.ended())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
