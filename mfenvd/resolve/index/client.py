"""What all configured indexes have for a package, from disk where that is fresh enough."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import TypeVar

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import Version
from typing_extensions import Self

from mfenvd.resolve.index.cache import AnswerCache
from mfenvd.resolve.index.configuration import IndexConfiguration
from mfenvd.resolve.index.errors import IndexProblem, IndexRefuses, IndexUnreachable, NoSuchPackage
from mfenvd.resolve.index.files import DistFile, parse_version, version_key
from mfenvd.resolve.index.metadata import Metadata, fetch_metadata
from mfenvd.resolve.index.places import Found, index_place, link_places
from mfenvd.resolve.index.store import NotStoredError, PageStore, cache_key
from mfenvd.resolve.index.transport import LateTransport
from mfenvd.resolve.index.urls import path_of

FRESH_FOR = 600.0
"""Seconds for which a page is used without asking again: the age that public indexes allow."""

CONNECTIONS = 16
"""Questions that one client asks at once, whoever wants to know."""

_NEXT_CONNECTION = 0.02
"""Seconds until one more connection is opened: an index that is near has answered by then, and fewer cost less."""

_METADATA = msgspec.msgpack.Decoder(Metadata)

_T = TypeVar("_T")
_R = TypeVar("_R")


class Listing:
    """All files of one package, by version.

    Attributes:
        name: Canonical name.
        stale: `(index, since)` for each index that did not answer and whose page of `since` (seconds since 1970) was
            used instead.
    """

    def __init__(self, name: str, answers: Sequence[tuple[str, Found]]) -> None:
        self.name = name
        self._places = [found.releases for _, found in answers if found.releases is not None]
        self._files: dict[str, tuple[DistFile, ...]] = {}
        self.stale = tuple((shown, found.stale) for shown, found in answers if found.releases and found.stale)

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """All that have a file, the newest first."""
        return _newest_first(tuple(dict.fromkeys(key for place in self._places for key in place.listed)))

    def of(self, version: Version | str) -> tuple[DistFile, ...]:
        """The files of one version, in any spelling, merged from all places; none where it does not exist.

        Of two files that are otherwise equal, pip takes the later one.

        Raises:
            InvalidVersion: `version` is not one.
            IndexUnreadable: An index lists something else than files there.
        """
        key = version_key(str(version))
        if key not in self._files:
            self._files[key] = _merged(place.of(key) for place in self._places)
        return self._files[key]

    @cached_property
    def files(self) -> tuple[DistFile, ...]:
        """The files of all versions, the oldest first."""
        return tuple(file for version in reversed(self.versions) for file in self.of(version))


class IndexClient:
    """Answers from the indexes of one configuration; safe to use from several threads and processes at once.

    Args:
        config: Where to look.
        cache_dir: mfenv's cache folder; its subfolder `index` is used.
        environ: The project's variables, for the `keyring` command.
        fresh_for: Seconds for which a stored page is used without asking; 0 to refresh.
        offline: Never ask: what is not stored counts as unreachable.
    """

    def __init__(
        self,
        config: IndexConfiguration,
        cache_dir: Path,
        environ: Mapping[str, str] | None = None,
        *,
        fresh_for: float = FRESH_FOR,
        offline: bool = False,
    ) -> None:
        self.config = config
        self._offline = offline
        self._cache = AnswerCache(cache_dir / "index")
        self._transport = LateTransport(config, environ or {})
        pages = PageStore(self._cache, self._transport, config.way, fresh_for=fresh_for, offline=offline)
        self._places = (
            *link_places(config.find_links, pages),
            *(index_place(url, pages) for url in config.index_urls),
        )
        self._listings: dict[str, Listing] = {}
        self._asking = threading.BoundedSemaphore(CONNECTIONS)

    def files(self, name: str) -> tuple[DistFile, ...]:
        """`listing(name).files`."""
        return self.listing(name).files

    def listing(self, name: str) -> Listing:
        """What all indexes and find-links have for package `name`, in any spelling.

        Raises:
            NoSuchPackage: All answered, none has it.
            IndexUnreachable: An index does not answer and nothing is stored that could stand in.
            IndexRefuses: An index wants other credentials. A 403 counts only when no index has the package: some
                indexes answer so for whatever they do not have.
            IndexUnreadable: An index answers with something that is not a page.
        """
        name = canonicalize_name(name)
        return self._listings.get(name) or self._look_up(name)

    def listings_of_many(self, names: Iterable[str]) -> dict[str, Listing | IndexProblem | NoSuchPackage]:
        """`listing` of each name, by canonical name; where it would raise, the exception itself is the value."""

        def one(name: str, *, ask: bool) -> Listing | IndexProblem | NoSuchPackage:
            try:
                return self._listings.get(name) or self._look_up(name, ask=ask)
            except (IndexProblem, NoSuchPackage) as error:
                return error

        return self._all(one, list(dict.fromkeys(canonicalize_name(name) for name in names)))

    def metadata(self, file: DistFile) -> Metadata:
        """What wheel `file` says about itself. A wheel never changes, so it is asked for once.

        Raises:
            ValueError: `file` is not a wheel.
            IndexProblem: It cannot be had.
        """
        return self._metadata(file)

    def metadata_of_many(self, files: Iterable[DistFile]) -> dict[DistFile, Metadata | IndexProblem]:
        """`metadata` of each file; where it would raise an IndexProblem, that is the value."""

        def one(file: DistFile, *, ask: bool) -> Metadata | IndexProblem:
            try:
                return self._metadata(file, ask=ask)
            except IndexProblem as error:
                return error

        return self._all(one, list(dict.fromkeys(files)))

    @property
    def stale(self) -> dict[str, float]:
        """Of all answers so far: `{index: since}` as in `Listing.stale`, the oldest page of each index."""
        found: dict[str, float] = {}
        for listing in list(self._listings.values()):
            for index, since in listing.stale:
                found[index] = min(since, found.get(index, since))
        return found

    def leave(self) -> None:
        """Closes the calling thread's own connection to the cache, as it ends or asks no more; others go on."""
        self._cache.close()

    def close(self) -> None:
        self._transport.close()
        self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _look_up(self, name: str, *, ask: bool = True) -> Listing:
        answers: list[tuple[str, Found]] = []
        forbidden: IndexRefuses | None = None
        for place in self._places:
            try:
                answers.append((place.shown, place.find(name, ask=ask)))
            except IndexRefuses as error:
                if error.status != 403:
                    raise
                forbidden = forbidden or error
        if all(found.releases is None for _, found in answers):
            raise forbidden or NoSuchPackage(name, self.config.shown)
        listing = self._listings[name] = Listing(name, answers)
        return listing

    def _metadata(self, file: DistFile, *, ask: bool = True) -> Metadata:
        if path_of(file.url) is not None:
            return fetch_metadata(file, self._transport)
        key = cache_key("metadata", file.url, file.sha256 or "", str(file.size))
        stored = self._cache.get(key)
        if stored is not None:
            try:
                return _METADATA.decode(stored)
            except (msgspec.DecodeError, UnicodeDecodeError):
                stored = None
        if not ask:
            raise NotStoredError(file.url)
        if self._offline:
            raise IndexUnreachable(file.index, "mfenv is told to stay offline")
        found = fetch_metadata(file, self._transport)
        self._cache.put(key, msgspec.msgpack.encode(found))
        return found

    def _all(self, one: Callable[..., _R], items: Sequence[_T]) -> dict[_T, _R]:
        """`one` of each: what is at hand from here, the rest from several threads at once."""
        results: dict[_T, _R] = {}
        missing: list[_T] = []
        for item in items:
            try:
                results[item] = one(item, ask=False)
            except NotStoredError:
                missing.append(item)
        turns = iter(missing)
        lock = threading.Lock()
        all_begun = threading.Event()

        def work() -> None:
            try:
                while True:
                    with lock:
                        item = next(turns, None)
                    if item is None:
                        all_begun.set()
                        return
                    with self._asking:
                        results[item] = one(item, ask=True)
            finally:
                self.leave()

        count = min(CONNECTIONS, len(missing))
        if count:
            with ThreadPoolExecutor(count, thread_name_prefix="index") as pool:
                working: list[Future[None]] = []
                while len(working) < count and not (working and all_begun.wait(_NEXT_CONNECTION)):
                    working.append(pool.submit(work))
                for future in working:
                    future.result()
        return {item: results[item] for item in items}


@lru_cache(maxsize=256)
def _newest_first(versions: tuple[str, ...]) -> tuple[Version, ...]:
    """Remembered, as each target of an environment and each save asks about the same packages."""
    return tuple(sorted(map(parse_version, versions), reverse=True))


def _merged(places: Iterable[tuple[DistFile, ...]]) -> tuple[DistFile, ...]:
    """The files of all places, each once: the same file in two places is the later one's, as pip takes it."""
    last: dict[tuple[str, str | None], DistFile] = {}
    for file in chain.from_iterable(places):
        key = (file.filename, file.sha256)
        earlier = last.pop(key, None)
        last[key] = file if earlier is None else _completed(file, earlier)
    return tuple(last.values())


def _completed(file: DistFile, same: DistFile) -> DistFile:
    """`file`, with what its index leaves out and another index says about the same file."""
    if file.size == same.size and file.requires_python == same.requires_python:
        return file
    return msgspec.structs.replace(
        file, size=file.size or same.size, requires_python=file.requires_python or same.requires_python
    )
