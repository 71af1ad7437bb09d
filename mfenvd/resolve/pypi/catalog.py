"""The files of packages, by version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cached_property

from packaging.version import Version

from mfenvd.resolve.index.client import IndexClient
from mfenvd.resolve.index.errors import IndexProblem, NoSuchPackage
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.metadata import Metadata


class Package:
    """All files of one package, wheels and source distributions, in pip's order."""

    def __init__(self, name: str, files: tuple[DistFile, ...]) -> None:
        self.name = name
        self.files = files

    @cached_property
    def by_version(self) -> dict[Version, tuple[DistFile, ...]]:
        """The newest version first."""
        found: dict[Version, list[DistFile]] = {}
        for file in self.files:
            found.setdefault(file.parsed_version, []).append(file)
        return {version: tuple(found[version]) for version in sorted(found, reverse=True)}

    @cached_property
    def says_python(self) -> bool:
        """Whether the index passes on `Requires-Python` at all."""
        return any(file.requires_python for file in self.files)


class Catalog:
    """Packages as asked for, each looked up once.

    Args:
        client: Where they come from.
        fresh: Makes a client that takes nothing from its cache without asking.
    """

    def __init__(self, client: IndexClient, fresh: Callable[[], AbstractContextManager[IndexClient]]) -> None:
        self._client = client
        self._fresh = fresh
        self._packages: dict[str, Package] = {}

    def package(self, name: str) -> Package:
        """The package of canonical name `name`.

        Raises:
            NoSuchPackage: No index has it.
            IndexProblem: An index gives no answer.
        """
        return self.require((name,))[name]

    def require(self, names: Iterable[str]) -> dict[str, Package]:
        """Each of `names` (canonical), looked up at the same time.

        Raises:
            NoSuchPackage: No index has one of them.
            IndexProblem: An index gives no answer for one of them.
        """
        found = {}
        for name, answer in self.look_up(names).items():
            if not isinstance(answer, Package):
                raise answer
            found[name] = answer
        return found

    def look_up(self, names: Iterable[str]) -> dict[str, Package | IndexProblem | NoSuchPackage]:
        """Likewise, with the exception as the value where there is one."""
        wanted = list(dict.fromkeys(names))
        answers = self._client.files_of_many(name for name in wanted if name not in self._packages)
        for name, files in answers.items():
            if isinstance(files, tuple):
                self._packages[name] = Package(name, files)
        return {name: self._packages.get(name) or _problem(answers[name]) for name in wanted}

    def renewed(self, name: str) -> Package:
        """The package as the indexes have it now: uv may have seen a page that is newer than the stored one.

        Raises:
            NoSuchPackage: No index has it.
            IndexProblem: An index gives no answer.
        """
        with self._fresh() as client:
            self._packages[name] = Package(name, client.files(name))
        return self._packages[name]

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


def _problem(answer: object) -> IndexProblem | NoSuchPackage:
    assert isinstance(answer, (IndexProblem, NoSuchPackage))  # noqa: S101 - every other answer became a package
    return answer
