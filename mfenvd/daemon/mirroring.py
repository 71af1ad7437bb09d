"""What is to be in buckets, brought there by processes of their own: one for each bucket while there is work."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mfenvd.daemon.child import Child, ChildDiedError
from mfenvd.daemon.frames import CARRIED, Carry, More
from mfenvd.domain.finding import Finding
from mfenvd.domain.mirror import Bucket, BucketStatus, MirrorStatus
from mfenvd.domain.redact import redact
from mfenvd.domain.surroundings import Surroundings

IDLE_SECONDS = 30.0
"""How long a process without work is kept: what a save wants comes environment by environment."""

RESTART_SECONDS = 30.0

ONCE_MORE_SECONDS = 5.0
"""Until environments are looked at again for which nothing had to be sent."""

_log = logging.getLogger("mfenvd.mirror")


@dataclass(eq=False)
class _Route:
    """The way to one bucket.

    Attributes:
        bucket: Where it leads.
        surroundings: Whose credentials count: of the project that asked last.
        status: As it was last told.
        finding: What somebody has to mend.
        task: The conversation with the process.
        child: The process, while there is one.
        asked: Whether an environment waits that was not told of yet.
        sent: Objects that its process had sent when environments were last told.
        idle: Ends the process.
        again: Begins another one, or tells environments.
    """

    bucket: Bucket
    surroundings: Surroundings
    status: BucketStatus
    finding: Finding | None = None
    task: asyncio.Task[None] | None = None
    child: Child | None = None
    asked: bool = False
    sent: int = 0
    idle: asyncio.TimerHandle | None = None
    again: asyncio.TimerHandle | None = None


class Mirroring:
    """Lives in the loop's thread.

    Args:
        folder: Where processes start, and where it is remembered that it is paused.
        cache_dir: mfenv's cache folder.
        told: Called when `status` or `findings` may be others.
        sent: Called with a bucket's URL when it has more than before.
    """

    def __init__(self, *, folder: Path, cache_dir: str, told: Callable[[], None], sent: Callable[[str], None]) -> None:
        self._folder, self._cache_dir = folder, cache_dir
        self._mark = folder / "mirror-paused"
        self._told, self._sent = told, sent
        self._routes: dict[str, _Route] = {}
        self._paused = False
        self._closing = False

    def start(self) -> None:
        """Takes up whether it was paused."""
        self._paused = self._mark.exists()

    @property
    def status(self) -> MirrorStatus:
        """Of all buckets that were needed since the daemon started."""
        return MirrorStatus(tuple(self._routes[url].status for url in sorted(self._routes)), self._paused)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One for each bucket that somebody has to look after."""
        return tuple(route.finding for _, route in sorted(self._routes.items()) if route.finding is not None)

    def want(self, bucket: Bucket, surroundings: Surroundings) -> None:
        """Something waits in the queue for `bucket`, which a project with these surroundings reaches."""
        shown = BucketStatus(bucket.url, bucket.endpoint and redact(bucket.endpoint))
        route = self._routes.setdefault(bucket.url, _Route(bucket, surroundings, shown))
        if (route.bucket, route.surroundings) != (bucket, surroundings):
            route.bucket, route.surroundings = bucket, surroundings
            _end(route)
        route.asked = True
        self._begin(route)

    def steer(self, *, paused: bool) -> MirrorStatus:
        """Pauses, or goes on and tries at once what failed."""
        self._paused = paused
        if paused:
            self._mark.touch()
        else:
            self._mark.unlink(missing_ok=True)
        for route in self._routes.values():
            _end(route)
            self._begin(route)
        self._told()
        return self.status

    async def close(self) -> None:
        """Ends all processes; what they did not send waits for the next daemon."""
        self._closing = True
        tasks = [route.task for route in self._routes.values() if route.task is not None]
        for route in self._routes.values():
            _end(route)
        if tasks:
            await asyncio.wait(tasks)

    def _begin(self, route: _Route) -> None:
        if self._closing or self._paused:
            return
        if route.idle is not None:
            route.idle.cancel()
            route.idle = None
        if route.task is None or route.task.done():
            route.task = asyncio.get_running_loop().create_task(self._carry(route))
        elif route.child is not None:
            route.child.say(More())

    async def _carry(self, route: _Route) -> None:
        """Has a process send what waits, until nothing does for a while."""
        command = (sys.executable, "-m", "mfenvd.daemon.mirror_worker")
        child: Child | None = None
        try:
            child = await Child.start(command, str(self._folder), _log)
            route.child, route.sent = child, 0
            await child.send(Carry(route.bucket, route.surroundings, self._cache_dir))
            while True:
                carried = await child.receive(CARRIED)
                route.status, route.finding = carried.status, carried.finding
                self._told()
                self._consider(route, carried.sent)
        except ChildDiedError as error:
            if child is None or not route.status.waiting:
                _log.debug("the mirror's process for %s has ended: %s", route.bucket.url, error)
            else:
                _log.warning("the mirror's process for %s died: %s", route.bucket.url, error)
                route.again = asyncio.get_running_loop().call_later(RESTART_SECONDS, self._begin, route)
        except asyncio.CancelledError:
            if child is not None:
                child.kill()
            raise
        finally:
            if route.child is child:
                route.child = None
            if child is not None:
                await asyncio.shield(asyncio.ensure_future(child.ended()))

    def _consider(self, route: _Route, sent: int) -> None:
        """Tells environments that more is there, and lets a process go that has nothing to do."""
        loop = asyncio.get_running_loop()
        if route.status.waiting:
            return
        if sent > route.sent:
            route.sent, route.asked = sent, False
            self._sent(route.bucket.url)
        elif route.asked and route.again is None and not route.bucket.read_only:
            # Another process may have been faster; what only others upload is asked about again within the hour.
            route.asked = False
            route.again = loop.call_later(ONCE_MORE_SECONDS, self._tell_again, route)
        if route.idle is None and route.child is not None:
            route.idle = loop.call_later(IDLE_SECONDS, route.child.dismiss)

    def _tell_again(self, route: _Route) -> None:
        route.again = None
        self._sent(route.bucket.url)


def _end(route: _Route) -> None:
    """Ends its process, and what was to be done later."""
    for timer in (route.idle, route.again):
        if timer is not None:
            timer.cancel()
    route.idle = route.again = None
    if route.task is not None:
        route.task.cancel()
        route.task = None
