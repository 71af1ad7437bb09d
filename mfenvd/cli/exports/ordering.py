"""Packages in an order in which each comes after what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mfenvd.domain.resolution import LockedPackage


def dependencies_first(packages: Sequence[LockedPackage]) -> tuple[LockedPackage, ...]:
    """`packages` with each after those that it requires; where they require each other, by name."""
    by_name = {package.name: package for package in sorted(packages, key=lambda package: package.name)}
    ordered: dict[str, LockedPackage] = {}
    entered: set[str] = set()
    # Not recursive: a chain of dependencies may be longer than Python's stack.
    for root, package in by_name.items():
        stack: list[tuple[str, Iterable[str]]] = [(root, iter(package.requires))]
        while stack:
            name, needs = stack[-1]
            entered.add(name)
            need = next((each for each in needs if each in by_name and each not in entered), None)
            if need is not None:
                stack.append((need, iter(by_name[need].requires)))
            else:
                stack.pop()
                ordered.setdefault(name, by_name[name])
    return tuple(ordered.values())
