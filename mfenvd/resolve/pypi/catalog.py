"""What the indexes have, asked for once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

from packaging.version import Version

from mfenvd.resolve.index.client import IndexClient, Listing
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
    """Packages and wheels as one resolve sees them.

    Args:
        client: Where they come from.
        fresh: Makes a client that takes nothing from its cache without asking.
    """

    def __init__(self, client: IndexClient, fresh: Callable[[], AbstractContextManager[IndexClient]]) -> None:
        self._client = client
        self._fresh = fresh
        self._renewed: dict[str, Listing] = {}

    def package(self, name: str) -> Listing:
        """The package of canonical name `name`.

        Raises:
            NoSuchPackage: No index has it.
            IndexProblem: An index gives no answer.
        """
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
        answers: dict[str, Answer] = {**self._client.listings_of_many(names)}
        return {name: self._renewed.get(name, answer) for name, answer in answers.items()}

    def renewed(self, name: str) -> Listing:
        """The package as the indexes have it now: uv may have seen a page that is newer than the stored one.

        Raises:
            NoSuchPackage: No index has it.
            IndexProblem: An index gives no answer.
        """
        if name not in self._renewed:
            with self._fresh() as client:
                self._renewed[name] = client.listing(name)
        return self._renewed[name]

    def metadata(self, files: Iterable[DistFile]) -> dict[DistFile, Metadata]:
        """What each of the wheels says about itself.

        Raises:
            IndexProblem: One of them cannot be had.
        """
        found = {}
        for file, answer in self._client.metadata_of_many(files).items():
            if isinstance(answer, IndexProblem):
                raise answer
            found[file] = answer
        return found
