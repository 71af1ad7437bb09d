"""Versions that lead nowhere on a target, as they need a package of which nothing fits there.

uv tries them one by one, and what they need as well. Told about them in advance, it goes to the first version that
works.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Container, Iterable, Iterator
from functools import lru_cache, partial
from itertools import chain

import msgspec
from packaging.version import InvalidVersion, Version

from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.index.errors import IndexProblem
from mfenvd.resolve.index.files import parse_version
from mfenvd.resolve.pypi.asked import name_of
from mfenvd.resolve.pypi.catalog import Catalog
from mfenvd.resolve.pypi.check import Rules, exclusion
from mfenvd.resolve.pypi.compiled import Log, Need, parse_needs
from mfenvd.resolve.pypi.metadata_override import requirements_on
from mfenvd.resolve.pypi.notebook import Notebook

# Versions whose metadata is fetched to tell whether they are dead.
_MOST_READ = 100

_BOUND = re.compile(r"(?P<operator>==|>=|<=|>|<)(?P<version>[^\s+]+(\+[a-z0-9.]+)?)(?P<local>\+?)")


class DeadEnd(msgspec.Struct, frozen=True, array_like=True):
    """A version that cannot be part of any resolution on the target.

    Attributes:
        constraint: What rules it out.
    """

    constraint: str


class Way(msgspec.Struct, frozen=True, array_like=True):
    """A version of a range that fits by its wheels and is no dead end; empty when there is none."""

    version: str


class DeadEnds:
    """Finds dead ends in what uv gave up, and remembers them.

    Args:
        rules: Decide about files.
        catalog: What there is.
        known: Dead ends from before.
        ranges: What is known about ranges of versions.
        installed: Canonical names of packages that need no wheel.
    """

    def __init__(
        self,
        rules: Rules,
        catalog: Catalog,
        known: Notebook[DeadEnd],
        ranges: Notebook[Way],
        installed: Collection[str] = (),
    ) -> None:
        self._rules = rules
        self._catalog = catalog
        self._known = known
        self._ranges = ranges
        self._constraints: dict[str, None] = {}
        # Packages whose versions are being looked into: two may need each other.
        self._looking: set[str] = set()
        # By package: its dead versions, each with the packages that make it dead.
        self._because: dict[str, dict[Version, tuple[str, ...]]] = {}
        for key in known:
            name, version, *because = key.split(" ")
            dead_end = known.get(key, name, *because)
            if dead_end is not None and not {name, *because}.intersection(installed):
                self._remember(name, Version(version), tuple(because), dead_end)

    @property
    def constraints(self) -> Iterable[str]:
        """What rules them out."""
        return tuple(self._constraints)

    def learn(self, log: Log, abandoned: Container[str], suspects: Iterable[str], unclear: Collection[str]) -> bool:
        """Whether there are dead ends among what uv gave up that were not known.

        Args:
            log: What uv went by.
            abandoned: `NAME==VERSION` of what is not in its answer.
            suspects: Canonical names of packages some of whose versions do not fit.
            unclear: Those on which the request has a word besides the wheels: the log does not tell the two apart.
        """
        suspects = set(suspects).difference(unclear)
        found = False
        while True:
            before = len(self._constraints)
            # What needs a version that was just found to be dead may be dead as well.
            for need in parse_needs(log.needs, abandoned, suspects.union(self._because).difference(unclear)):
                self._judge(need)
            if len(self._constraints) == before:
                return found
            found = True

    def save(self) -> None:
        """Keeps what was found out for next time."""
        self._known.save()
        self._ranges.save()

    def _judge(self, need: Need) -> None:
        if parse_version(need.version) not in self._because.get(need.name, ()) and self._is_barren(need):
            self._note(need)

    def _is_barren(self, need: Need) -> bool:
        """Whether all versions of what is needed do not fit, or are dead; in doubt not."""
        key = f"{need.needed} {need.versions}"
        known = self._ranges.get(key, need.needed)
        dead = self._because.get(need.needed, {})
        if known is not None and (not known.version or parse_version(known.version) not in dead):
            return not known.version
        package = self._listing(need.needed)
        if package is None:
            return False
        way = self._way(package, need.versions)
        # Dead ends may come to life by other packages' pages, which the note would not see.
        if not package.stale and (way is not None or not dead):
            self._ranges.put(key, need.needed, fact=Way(str(way or "")))
        return way is None

    def _way(self, package: Listing, versions: str) -> Version | None:
        """A version of a range that fits and is not dead, as far as is known."""
        dead = self._because.get(package.name, {})
        left = []
        for version in self._fitting(package, versions):
            if version not in dead:
                left.append(version)
                if not _is_last_resort(package, version):
                    return version
        if dead and len(left) <= _MOST_READ and package.name not in self._looking:
            # uv tries these as well, one in each round, when everything else is ruled out.
            self._looking.add(package.name)
            self._look_into(package, left)
            self._looking.remove(package.name)
        return next((version for version in left if version not in self._because.get(package.name, {})), None)

    def _look_into(self, package: Listing, versions: Iterable[Version]) -> None:
        """Finds out whether versions are dead that uv did not try, by what their wheels say."""
        chosen = {version: file for version in versions if (file := self._rules.best(package.of(version)))}
        try:
            metadata = self._catalog.metadata(chosen.values())
        except IndexProblem:
            return
        for version, file in chosen.items():
            for requirement in requirements_on(metadata[file], self._rules.target):
                needed = name_of(requirement)
                if needed in self._because_of(package.name) and not requirement.url:
                    self._judge(Need(package.name, str(version), needed, str(requirement.specifier) or "*"))

    def _fitting(self, package: Listing, versions: str) -> Iterator[Version]:
        """The versions of a range that fit by their wheels, the newest first."""
        for version in package.versions:
            if is_within(version, versions) and any(map(self._rules.admits, package.of(version))):
                yield version

    def _listing(self, name: str) -> Listing | None:
        answer = self._catalog.look_up((name,))[name]
        return answer if isinstance(answer, Listing) else None

    def _note(self, need: Need) -> None:
        package = self._listing(need.name)
        version = parse_version(need.version)
        constraint = exclusion(need.name, version, package.versions) if package is not None else None
        if package is None or constraint is None:
            return
        because = tuple(sorted({need.needed, *self._because_of(need.needed)}))
        dead_end = DeadEnd(constraint)
        self._remember(need.name, version, because, dead_end)
        if not self._catalog.stale:
            key = " ".join((need.name, need.version, *because))
            self._known.put(key, need.name, *because, fact=dead_end)

    def _because_of(self, name: str) -> set[str]:
        """The packages that make versions of package `name` dead."""
        return set(chain.from_iterable(self._because.get(name, {}).values()))

    def _remember(self, name: str, version: Version, because: tuple[str, ...], dead_end: DeadEnd) -> None:
        self._because.setdefault(name, {})[version] = because
        self._constraints[dead_end.constraint] = None


def _is_last_resort(package: Listing, version: Version) -> bool:
    return version.is_prerelease or all(file.yanked is not None for file in package.of(version))


def is_within(version: Version, versions: str) -> bool:
    """Whether a range in uv's notation may hold `version`; in doubt it does.

    `1.0+` is 1.0 with the last of its local versions. What is not understood bounds nothing.
    """
    return any(all(map(partial(_is_inside, version), bounds)) for bounds in _alternatives(versions))


def _is_inside(version: Version, bound: tuple[str, Version]) -> bool:
    operator, limit = bound
    if operator == "<":
        return version < limit
    if operator == "<=":
        return version <= limit or parse_version(version.public) <= limit
    return version >= limit and (operator != "==" or parse_version(version.public) == parse_version(limit.public))


@lru_cache(maxsize=4096)
def _alternatives(versions: str) -> tuple[tuple[tuple[str, Version], ...], ...]:
    """`>=1.6, <2 | ==3` taken apart; a part that is not understood has no bounds."""
    return tuple(tuple(_bounds(part)) for part in versions.split("|"))


def _bounds(part: str) -> Iterator[tuple[str, Version]]:
    for text in part.split(","):
        match = _BOUND.fullmatch(text.strip())
        if match is not None:
            with contextlib.suppress(InvalidVersion):
                operator = "<=" if match["local"] and match["operator"] == "<" else match["operator"]
                yield operator, parse_version(match["version"])
