"""Who needs whom in a resolution."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

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


class Node(msgspec.Struct, frozen=True):
    """A package in the tree of what needs what.

    Attributes:
        package: The package.
        needs: What it needs; empty where `repeated`.
        repeated: Whether what it needs stands elsewhere in the tree already, nearer to a root.
    """

    package: LockedPackage
    needs: tuple[Node, ...] = ()
    repeated: bool = False


def tree(packages: Iterable[LockedPackage]) -> tuple[Node, ...]:
    """A resolution from the packages that were asked for down to all that they need.

    Each package is opened once, at its place nearest to a root, so that the tree is no larger than the resolution's
    edges; cycles end there too. What nothing requested needs (a conda environment's Python, for example, where the
    request does not name it) is a root of its own.
    """
    by_name = {package.name: package for package in packages}
    roots = [package.name for package in by_name.values() if package.requested]
    opened: dict[str, list[str]] = {}
    _open(roots, by_name, opened)
    for name in by_name:
        # What is left over is reached from whatever of it nothing needs; a cycle from its first by name.
        if name not in opened and not any(name in other.requires for other in by_name.values()):
            roots.append(name)
            _open([name], by_name, opened)
    for name in sorted(by_name.keys() - opened.keys()):
        if name not in opened:
            roots.append(name)
            _open([name], by_name, opened)
    return _grown(roots, by_name, opened)


def _open(names: list[str], by_name: dict[str, LockedPackage], opened: dict[str, list[str]]) -> None:
    """Breadth first: notes which of its needs each package is the one to open."""
    waiting = deque(name for name in names if name not in opened)
    opened.update({name: [] for name in waiting})
    while waiting:
        current = waiting.popleft()
        for child in by_name[current].requires:
            if child in by_name and child not in opened:
                opened[child] = []
                opened[current].append(child)
                waiting.append(child)


def _grown(names: Iterable[str], by_name: dict[str, LockedPackage], opened: dict[str, list[str]]) -> tuple[Node, ...]:
    grown: dict[str, Node] = {}

    def grow(name: str) -> Node:
        package = by_name[name]
        needs = tuple(
            grown[child] if child in opened[name] else Node(by_name[child], repeated=bool(by_name[child].requires))
            for child in package.requires
            if child in by_name
        )
        return Node(package, needs)

    # Children before parents, without recursion: chains may be longer than Python's stack.
    order = list(dict.fromkeys(names))
    for name in order:  # which grows meanwhile: the children of children come, too
        order.extend(opened[name])
    for name in reversed(order):
        grown[name] = grow(name)
    return tuple(grown[name] for name in dict.fromkeys(names))


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
