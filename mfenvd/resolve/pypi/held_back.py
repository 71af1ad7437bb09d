"""What a target's GLIBC changes: packages that would be newer, and wheels that only Metaflow would take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mfenvd.domain.finding import Finding
from mfenvd.domain.target import DEFAULT_GLIBC, Target, version_pair
from mfenvd.resolve.explain import Axis, fits, glibc_needed, rejection
from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.pypi import findings
from mfenvd.resolve.pypi.check import most_wanted
from mfenvd.resolve.pypi.chosen import Beyond, Chosen
from mfenvd.resolve.pypi.demands import Demands

METAFLOW_GLIBC = "2.38"
"""The newest for which Metaflow 2.19.39 accepts wheels (`pip_tags`), whatever image a step runs on."""

_Release = tuple[Version, tuple[DistFile, ...]]


def beyond(package: Listing, chosen: Version, allowed: SpecifierSet, target: Target, *, pre: bool) -> Beyond:
    """What there is beyond the target's GLIBC, as far as the request admits it; nothing off Linux.

    Args:
        package: Which.
        chosen: Its version in the resolution.
        allowed: What the request says about it.
        target: Where.
        pre: Whether pre-releases are welcome everywhere.
    """
    if not target.arch.is_linux:
        return Beyond()
    pre = pre or chosen.is_prerelease or bool(allowed.prereleases)
    versions = list(_possible(package, chosen, allowed, pre=pre))
    newer = _newest_beyond(versions, target)
    if newer is not None and newer.parsed_version == chosen:
        newer = None
    return Beyond(newer, _metaflow_pick(versions, target))


def glibc_findings(
    chosen: Iterable[Chosen],
    demands: Demands,
    chain_of: Callable[[str], tuple[str, ...]],
    target: Target,
    *,
    metaflow: bool,
) -> Iterator[Finding]:
    """What to tell about a resolution, as far as its packages would go with other versions of each other.

    Args:
        chosen: The resolution.
        demands: What its packages say about each other.
        chain_of: From the root requirement to a package, by canonical name.
        target: Where.
        metaflow: Whether Metaflow itself would choose wheels by its own tags.

    Raises:
        IndexProblem: A wheel's metadata cannot be had.
    """

    def admitted(one: Chosen, file: DistFile | None) -> bool:
        if file is None:
            return False
        version = file.parsed_version
        return version == one.version or demands.on(one.name).contains(version, prereleases=True)

    for one in chosen:
        newer = one.beyond.newer if admitted(one, one.beyond.newer) else None
        picked = one.beyond.picked if metaflow and admitted(one, one.beyond.picked) else None
        # One finding where both are about the same version, as they mostly are.
        is_same = newer is not None and picked is not None and newer.parsed_version == picked.parsed_version
        if newer is not None:
            yield findings.held_back(chain_of(one.name), one.file, newer, target, metaflow_too=is_same)
        if picked is not None and not is_same:
            yield findings.metaflow_picks_too_new(chain_of(one.name), one.file, picked, target)


def _possible(package: Listing, chosen: Version, allowed: SpecifierSet, *, pre: bool) -> Iterator[_Release]:
    """The chosen version and those above it that the request admits, the newest first, without withdrawn files."""
    for version in package.versions:
        if version < chosen:
            return
        if version == chosen:
            yield version, package.of(version)
        elif (pre or not version.is_prerelease) and allowed.contains(version, prereleases=True):
            yield version, tuple(file for file in package.of(version) if file.yanked is None)


def _newest_beyond(versions: Iterable[_Release], target: Target) -> DistFile | None:
    """Of the newest version that only its GLIBC keeps from the target, the wheel that asks for the least."""
    for _, files in versions:
        if any(fits(file, target) for file in files):
            continue
        near = [file for file in files if file.is_wheel and _fails_on_glibc_alone(file, target)]
        if near:
            return min(near, key=lambda file: glibc_needed(file, target.arch) or (0, 0))
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
