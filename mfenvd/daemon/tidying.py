"""What nobody waits for is done for environments that are ready: bytecode, and the removal of what nobody wants."""

from __future__ import annotations

import logging
import time

from mfenvd.daemon.child import ChildDiedError
from mfenvd.daemon.idle_work import IdleWork
from mfenvd.daemon.scheduler import Scheduler
from mfenvd.daemon.warming import Warming
from mfenvd.daemon.workers import Pool
from mfenvd.domain.resolver import Context

LOOK_SECONDS = 1.0
DAY = 24 * 3_600.0

_log = logging.getLogger(__name__)


class Tidying(IdleWork):
    """Tidies for one project at a time, and begins only while nothing else is done."""

    def __init__(self, pool: Pool, scheduler: Scheduler, warming: Warming) -> None:
        super().__init__(LOOK_SECONDS)
        self._pool = pool
        self._scheduler = scheduler
        self._warming = warming
        # By root: what was ready the last time, and when anything was last removed, in seconds since the epoch.
        self._done: dict[str, tuple[frozenset[str], float]] = {}

    def look(self) -> None:
        roots = self._warming.contexts()
        scheduler, warming = self._scheduler, self._warming
        is_busy = scheduler.queued or scheduler.running or warming.is_fetching or any(map(warming.is_busy, roots))
        if is_busy or self.is_under_way:
            return
        root = next((root for root in roots if self._is_due(root)), None)
        if root is not None:
            removes = self._may_remove(root)
            self._done[root] = warming.ready(root), time.time() if removes else self._removed(root)
            self.begin(self._tidy(roots[root], removes=removes))

    def _is_due(self, root: str) -> bool:
        """Once a day, and as soon as something else is ready."""
        return root not in self._done or not self._warming.ready(root) <= self._done[root][0] or self._may_remove(root)

    def _may_remove(self, root: str) -> bool:
        """Once a day, and never before it is known what is still wanted."""
        return self._warming.has_looked and self._removed(root) <= time.time() - DAY

    def _removed(self, root: str) -> float:
        return self._done[root][1] if root in self._done else 0.0

    async def _tidy(self, context: Context, *, removes: bool) -> None:
        try:
            await self._pool.tidy(context, removes=removes)
        except ChildDiedError as error:
            _log.warning("tidying up for %s was ended: %s", context.root, error)
