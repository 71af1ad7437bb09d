"""Small facts that several processes share, kept as JSON."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
from diskcache import Cache, Disk, Timeout
from diskcache.core import MODE_RAW

_log = logging.getLogger(__name__)

_SIZE_LIMIT = 64 * 1024 * 1024
_PROBLEMS = (sqlite3.Error, Timeout, OSError, ValueError, TypeError)


class JsonDisk(Disk):  # type: ignore[misc] # diskcache has no types
    """Stores JSON under text keys and nothing else, so that reading can never run code (no pickle)."""

    def put(self, key: object) -> tuple[str, bool]:
        if not isinstance(key, str):
            raise TypeError(key)
        return key, True

    def get(self, key: str, raw: bool) -> str:
        if not raw:
            raise ValueError(key)
        return key

    def store(self, value: object, read: bool, key: object = None) -> Any:  # noqa: ARG002 - diskcache's signature
        if read:
            raise TypeError(value)
        return 0, MODE_RAW, None, msgspec.json.encode(value).decode()

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> Any:  # noqa: ARG002 - likewise
        if mode != MODE_RAW or not isinstance(value, str) or read:
            raise ValueError(mode)
        return msgspec.json.decode(value)


class Facts:
    """JSON values by key. Losing them costs time only: whatever goes wrong with them counts as nothing known.

    Args:
        folder: Created when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache = self._open()

    def get(self, key: str) -> Any:
        """What was put under `key`; None when nothing was, or it can no longer be read."""
        if self._cache is None:
            return None
        try:
            return self._cache.get(key)
        except _PROBLEMS as error:
            _log.warning("a fact cannot be read: %s", error)
            return None

    def put(self, key: str, value: Any) -> None:
        if self._cache is None:
            return
        try:
            self._cache.set(key, value)
        except _PROBLEMS as error:
            _log.warning("a fact cannot be kept: %s", error)

    def close(self) -> None:
        """Closes the calling thread's connection; the next use opens it again."""
        if self._cache is not None:
            self._cache.close()

    def _open(self) -> Cache | None:
        try:
            return _opened(self._folder)
        except sqlite3.DatabaseError as error:
            _log.warning("the store's facts are damaged and start over: %s", error)
            shutil.rmtree(self._folder, ignore_errors=True)
        except (OSError, Timeout) as error:
            _log.warning("there are no facts: %s", error)
            return None
        try:
            return _opened(self._folder)
        except _PROBLEMS as error:
            _log.warning("there are no facts: %s", error)
            return None


def _opened(folder: Path) -> Cache:
    database = folder / "cache.db"
    if database.exists():
        # A damaged one is found here, as diskcache would leave its connection open when it fails.
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA schema_version")
    return Cache(str(folder), disk=JsonDisk, size_limit=_SIZE_LIMIT, eviction_policy="least-recently-stored", timeout=5)
