"""Who needs whom in a resolution."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from mfenvd.domain.resolution import LockedPackage


def chains(packages: Iterable[LockedPackage], name: str) -> tuple[tuple[str, ...], ...]:
    """Why `name` is there: one shortest chain from every requested package that needs it.

    Args:
        packages: A resolution's; cycles are fine.
        name: Canonical name of a package.

    Returns:
        Chains of canonical names from a requested package to `name`, both included, the shortest first. A
        requested `name` is a chain of its own. Empty when `name` is not there or nothing requested needs it.
    """
    return Graph(packages).chains(name)


class Graph:
    """The same for several names of one resolution."""

    def __init__(self, packages: Iterable[LockedPackage]) -> None:
        self._by_name = {package.name: package for package in packages}
        self._needed_by = _reversed(self._by_name)

    def chains(self, name: str) -> tuple[tuple[str, ...], ...]:
        """As `chains` of these packages."""
        if name not in self._by_name:
            return ()
        onwards: dict[str, str | None] = {name: None}
        waiting = deque([name])
        while waiting:
            current = waiting.popleft()
            for parent in self._needed_by.get(current, ()):
                if parent not in onwards:
                    onwards[parent] = current
                    waiting.append(parent)
        found = [_walk(root, onwards) for root in onwards if self._by_name[root].requested]
        return tuple(sorted(found, key=lambda chain: (len(chain), chain)))


def _reversed(by_name: dict[str, LockedPackage]) -> dict[str, list[str]]:
    needed_by: dict[str, list[str]] = {}
    for parent in sorted(by_name):
        for child in by_name[parent].requires:
            needed_by.setdefault(child, []).append(parent)
    return needed_by


def _walk(start: str, onwards: dict[str, str | None]) -> tuple[str, ...]:
    chain = []
    current: str | None = start
    while current is not None:
        chain.append(current)
        current = onwards[current]
    return tuple(chain)
