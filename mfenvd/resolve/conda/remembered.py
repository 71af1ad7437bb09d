"""Resolutions that were solved before, from the package lists that are still the newest.

Solving takes less time than loading py-rattler and the lists, which a command that ends right after does each time.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import msgspec

from mfenvd.atomic_write import write_for_a_while
from mfenvd.domain.resolution import Resolution
from mfenvd.resolve.conda.access import Access
from mfenvd.resolve.conda.lists import FRESH_FOR, Place, Stamps, places_of, seconds_from
from mfenvd.resolve.conda.question import Question

_log = logging.getLogger(__name__)

_FORMAT = "1"
"""Part of every name: another one whenever what is kept changes its form or its meaning."""

_USELESS_AFTER = 2 * FRESH_FOR
"""Seconds after which lists that answered something are fresh no more."""

_DECODER = msgspec.msgpack.Decoder(Resolution)


class Remembered:
    """What the answer to one question was. Losing it costs time only.

    Args:
        cache_dir: mfenv's cache folder.
        request: `Request.key` of what the question comes from.
        question: What was asked, by a request: without virtual packages or records of its own.
        access: The way to its channels. What is seen under a name or with a token is never kept.
        refresh: Whether the channels are asked again, whatever is known.
    """

    def __init__(self, cache_dir: Path, request: str, question: Question, access: Access, *, refresh: bool) -> None:
        self._folder = cache_dir / "channels" / "answers"
        self._stamps = Stamps(cache_dir / "channels")
        self._places: list[Place] = places_of(question.channels, question.subdirs)
        self._asked = (_FORMAT, request, question, access.mirrors)
        self._is_kept = access.is_anonymous
        # Another process may fetch newer lists while this one solves.
        self._before = None if refresh else self._path()

    def find(self) -> Resolution | None:
        """The answer; None where it is not known or old, or a list has been asked for since, or would have to be."""
        if self._before is None:
            return None
        try:
            # Lists in a folder may stay as they are for long, and who solves may be of a newer release meanwhile.
            if seconds_from(self._before.stat().st_mtime) > FRESH_FOR:
                return None
            return _DECODER.decode(self._before.read_bytes())
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def keep(self, resolution: Resolution) -> None:
        """That this is the answer: of the lists as they were at first, or of those that had to be fetched."""
        path = self._before or self._path()
        if path is None:
            return
        try:
            write_for_a_while(path, msgspec.msgpack.encode(resolution), _USELESS_AFTER)
        except OSError as error:
            _log.warning("what was solved cannot be kept: %s", error)

    def _path(self) -> Path | None:
        """None while the lists are not fresh."""
        stamps = [(place, self._stamps.of(place)) for place in self._places]
        if not self._is_kept or not all(self._stamps.is_fresh(place, stamp) for place, stamp in stamps):
            return None
        told = msgspec.json.encode((*self._asked, stamps), order="deterministic")
        return self._folder / f"{hashlib.sha256(told).hexdigest()}.msgpack"
