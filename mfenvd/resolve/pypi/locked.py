"""From the files that a target gets to the packages of its resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from mfenvd.domain.redact import redact
from mfenvd.domain.request import Request
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.build import Built
from mfenvd.resolve.pypi.chosen import Chosen
from mfenvd.resolve.pypi.compiled import Pinned


def locked(
    request: Request, target: Target, chosen: Sequence[Chosen], requested: Sequence[str], built: Mapping[str, Built]
) -> Resolution:
    """The resolution.

    Args:
        request: What was asked for.
        target: Where.
        chosen: The packages, sorted by name.
        requested: Canonical names of those that the request names.
        built: Wheels that were made here, by their `file:` URL.
    """
    names = {one.name for one in chosen}
    needs: dict[str, list[str]] = {name: [] for name in names}
    for one in chosen:
        for parent in one.pinned.via:
            if parent in names:
                needs[parent].append(one.name)
    packages = tuple(
        _package(one, tuple(sorted(needs[one.name])), one.name in requested, built.get(one.file.url)) for one in chosen
    )
    return Resolution(request.key, target, packages)


def needing(resolution: Resolution, chosen: Sequence[Chosen], used: Sequence[Pinned]) -> Resolution:
    """`resolution` with what comes through installed packages, which are no part of it.

    Args:
        resolution: Of `chosen`.
        chosen: The packages.
        used: Installed packages that they need. What an extra of one of these needs, everybody needs who asks for it.
    """
    needs = {package.name: set(package.requires) for package in resolution.packages}
    there = {pinned.name: pinned for pinned in used}
    for pinned in (*used, *(one.pinned for one in chosen)):
        for parent in _askers(pinned, there):
            if parent in needs:
                needs[parent].add(pinned.name)
    packages = (
        msgspec.structs.replace(package, requires=tuple(sorted(needs[package.name] - {package.name})))
        for package in resolution.packages
    )
    return msgspec.structs.replace(resolution, packages=tuple(packages))


def _askers(pinned: Pinned, there: Mapping[str, Pinned]) -> set[str]:
    """Who needs a package, those in between that are installed left out."""
    askers: set[str] = set()
    waiting, seen = list(pinned.via), {pinned.name}
    while waiting:
        parent = waiting.pop()
        if parent in seen:
            continue
        seen.add(parent)
        if parent in there:
            waiting += there[parent].via
        else:
            askers.add(parent)
    return askers


def _package(one: Chosen, requires: tuple[str, ...], requested: bool, made: Built | None) -> LockedPackage:
    file = one.file
    return LockedPackage(
        name=one.name,
        version=file.version,
        filename=file.filename,
        url=redact(made.url if made else file.url),
        sha256=made.sha256 if made else file.sha256,
        size=None if made else file.size,
        requires=requires,
        requested=requested,
        built=made is not None and not made.source.is_wheel,
    )
