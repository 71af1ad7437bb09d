"""Who is at work on something, as a team's workstations tell each other. Nothing is right or wrong because of it.

A lease is a small object with an expiry in the bucket. Two that hold the same one do the same work twice, and find the
same; so whatever goes wrong with a lease counts as having it.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable

import msgspec

from mfenvd.store.object_errors import AlreadyThere, MissingObject, ObjectStoreProblem
from mfenvd.store.objects import ObjectStore

_log = logging.getLogger(__name__)

PREFIX = "mfenv/leases/"
DURATION = 60.0
"""Seconds for which a lease counts unless it is given back. Who is killed keeps nobody longer from anything."""

LONGEST_WAIT = 3.0
"""Seconds that somebody else's lease can cost at most."""

_POLL = 0.5


class _Lease(msgspec.Struct, frozen=True):
    """What the object holds.

    Attributes:
        owner: A word that nobody else has.
        expires: Seconds since 1970, by the owner's clock.
    """

    owner: str
    expires: float


class Leases:
    """Leases in one bucket.

    Args:
        store: The bucket.
        clock: Seconds since 1970.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self, store: ObjectStore, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._store, self._clock, self._sleep = store, clock, sleep
        self._owner = uuid.uuid4().hex

    def take(self, name: str, duration: float = DURATION) -> bool:
        """Whether this workstation shall do the work called `name`: False while another one holds the lease."""
        try:
            return self._taken(PREFIX + name, duration)
        except ObjectStoreProblem as problem:
            _log.info("without a lease: %s", problem)
            return True

    def wait(self, name: str, is_done: Callable[[], bool]) -> bool:
        """Waits a few seconds at most for what another workstation is at.

        Args:
            name: What `take` said False for.
            is_done: Whether its result is there.

        Returns:
            Whether it is. If not, do the work yourself.
        """
        for _ in range(round(LONGEST_WAIT / _POLL)):
            if is_done():
                return True
            if self.take(name):
                return is_done()
            self._sleep(_POLL)
        return is_done()

    def give_back(self, name: str) -> None:
        """Ends a lease that `take` gave."""
        try:
            content, info = self._store.get_bytes(PREFIX + name)
            if _read(content).owner == self._owner:
                # Not taken away, as that could be another one by now; what has expired is free for everybody.
                self._store.put_bytes(PREFIX + name, self._written(0.0), replace=info.etag)
        except ObjectStoreProblem as problem:
            _log.info("a lease is left to expire: %s", problem)

    def _taken(self, key: str, duration: float) -> bool:
        content = self._written(self._clock() + duration)
        try:
            self._store.put_bytes(key, content)
        except AlreadyThere:
            try:
                found, info = self._store.get_bytes(key)
                lease = _read(found)
                # No clock is trusted with more than the longest lease there is.
                if lease.owner != self._owner and 0 < lease.expires - self._clock() <= DURATION:
                    return False
                self._store.put_bytes(key, content, replace=info.etag)
            except (AlreadyThere, MissingObject):
                return False  # just now another one took it, or gave it back
        return True

    def _written(self, expires: float) -> bytes:
        return msgspec.json.encode(_Lease(self._owner, expires))


def _read(content: bytes) -> _Lease:
    """A lease; one that has expired when it is none."""
    try:
        return msgspec.json.decode(content, type=_Lease)
    except msgspec.DecodeError:
        return _Lease("", 0.0)
