"""Pages as they were last read, asked for again when they are old."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mfenvd.resolve.index.cache import AnswerCache
from mfenvd.resolve.index.errors import IndexUnreachable, IndexUnreadable
from mfenvd.resolve.index.releases import Releases
from mfenvd.resolve.index.transport import Transport
from mfenvd.resolve.index.turns import one_at_a_time

if TYPE_CHECKING:
    import requests

# Part of every key: another number whenever what is stored changes its form or its meaning.
_FORMAT = "3"

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.2, text/html; q=0.01"
"""The kinds of page that are understood, in the order of preference that PEP 691 recommends."""

# Seconds. A package that was not there may be published at any moment.
_ABSENCE_FRESH_FOR = 60.0


class Page(msgspec.Struct, frozen=True, array_like=True):
    """What a page listed.

    Attributes:
        checked: When the index last said so, in seconds since 1970.
        releases: None when there is no such page.
        etag: As the index gave it, for asking whether it changed.
        modified: Likewise its Last-Modified.
    """

    checked: float
    releases: Releases | None
    etag: str | None = None
    modified: str | None = None


class NotStoredError(LookupError):
    """Answering needs the network, and the caller asked for what is at hand."""


_DECODER = msgspec.msgpack.Decoder(Page)


class PageStore:
    """Pages by URL, in memory of nobody: the disk's copy is shared by all processes.

    Args:
        cache: Where pages are kept.
        transport: How they are got.
        way: Tells ways of getting them apart: what fails on one, as for want of a certificate, may not on another.
        fresh_for: Seconds for which a page is taken as it is.
        offline: Never ask; what is stored is used however old it is.
    """

    def __init__(self, cache: AnswerCache, transport: Transport, way: str, *, fresh_for: float, offline: bool) -> None:
        self._cache = cache
        self._transport = transport
        self._way = way
        self._fresh_for = fresh_for
        self._offline = offline

    def page(
        self,
        url: str,
        index: str,
        user: str,
        parse: Callable[[requests.Response], Releases],
        *,
        ask: bool = True,
    ) -> tuple[Page, bool]:
        """The page at `url`, and whether it is stale: stored earlier, as the index does not answer now.

        Args:
            url: Without credentials.
            index: For messages.
            user: Whose view of the index it is, as a secret; with other credentials it may list other files.
            parse: Reads an answer.
            ask: Whether the network may be used.

        Raises:
            IndexProblem: It cannot be had, and there is none to stand in.
            NotStoredError: Without `ask`, there is no fresh one.
        """
        key = cache_key("page", url, user)
        stored = self._stored(key)
        if stored is not None and self._is_fresh(stored):
            return stored, False
        if not ask:
            raise NotStoredError(url)
        since = time.time()
        # Several resolves want the same pages at the same moment: one asks, and the others have its answer.
        with one_at_a_time(f"{key} {self._way}") as turn:
            if turn.is_answered:
                stored = self._stored(key)
                if stored is not None and (self._is_fresh(stored) or stored.checked >= since):
                    return stored, False
            try:
                if turn.failure is not None:
                    raise turn.failure
                page = self._asked(url, index, stored, parse)
            except (IndexUnreachable, IndexUnreadable) as failure:
                turn.failure = failure
                # A page instead of the page is what a hotel's network answers: no better than no answer.
                if stored is None or stored.releases is None:
                    raise
                return stored, True
            self._cache.put(key, msgspec.msgpack.encode(page))
            return page, False

    def local_page(self, path: Path, shown: str, parse: Callable[[bytes], Releases]) -> Page | None:
        """The page in file `path`, parsed once for each of its states; None when there is no such file.

        Args:
            path: Of an HTML page.
            shown: The index, for messages.
            parse: Reads its content.

        Raises:
            IndexUnreadable: It is there and cannot be read or parsed.
        """
        try:
            state = path.stat()
            key = cache_key("file", str(path), str(state.st_mtime_ns), str(state.st_size))
            stored = self._stored(key)
            if stored is not None:
                return stored
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise IndexUnreadable(shown, f"a page that cannot be read ({error.strerror})") from error
        page = Page(time.time(), parse(content))
        self._cache.put(key, msgspec.msgpack.encode(page))
        return page

    def _asked(self, url: str, index: str, stored: Page | None, parse: Callable[[requests.Response], Releases]) -> Page:
        if self._offline:
            raise IndexUnreachable(index, "mfenv is told to stay offline")
        headers = {"Accept": ACCEPT}
        if stored is not None and stored.etag:
            headers["If-None-Match"] = stored.etag
        elif stored is not None and stored.modified:
            headers["If-Modified-Since"] = stored.modified
        response = self._transport.get(url, index=index, headers=headers)
        now = time.time()
        if response.status_code == 304 and stored is not None:
            return msgspec.structs.replace(stored, checked=now)
        if response.status_code in {404, 410}:
            return Page(now, None)
        if response.status_code != 200:
            raise IndexUnreadable(index, f"HTTP status {response.status_code}")
        return Page(now, parse(response), response.headers.get("ETag"), response.headers.get("Last-Modified"))

    def _is_fresh(self, page: Page) -> bool:
        age = time.time() - page.checked
        limit = self._fresh_for if page.releases is not None else min(self._fresh_for, _ABSENCE_FRESH_FOR)
        return 0 <= age < limit

    def _stored(self, key: str) -> Page | None:
        content = self._cache.get(key)
        if content is None:
            return None
        try:
            return _DECODER.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


def cache_key(*parts: str) -> str:
    """A key for the answer cache in which nothing of `parts` can be read."""
    return hashlib.sha256("\0".join((_FORMAT, *parts)).encode()).hexdigest()
