"""What the indexes have, asked for once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from packaging.version import Version
from typing_extensions import Self

from mfenvd.resolve.index.client import FRESH_FOR, IndexClient, Listing
from mfenvd.resolve.index.errors import IndexProblem, NoSuchPackage
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.metadata import Metadata

Answer = Listing | IndexProblem | NoSuchPackage


def releases(listing: Listing) -> Iterator[tuple[Version, tuple[DistFile, ...]]]:
    """Each version with its files, the newest first."""
    for version in listing.versions:
        yield version, listing.of(version)


def passes_on_python(listing: Listing) -> bool:
    """Whether the index says of any file for which Pythons it is."""
    return any(file.requires_python for _, files in releases(listing) for file in files)


class Catalog:
    """Packages and wheels as one resolve sees them; a context manager. `prepare` may be called from any thread.

    Args:
        connect: Makes a client that takes stored pages up to an age in seconds; asked only when something is looked up.
    """

    def __init__(self, connect: Callable[[float], IndexClient]) -> None:
        self._connect = connect
        self._renewed: dict[str, Listing] = {}
        self._connecting = threading.Lock()
        self._connected: IndexClient | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    @property
    def _client(self) -> IndexClient:
        with self._connecting:
            if self._connected is None:
                self._connected = self._open.enter_context(self._connect(FRESH_FOR))
            return self._connected

    @property
    def stale(self) -> dict[str, float]:
        """Indexes that do not answer, with the time of the pages that are used instead, in seconds since 1970."""
        return self._connected.stale if self._connected else {}

    def package(self, name: str) -> Listing:
        """The package of canonical name `name`; raises as `require` does."""
        return self.require((name,))[name]

    def require(self, names: Iterable[str]) -> dict[str, Listing]:
        """Each of `names` (canonical), looked up at the same time.

        Raises:
            NoSuchPackage: No index has one of them.
            IndexProblem: An index gives no answer for one of them.
        """
        found = {}
        for name, answer in self.look_up(names).items():
            if not isinstance(answer, Listing):
                raise answer
            found[name] = answer
        return found

    def look_up(self, names: Iterable[str]) -> dict[str, Answer]:
        """Likewise, with the exception as the value where there is one."""
        names = tuple(names)
        answers: dict[str, Answer] = {**self._client.listings_of_many(names)} if names else {}
        return {name: self._renewed.get(name, answer) for name, answer in answers.items()}

    def prepare(self, names: Iterable[str]) -> None:
        """Looks up what will be wanted, from a thread that has nothing else to ask."""
        try:
            self.look_up(names)
        finally:
            self._client.leave()

    def renewed(self, name: str) -> Listing:
        """The package as the indexes have it now: uv may have seen a page that is newer than the stored one.

        Raises:
            NoSuchPackage: No index has it.
            IndexProblem: An index gives no answer.
        """
        if name not in self._renewed:
            with self._connect(0.0) as client:
                self._renewed[name] = client.listing(name)
        return self._renewed[name]

    def metadata(self, files: Iterable[DistFile]) -> dict[DistFile, Metadata]:
        """What each of the wheels says about itself.

        Raises:
            IndexProblem: One of them cannot be had.
        """
        files = tuple(files)
        found = {}
        for file, answer in (self._client.metadata_of_many(files) if files else {}).items():
            if isinstance(answer, IndexProblem):
                raise answer
            found[file] = answer
        return found
