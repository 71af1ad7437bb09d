"""What the daemon told, in a file: for bug reports, for tests, and for the pictures of the documentation.

A line of JSON for each thing that was told, with when: who answered, an event, or why nobody answered. Credentials are
left out, and so are the variables of the users' shells.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mfenv_tui.daemon import Told
from mfenvd.client.errors import ClientError, DaemonNotRunningError, OtherProtocolError
from mfenvd.client.view import DaemonView
from mfenvd.domain.event import AnyEvent, Hello
from mfenvd.domain.redact import redact

LONGEST_PAUSE = 1.0
"""Seconds: who replays a recording does not wait for what took longer."""

_LEFT_OUT = frozenset({"environ"})


class Trouble(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why nobody answered; `kind` is the name of the error."""

    kind: str
    message: str
    fix: str | None = None


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line: what was told `at` so many seconds since the epoch. One of the others is there."""

    at: float
    hello: Hello | None = None
    event: AnyEvent | None = None
    trouble: Trouble | None = None


class RecordingError(Exception):
    """A file that cannot be written, or is no recording; says why."""


class Recorder:
    """Writes down what is told, each line at once, so that a crash leaves everything before it."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        """Begins the recording in `file` anew.

        Raises:
            RecordingError: It cannot be written.
        """
        try:
            self._out = file.open("wb", buffering=0)
        except OSError as error:
            raise RecordingError(f"{file} cannot be written: {error.strerror}.") from error
        self._clock = clock

    def __call__(self, told: Hello | AnyEvent | ClientError) -> None:
        """Write one line; a full disk ends nothing but the recording."""
        try:
            self._out.write(line_of(told, self._clock()))
        except OSError:
            self._out.close()
        except ValueError:  # closed before
            return

    def close(self) -> None:
        """Nothing more is written."""
        self._out.close()


def line_of(told: Hello | AnyEvent | ClientError, at: float) -> bytes:
    """What was told `at` that time, as it stands in a recording."""
    if isinstance(told, ClientError):
        entry = Entry(at, trouble=Trouble(type(told).__name__, told.message, told.fix))
    else:
        entry = Entry(at, hello=told) if isinstance(told, Hello) else Entry(at, event=told)
    return msgspec.json.encode(_clean(msgspec.to_builtins(entry))) + b"\n"


def read(file: Path) -> tuple[Entry, ...]:
    """The recording in `file`. A last line that was not written to its end is left out.

    Raises:
        RecordingError: It cannot be read, or is none.
    """
    try:
        *lines, _unfinished = file.read_bytes().split(b"\n")
    except OSError as error:
        raise RecordingError(f"{file} cannot be read: {error.strerror}.") from error
    try:
        entries = tuple(_DECODER.decode(line) for line in lines)
    except msgspec.DecodeError as error:
        raise RecordingError(f"{file} is no recording of mfenv-tui: {error}.") from error
    if not entries:
        raise RecordingError(f"{file} is empty.")
    return entries


_DECODER = msgspec.json.Decoder(Entry)


class Replay:
    """A recording in the place of the daemon, with the time of its events as the time.

    Args:
        entries: What was told.
        longest_pause: Seconds between two entries at most; 0 tells everything at once.
    """

    def __init__(self, entries: Sequence[Entry], *, longest_pause: float = LONGEST_PAUSE) -> None:
        self._entries = entries
        self._longest_pause = longest_pause
        self._now = entries[0].at

    def clock(self) -> float:
        """When what was told last was told."""
        return self._now

    async def follow(self, socket: Path, view: DaemonView) -> AsyncIterator[Told]:
        """Tells everything, and then nothing more."""
        for entry in self._entries:
            await asyncio.sleep(min(max(entry.at - self._now, 0.0), self._longest_pause))
            self._now = entry.at
            for told in told_by(entry, socket, view):
                yield told
        await asyncio.Event().wait()


def told_by(entry: Entry, socket: Path, view: DaemonView) -> Iterable[Told]:
    """What `entry` means to a dashboard; brings `view` up to date."""
    if entry.hello is not None:
        yield entry.hello
    if entry.event is not None:
        yield view.apply(entry.event)
    if entry.trouble is not None:
        yield _error(entry.trouble, socket)


def _error(trouble: Trouble, socket: Path) -> ClientError:
    if trouble.kind == DaemonNotRunningError.__name__:
        return DaemonNotRunningError(socket)
    kind = OtherProtocolError if trouble.kind == OtherProtocolError.__name__ else ClientError
    error = kind.__new__(kind)
    ClientError.__init__(error, trouble.message, trouble.fix)
    return error


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _clean(each) for name, each in value.items() if name not in _LEFT_OUT}
    return [_clean(each) for each in value] if isinstance(value, (list, tuple)) else value
