"""What indexes answered, kept on disk and shared by all processes of the user."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from typing_extensions import Self

from mfenvd.disk_cache import PROBLEMS, BytesDisk, open_cache

_log = logging.getLogger(__name__)

_DIGEST_SIZE = hashlib.sha256().digest_size

# Pages of some thousand packages; the least recently stored go first.
SIZE_LIMIT = 512 * 1024 * 1024


class AnswerCache:
    """Bytes by key. Losing it costs time only: whatever goes wrong with it counts as nothing found.

    Args:
        folder: Created when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._cache = open_cache(folder, BytesDisk, SIZE_LIMIT)

    def get(self, key: str) -> bytes | None:
        """What was stored under `key`, if it is still what was stored."""
        if self._cache is None:
            return None
        try:
            stored = self._cache.get(key)
        except PROBLEMS as error:
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
        except PROBLEMS as error:
            _log.warning("the cache of index answers cannot be written: %s", error)

    def close(self) -> None:
        """Closes the calling thread's connection; the next use opens it again."""
        if self._cache is not None:
            self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
