"""What is done while nothing else is: memory is given back, caches are refreshed before they are too old."""

from __future__ import annotations

import logging
import time

from mfenvd.daemon.child import ChildDiedError
from mfenvd.daemon.frames import Refresh
from mfenvd.daemon.idle_work import IdleWork
from mfenvd.daemon.memory import give_back
from mfenvd.daemon.scheduler import Scheduler
from mfenvd.daemon.workers import Pool
from mfenvd.domain.job import Job
from mfenvd.domain.request import Kind

IN_USE_SECONDS = 8 * 3_600.0
"""Nothing is fetched for a project that nobody has worked on for so long."""

LOOK_SECONDS = 20.0
AFTER_FAILURE_SECONDS = 3_600.0

_log = logging.getLogger(__name__)


class Upkeep(IdleWork):
    """Refreshes one cache at a time, and only while no job waits or runs."""

    def __init__(self, pool: Pool, scheduler: Scheduler) -> None:
        super().__init__(LOOK_SECONDS)
        self._pool = pool
        self._scheduler = scheduler
        # In seconds since the epoch, which goes on while the machine sleeps. What is not here is due.
        self._due: dict[tuple[str, Kind], float] = {}
        self._ageless: set[Kind] = set()

    def look(self) -> None:
        if self._scheduler.queued or self._scheduler.running:
            return
        give_back()
        order = None if self.is_under_way else self._next()
        if order is not None:
            self.begin(self._refresh(order))

    def _next(self) -> Refresh | None:
        now = time.time()
        for root, jobs in self._scheduler.in_use(now - IN_USE_SECONDS):
            for kind in {job.request.kind: None for job in jobs}:
                if kind not in self._ageless and self._due.get((root, kind), 0) <= now:
                    return _order(kind, jobs)
        return None

    async def _refresh(self, order: Refresh) -> None:
        pause: float | None = AFTER_FAILURE_SECONDS
        try:
            pause = await self._pool.refresh(order)
        except ChildDiedError as error:
            _log.warning("what is cached for %s environments was not refreshed: %s", order.kind, error)
        if pause is None:
            self._ageless.add(order.kind)
        else:
            self._due[order.context.root, order.kind] = time.time() + pause


def _order(kind: Kind, jobs: tuple[Job, ...]) -> Refresh:
    mine = [job for job in jobs if job.request.kind is kind]
    return Refresh(kind, tuple((job.request, job.target) for job in mine), mine[0].context)
