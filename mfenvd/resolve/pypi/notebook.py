"""Facts about packages on one target, kept as long as the index pages that they were read from."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from mfenvd.atomic_write import write_for_a_while
from mfenvd.resolve.index.client import FRESH_FOR
from mfenvd.resolve.index.configuration import IndexConfiguration
from mfenvd.resolve.index.urls import path_of, userinfo

_log = logging.getLogger(__name__)

# Part of every key: another number whenever what is noted changes its form or its meaning.
_FORMAT = "1"

# Seconds after which nothing in a book can be fresh, nor a temporary file be still in use.
_USELESS_AFTER = 2 * FRESH_FOR

_T = TypeVar("_T")


class Note(msgspec.Struct, frozen=True, array_like=True):
    """A fact, still encoded.

    Attributes:
        written: When, in seconds since 1970.
        state: Of the packages' pages in local folders.
        fact: As msgpack.
    """

    written: float
    state: str
    fact: msgspec.Raw


_BOOK = msgspec.msgpack.Decoder(dict[str, Note])


class Notebook(Generic[_T]):
    """Facts of one kind by key. Losing them costs time only.

    Args:
        folder: Where the books lie, one file each; created when needed.
        kind: The class of the facts.
        config: Where the packages come from.
        parts: Whatever else the facts depend on.
        refresh: Take nothing from the book.
    """

    def __init__(
        self, folder: Path, kind: type[_T], config: IndexConfiguration, parts: Iterable[str], *, refresh: bool
    ) -> None:
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._places = [path for place in (*config.index_urls, *config.find_links) if (path := path_of(place))]
        # With other credentials an index may list other files.
        users = (str(userinfo(url)) for url in (*config.index_urls, *config.find_links))
        content = "\0".join((_FORMAT, kind.__name__, *config.shown, *users, *parts))
        self._path = folder / f"{hashlib.sha256(content.encode()).hexdigest()}.msgpack"
        self._now = time.time()
        self._notes = {} if refresh else self._read()
        self._changed = False

    def get(self, key: str, *packages: str) -> _T | None:
        """What is known under `key` about these packages; None when nothing is, or it is too old."""
        note = self._notes.get(key)
        if note is None or note.state != self._state(packages):
            return None
        return self._decoder.decode(note.fact)

    def put(self, key: str, *packages: str, fact: _T) -> None:
        """Notes what the pages of these packages say."""
        fact_as_bytes = msgspec.Raw(msgspec.msgpack.encode(fact))
        self._notes[key] = Note(self._now, self._state(packages), fact_as_bytes)
        self._changed = True

    def __iter__(self) -> Iterator[str]:
        """The keys of what is known."""
        return iter(self._notes)

    def save(self) -> None:
        """Keeps what is new; of two processes that do so at once one wins."""
        if not self._changed:
            return
        self._changed = False
        try:
            write_for_a_while(self._path, msgspec.msgpack.encode(self._notes), _USELESS_AFTER)
        except OSError as error:
            _log.warning("what was found out cannot be kept: %s", error)

    def _read(self) -> dict[str, Note]:
        try:
            notes = _BOOK.decode(self._path.read_bytes())
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return {key: note for key, note in notes.items() if 0 <= self._now - note.written < FRESH_FOR}

    def _state(self, packages: Iterable[str]) -> str:
        """Changes whenever a folder changes that may list one of them: those are always read as they are."""
        return " ".join(_changed(path, package) for path in self._places for package in packages)


def _changed(place: Path, package: str) -> str:
    found = []
    for path in (place, place / package / "index.html"):
        try:
            state = path.stat()
        except OSError:
            continue
        found.append(f"{state.st_mtime_ns}.{state.st_size}")
    return ",".join(found)
