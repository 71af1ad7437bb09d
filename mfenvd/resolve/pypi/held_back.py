"""What a target's GLIBC changes: packages that would be newer, and wheels that only Metaflow would take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from packaging.version import Version

from mfenvd.domain.finding import Finding
from mfenvd.domain.target import DEFAULT_GLIBC, Target, version_pair
from mfenvd.resolve.explain import Axis, fits, glibc_needed, rejection
from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.pypi import findings
from mfenvd.resolve.pypi.asked import Asked
from mfenvd.resolve.pypi.catalog import Catalog, releases
from mfenvd.resolve.pypi.check import most_wanted
from mfenvd.resolve.pypi.demands import Chosen, Demands

_Release = tuple[Version, tuple[DistFile, ...]]

METAFLOW_GLIBC = "2.38"
"""The newest for which Metaflow 2.19.39 accepts wheels (`pip_tags`), whatever image a step runs on."""


def glibc_findings(
    chosen: Sequence[Chosen], chains: Mapping[str, tuple[str, ...]], asked: Asked, target: Target, catalog: Catalog
) -> Iterator[Finding]:
    """What the target's GLIBC changes about the chosen packages; nothing off Linux.

    Args:
        chosen: The resolution.
        chains: From the root requirement to each of its packages.
        asked: The request on the target.
        target: Where.
        catalog: For other versions, and for what the packages say about each other.

    Raises:
        IndexProblem: A wheel's metadata cannot be had.
    """
    if not target.arch.is_linux:
        return
    demands = Demands(chosen, asked, target, catalog)

    def admitted(one: Chosen, version: Version) -> bool:
        return version == one.version or demands.on(one.name).contains(version, prereleases=True)

    for one in chosen:
        if one.pinned.url:
            continue
        versions = _possible(one, catalog.package(one.name), asked)
        newer = _newest_beyond(versions, target)
        if newer is not None and newer.parsed_version > one.version and admitted(one, newer.parsed_version):
            yield findings.held_back(chains[one.name], one.file, newer, target)
        picked = _metaflow_pick(versions, target)
        if picked is not None and admitted(one, picked.parsed_version):
            yield findings.metaflow_picks_too_new(chains[one.name], one.file, picked, target)


def _possible(one: Chosen, package: Listing, asked: Asked) -> list[_Release]:
    """The chosen version and those above it that the request admits, the newest first, without withdrawn files."""
    specifier = asked.specifier(one.name)
    pre = asked.pre or one.version.is_prerelease or bool(specifier.prereleases)
    found = []
    for version, files in releases(package):
        if version < one.version:
            break
        if version == one.version:
            found.append((version, files))
        elif specifier.contains(version, prereleases=True) and (pre or not version.is_prerelease):
            found.append((version, tuple(file for file in files if file.yanked is None)))
    return found


def _newest_beyond(versions: Iterable[_Release], target: Target) -> DistFile | None:
    """Of the newest version that only its GLIBC keeps from the target, the wheel that asks for the least."""
    for _, files in versions:
        if any(fits(file, target) for file in files):
            continue
        near = [file for file in files if file.is_wheel and _fails_on_glibc_alone(file, target)]
        if near:
            return min(near, key=lambda file: _needed(file, target))
    return None


def _fails_on_glibc_alone(file: DistFile, target: Target) -> bool:
    reason = rejection(file, target)
    return reason is not None and reason.axes == (Axis.GLIBC,)


def _metaflow_pick(versions: Iterable[_Release], target: Target) -> DistFile | None:
    """The wheel that Metaflow takes and the target cannot load; None when it takes one that works.

    Which of several wheels of a version it takes is left to chance, as its list of tags passes through a set: one
    that does not work counts.
    """
    metaflow = msgspec.structs.replace(target, glibc=METAFLOW_GLIBC)
    if (target.glibc_version or version_pair(DEFAULT_GLIBC)) >= version_pair(METAFLOW_GLIBC):
        return None
    for _, files in versions:
        takes = [file for file in files if fits(file, metaflow)]
        if takes:
            return most_wanted((file for file in takes if not fits(file, target)), metaflow)
    return None


def _needed(file: DistFile, target: Target) -> tuple[int, int]:
    return glibc_needed(file, target.arch) or (0, 0)
