"""diskcache, shared by the rooms: JSON or bytes under text keys, never pickle, and what to do about a damaged file."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
from diskcache import Cache, Disk, Timeout
from diskcache.core import MODE_BINARY, MODE_RAW

_log = logging.getLogger(__name__)

PROBLEMS = (sqlite3.Error, Timeout, OSError, ValueError, TypeError)
"""What a cache raises when it cannot be read or written, or holds what it never should."""


class _TextKeys(Disk):  # type: ignore[misc] # diskcache has no types
    """Keys are text. diskcache's own Disk pickles what it does not know, and loading that can run any code."""

    def put(self, key: object) -> tuple[str, bool]:
        if not isinstance(key, str):
            raise TypeError(key)
        return key, True

    def get(self, key: str, raw: bool) -> str:
        if not raw:
            raise ValueError(key)
        return key


class JsonDisk(_TextKeys):
    """Stores JSON, inside of the database."""

    def store(self, value: object, read: bool, key: object = None) -> Any:  # noqa: ARG002 - diskcache's signature
        if read:
            raise TypeError(value)
        return 0, MODE_RAW, None, msgspec.json.encode(value).decode()

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> Any:  # noqa: ARG002 - likewise
        if mode != MODE_RAW or not isinstance(value, str) or read:
            raise ValueError(mode)
        return msgspec.json.decode(value)


class BytesDisk(_TextKeys):
    """Stores bytes, large ones in files."""

    def store(self, value: object, read: bool, key: object = None) -> Any:
        if not isinstance(value, bytes) or read:
            raise TypeError(type(value))
        return super().store(value, read=False, key=key)

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> Any:
        if mode not in {MODE_RAW, MODE_BINARY}:
            raise ValueError(mode)
        return super().fetch(mode, filename, value, read)


def open_cache(folder: Path, disk: type[Disk], size_limit: int | None = None) -> Cache | None:
    """The cache in `folder`, which starts over where it is damaged; None when there can be none.

    Args:
        folder: Created when needed.
        disk: What it holds.
        size_limit: Bytes, beyond which the least recently stored goes first; None keeps everything.
    """
    try:
        return _opened(folder, disk, size_limit)
    except sqlite3.DatabaseError as error:
        _log.warning("%s is damaged and starts over: %s", folder, error)
        shutil.rmtree(folder, ignore_errors=True)
    except (OSError, Timeout) as error:
        _log.warning("there is no %s: %s", folder, error)
        return None
    try:
        return _opened(folder, disk, size_limit)
    except PROBLEMS as error:
        _log.warning("there is no %s: %s", folder, error)
        return None


def _opened(folder: Path, disk: type[Disk], size_limit: int | None) -> Cache:
    database = folder / "cache.db"
    if database.exists():
        # A damaged one is found here, as diskcache would leave its connection open when it fails.
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA schema_version")
    policy = {"eviction_policy": "none"} if size_limit is None else {"eviction_policy": "least-recently-stored"}
    return Cache(str(folder), disk=disk, size_limit=size_limit or 2**62, timeout=5, **policy)
