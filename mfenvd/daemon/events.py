"""The last events, numbered, and everyone who follows them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

import msgspec

from mfenvd.domain.event import Event

RING_EVENTS = 10_000
RING_BYTES = 4 * 1024 * 1024
"""A verdict with its packages takes some 20 kB: the ring is bounded by what it weighs, too."""

_ENCODER = msgspec.json.Encoder()


def encode_line(event: Event) -> bytes:
    """`event` as a line of NDJSON."""
    return _ENCODER.encode(event) + b"\n"


class Follower:
    """A place in the stream that moves on as its owner reads.

    Attributes:
        position: The last `seq` that was read.
        dropped: It fell so far behind that events are lost to it.
    """

    def __init__(self, position: int, on_drop: Callable[[], None]) -> None:
        self.position = position
        self.dropped = False
        self.news = asyncio.Event()
        self._on_drop = on_drop

    def drop(self) -> None:
        self.dropped = True
        self.news.set()
        self._on_drop()


class Events:
    """A ring of encoded events. Nobody is waited for: who reads too slowly is dropped and starts over."""

    def __init__(self, limit: int = RING_EVENTS, limit_bytes: int = RING_BYTES) -> None:
        self._ring: deque[bytes] = deque()
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._followers: set[Follower] = set()
        self.seq = 0
        self.closed = False

    def publish(self, event: Event) -> None:
        """Gives `event` the next number and makes it known; its own `seq` does not count."""
        self.seq += 1
        line = encode_line(msgspec.structs.replace(event, seq=self.seq))
        self._ring.append(line)
        self._bytes += len(line)
        while len(self._ring) > self._limit or (self._bytes > self._limit_bytes and len(self._ring) > 1):
            self._bytes -= len(self._ring.popleft())
        for follower in tuple(self._followers):
            if self.covers(follower.position):
                follower.news.set()
            else:
                self._followers.discard(follower)
                follower.drop()

    def covers(self, position: int) -> bool:
        """Whether everything after the event `position` is still here."""
        return self.seq - len(self._ring) <= position <= self.seq

    def after(self, position: int) -> bytes:
        """All lines after the event `position`, which must be covered."""
        count = self.seq - position
        return b"".join(islice(self._ring, len(self._ring) - count, None))

    @contextmanager
    def follow(self, position: int, on_drop: Callable[[], None]) -> Iterator[Follower]:
        """A follower that has everything up to `position`; `on_drop` is called when it falls too far behind."""
        follower = Follower(position, on_drop)
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    async def next(self, follower: Follower, timeout: float) -> bytes:
        """What is new to `follower`; empty when nothing came for `timeout` seconds, or ever will."""
        if follower.position == self.seq and not self.closed:
            follower.news.clear()
            try:
                await asyncio.wait_for(follower.news.wait(), timeout)
            except asyncio.TimeoutError:
                return b""
        if follower.dropped:
            return b""
        lines = self.after(follower.position)
        follower.position = self.seq
        return lines

    def close(self) -> None:
        """Nothing more comes."""
        self.closed = True
        for follower in self._followers:
            follower.news.set()
