"""What a team's workstations tell each other about requests that one of them resolved: small objects in the bucket."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from mfenvd.domain.hint import LARGEST, Hint, read_hint
from mfenvd.store.object_errors import MissingObject
from mfenvd.store.objects import ObjectStore

_log = logging.getLogger(__name__)

PREFIX = "mfenv/resolutions/"

_AHEAD = 300.0
"""Seconds that another's clock may be ahead of this one."""


class Hints:
    """Hints in one bucket, by `domain.hint.hint_key`.

    Args:
        store: The bucket.
        clock: Seconds since 1970.
    """

    def __init__(self, store: ObjectStore, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock

    def read(self, key: str, max_age: float) -> Hint | None:
        """What somebody of the team resolved, unchecked; None where there is nothing, or nothing that counts.

        Args:
            key: Of the request on its target.
            max_age: Seconds since it was resolved.

        Raises:
            ObjectStoreProblem: The bucket does not answer.
        """
        found = self._store.head(PREFIX + key)
        if found is None:
            return None
        hint = None
        if found.size <= LARGEST:
            try:
                hint = read_hint(self._store.get_bytes(PREFIX + key)[0])
            except MissingObject:
                return None
        if hint is None:
            _log.info("%s%s in the team's bucket is no resolution, and not looked at", PREFIX, key)
            return None
        return hint if -_AHEAD <= self._clock() - hint.made <= max_age else None

    def write(self, key: str, hint: Hint) -> None:
        """Tells the team, in place of what it was told before.

        Raises:
            ObjectStoreProblem: The bucket does not take it.
        """
        self._store.put_bytes(PREFIX + key, msgspec.json.encode(hint), replace=True)
