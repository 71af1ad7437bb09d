"""A JSON file that is shared with Metaflow, which locks it (`flock`) when it writes.

Written in place under that lock: a file put in its place by renaming would lose what a Metaflow writes that waits for
the lock of the old one. What is written is whole JSON at every moment but those within one system call.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

try:
    import fcntl
except ImportError:  # pragma: no cover - Metaflow's environments need it too: there is no Metaflow on plain Windows
    fcntl = None  # type: ignore[assignment]

LOCK_SECONDS = 10.0
"""Metaflow holds its lock for as long as it takes to write the file: a second for the largest ones seen."""

Content = dict[str, Any]


class ManifestError(Exception):
    """The file cannot be used; `reason` says why, `readable` whether only writing failed."""

    def __init__(self, path: Path, reason: str, *, readable: bool) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.readable = readable


class Form(msgspec.Struct, frozen=True):
    """What is expected of the content.

    Attributes:
        problem: What is wrong with a decoded file; None where it is as Metaflow writes it.
        empty: The content of a file that is not there, or is empty; what a file has not, it has of this.
    """

    problem: Callable[[Any], str | None]
    empty: Callable[[], Content] = dict


class Edited(msgspec.Struct, frozen=True):
    """What came of a change.

    Attributes:
        changed: Whether the file is another one now.
        inode: Of the file that was read, and written if it changed.
    """

    changed: bool
    inode: int


def read(path: Path, form: Form) -> Content:
    """The whole content; the empty one where there is no file.

    Raises:
        ManifestError: It cannot be read, or is not what Metaflow writes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return form.empty()
    except OSError as error:
        raise ManifestError(path, error.strerror or str(error), readable=False) from error
    try:
        _lock(descriptor, path, exclusive=False)
        return _decoded(_bytes(descriptor), path, form)
    finally:
        os.close(descriptor)


def edit(path: Path, form: Form, change: Callable[[Content], None]) -> Edited:
    """Lets `change` alter the content, and writes it if it did; folders above the file are made.

    Raises:
        ManifestError: It cannot be written, or is not what Metaflow writes.
    """
    with _opened(path) as descriptor:
        before = _bytes(descriptor)
        content = _decoded(before, path, form)
        change(content)
        inode = os.fstat(descriptor).st_ino
        if content == _decoded(before, path, form):
            return Edited(changed=False, inode=inode)
        _overwrite(descriptor, json.dumps(content).encode(), len(before))
    return Edited(changed=True, inode=inode)


def is_still(path: Path, inode: int) -> bool:
    """Whether nobody put another file in its place."""
    try:
        return path.stat().st_ino == inode
    except OSError:
        return False


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file, made if need be, locked against every other writer."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _lock(descriptor, path, exclusive=True)
                # It may have been deleted meanwhile, or another one may have been put in its place.
                if is_still(path, os.fstat(descriptor).st_ino):
                    yield descriptor
                    return
            finally:
                os.close(descriptor)
    except OSError as error:
        raise ManifestError(path, error.strerror or str(error), readable=True) from error


def _lock(descriptor: int, path: Path, *, exclusive: bool) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise ManifestError(path, f"it is locked for {LOCK_SECONDS:.0f} seconds", readable=True) from None
            time.sleep(0.002)
        else:
            return


def _bytes(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _overwrite(descriptor: int, content: bytes, length_before: int) -> None:
    """One write, with blanks over the rest of what was there: cutting it off then changes nothing to a reader."""
    padded = content.ljust(length_before)
    written = 0
    while written < len(padded):
        written += os.pwrite(descriptor, padded[written:], written)
    os.ftruncate(descriptor, len(content))


def _decoded(content: bytes, path: Path, form: Form) -> Content:
    if not content.strip():
        return form.empty()
    try:
        decoded = _parsed(content)
    except ValueError as error:
        raise ManifestError(path, str(error), readable=False) from error
    problem = form.problem(decoded)
    if problem is not None:
        raise ManifestError(path, problem, readable=False)
    return {**form.empty(), **decoded}


def _parsed(content: bytes) -> Any:
    """As Metaflow reads it; a manifest of 25 MB takes the standard library more than a second."""
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return json.loads(content)
