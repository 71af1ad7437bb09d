"""Fetches what environments will be made of while their rest is still resolved, or Metaflow still asked about them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from mfenvd.daemon.child import ChildDiedError
from mfenvd.daemon.workers import Pool
from mfenvd.domain.warming import WarmTask

AT_ONCE = 2
"""The rest can wait: it is fetched when the environment is made."""

_log = logging.getLogger(__name__)


class FetchingAhead:
    """Lives in the loop's thread."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        # By `Job.key`, those that are done included: what many environments share is fetched once.
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, job: str, part: WarmTask) -> None:
        """Has what the job `job` found fetched, unless it was before, or as much as may be is being fetched."""
        if job not in self._tasks and len(self._of(self._tasks)) < AT_ONCE:
            self._tasks[job] = asyncio.get_running_loop().create_task(self._fetch(part))

    @property
    def is_busy(self) -> bool:
        """Whether anything is being fetched."""
        return bool(self._of(self._tasks))

    def is_under_way(self, jobs: Collection[str]) -> bool:
        """Whether anything of these jobs is being fetched."""
        return bool(self._of(jobs))

    async def done(self, jobs: Collection[str]) -> None:
        """Returns when nothing of these jobs is being fetched any more."""
        while tasks := self._of(jobs):
            await asyncio.wait(tasks)

    def keep(self, jobs: Collection[str]) -> None:
        """Forgets what was fetched for other jobs; what is being fetched goes on."""
        self._tasks = {job: task for job, task in self._tasks.items() if job in jobs or not task.done()}

    async def close(self) -> None:
        """Ends what is being fetched."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _of(self, jobs: Collection[str]) -> list[asyncio.Task[None]]:
        return [self._tasks[job] for job in jobs if job in self._tasks and not self._tasks[job].done()]

    async def _fetch(self, part: WarmTask) -> None:
        try:
            await self._pool.fetch(part)
        except ChildDiedError as error:
            _log.warning("the worker that fetched ahead for %s died: %s", part.identity.id, error)
