"""A limit for the bandwidth that the mirror takes, shared by all that goes up and down."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from s3transfer.bandwidth import BandwidthLimiter, LeakyBucket

_CHUNK = 64 * 1024


class _NeverStopped:
    """What s3transfer asks whether a transfer was given up meanwhile."""

    exception = None


class Pace:
    """At most so many bytes a second, over all threads of a process.

    Args:
        limit: Bytes a second; None for as fast as it goes.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limiter = BandwidthLimiter(LeakyBucket(limit)) if limit else None

    def sent(self, content: bytes) -> bytes | BinaryIO:
        """What to hand to a client as the body of a request: slow to be read, where there is a limit."""
        if self._limiter is None:
            return content
        stream = self._limiter.get_bandwith_limited_stream(io.BytesIO(content), _NeverStopped())
        return cast("BinaryIO", _Body(stream, len(content)))

    def sending(self, file: BinaryIO, size: int) -> BinaryIO:
        """As `sent`, for a file of `size` bytes that is read as it goes."""
        if self._limiter is None:
            return file
        return cast("BinaryIO", _Body(self._limiter.get_bandwith_limited_stream(file, _NeverStopped()), size))

    def spend(self, amount: int) -> None:
        """Waits as long as `amount` bytes take that have come."""
        if self._limiter is not None:
            self.read(io.BytesIO(bytes(amount)))

    def read(self, answer: BinaryIO) -> bytes:
        """All of an answer, not faster than allowed."""
        if self._limiter is None:
            return answer.read()
        stream = self._limiter.get_bandwith_limited_stream(answer, _NeverStopped())
        return b"".join(iter(lambda: stream.read(_CHUNK), b""))


class _Body:
    """A stream of which clients also want to know how long it is."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size

    def __len__(self) -> int:
        return self._size

    def read(self, amount: int = -1) -> bytes:
        return self._stream.read(self._size if amount is None or amount < 0 else amount)

    def seek(self, where: int, whence: int = 0) -> int:
        return self._stream.seek(where, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
