"""Small facts that several processes share, kept as JSON."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mfenvd.disk_cache import PROBLEMS, JsonDisk, open_cache

_log = logging.getLogger(__name__)

_SIZE_LIMIT = 64 * 1024 * 1024


class Facts:
    """JSON values by key. Losing them costs time only: whatever goes wrong with them counts as nothing known.

    Args:
        folder: Created when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._cache = open_cache(folder, JsonDisk, _SIZE_LIMIT)

    def get(self, key: str) -> Any:
        """What was put under `key`; None when nothing was, or it can no longer be read."""
        if self._cache is None:
            return None
        try:
            return self._cache.get(key)
        except PROBLEMS as error:
            _log.warning("a fact cannot be read: %s", error)
            return None

    def put(self, key: str, value: Any) -> None:
        if self._cache is None:
            return
        try:
            self._cache.set(key, value)
        except PROBLEMS as error:
            _log.warning("a fact cannot be kept: %s", error)

    def close(self) -> None:
        """Closes the calling thread's connection; the next use opens it again."""
        if self._cache is not None:
            self._cache.close()
