"""What indexes answered, kept on disk and shared by all processes of the user."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from diskcache import Cache, Disk, Timeout
from diskcache.core import MODE_BINARY, MODE_RAW
from typing_extensions import Self

_log = logging.getLogger(__name__)

_DIGEST_SIZE = hashlib.sha256().digest_size

# Pages of some thousand packages; the least recently stored go first.
SIZE_LIMIT = 512 * 1024 * 1024


class BytesDisk(Disk):  # type: ignore[misc] # diskcache has no types
    """Stores bytes under text keys and nothing else, so that reading a cache can never run code (no pickle)."""

    def put(self, key: object) -> tuple[str, bool]:
        if not isinstance(key, str):
            raise TypeError(key)
        return key, True

    def get(self, key: str, raw: bool) -> str:
        if not raw:
            raise ValueError(key)
        return key

    def store(self, value: object, read: bool, key: object = None) -> Any:
        if not isinstance(value, bytes) or read:
            raise TypeError(type(value))
        return super().store(value, read=False, key=key)

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> Any:
        if mode not in {MODE_RAW, MODE_BINARY}:
            raise ValueError(mode)
        return super().fetch(mode, filename, value, read)


class AnswerCache:
    """Bytes by key. Losing it costs time only: whatever goes wrong with it counts as nothing found.

    Args:
        folder: Created when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache = self._open()

    def get(self, key: str) -> bytes | None:
        """What was stored under `key`, if it is still what was stored."""
        if self._cache is None:
            return None
        try:
            stored = self._cache.get(key)
        except (sqlite3.Error, Timeout, OSError, ValueError, TypeError) as error:
            _log.warning("the cache of index answers cannot be read: %s", error)
            return None
        if not isinstance(stored, bytes):
            return None
        digest, content = stored[:_DIGEST_SIZE], stored[_DIGEST_SIZE:]
        return content if hashlib.sha256(content).digest() == digest else None

    def put(self, key: str, content: bytes) -> None:
        if self._cache is None:
            return
        try:
            self._cache.set(key, hashlib.sha256(content).digest() + content)
        except (sqlite3.Error, Timeout, OSError) as error:
            _log.warning("the cache of index answers cannot be written: %s", error)

    def close(self) -> None:
        """Closes the calling thread's connection; the next use opens it again."""
        if self._cache is not None:
            self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> Cache | None:
        try:
            return _opened(self._folder)
        except sqlite3.DatabaseError as error:
            _log.warning("the cache of index answers is damaged and starts over: %s", error)
            shutil.rmtree(self._folder, ignore_errors=True)
        except (OSError, Timeout) as error:
            _log.warning("there is no cache of index answers: %s", error)
            return None
        try:
            return _opened(self._folder)
        except (sqlite3.Error, OSError, Timeout) as error:
            _log.warning("there is no cache of index answers: %s", error)
            return None


def _opened(folder: Path) -> Cache:
    database = folder / "cache.db"
    if database.exists():
        # A damaged one is found here, as diskcache would leave its connection open when it fails.
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA schema_version")
    return Cache(str(folder), disk=BytesDisk, size_limit=SIZE_LIMIT, eviction_policy="least-recently-stored", timeout=5)
