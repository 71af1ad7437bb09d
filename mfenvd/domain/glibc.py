"""What the packages of a resolution ask of the GLIBC, and what another image would change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding
from mfenvd.domain.image_table import GLIBC, MUSL, TITLES
from mfenvd.domain.platforms import parse_platform
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.target import Target, version_pair

Level = tuple[int, int]
"""`(2, 17)`."""

_NEEDS, _HAS = "needs_glibc", "has_glibc"
_MOST_IMAGES = 3


class Need(msgspec.Struct, frozen=True):
    """What one package asks for.

    Attributes:
        name: Of the package.
        version: The version that asks.
        level: The oldest GLIBC that it runs with.
        chosen: Whether it is in the resolution; else a finding says that it would be, or should be.
        instead: The version that is taken in its place; None where none is.
    """

    name: str
    version: str
    level: Level
    chosen: bool = True
    instead: str | None = None


class Outlook(msgspec.Struct, frozen=True):
    """What an image with another GLIBC would change.

    Attributes:
        level: Its GLIBC.
        images: Releases of distributions that have it, as `Debian 12`.
        breaks: Of the packages in the resolution, those that do not run there.
        mends: What is held back or missing now, and would not be.
    """

    level: Level
    images: tuple[str, ...]
    breaks: tuple[Need, ...] = ()
    mends: tuple[Need, ...] = ()


@lru_cache(maxsize=4096)
def wheel_glibc(filename: str, arch: Arch) -> Level | None:
    """The oldest GLIBC that a wheel runs with on `arch`, by its name (PEP 600); None when it asks for none."""
    try:
        tags = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return None
    platforms = [parse_platform(tag.platform) for tag in tags]
    levels = [platform.glibc for platform in platforms if platform.runs_on(arch)]
    known = [level for level in levels if level is not None]
    return min(known) if known and len(known) == len(levels) else None


def package_glibc(package: LockedPackage, arch: Arch) -> Level | None:
    """The oldest GLIBC that `package` runs with on `arch`; None when it asks for none, or does not say."""
    return wheel_glibc(package.filename, arch) if arch.is_linux else None


def needs(packages: Iterable[LockedPackage], findings: Iterable[Finding], target: Target) -> tuple[Need, ...]:
    """What asks for a GLIBC: the packages of a resolution, and those that findings say something about.

    Returns:
        The most demanding first.
    """
    chosen = [
        Need(package.name, package.version, level)
        for package in packages
        if (level := package_glibc(package, target.arch)) is not None
    ]
    wanted = [need for finding in findings if (need := _wanted(finding)) is not None]
    return tuple(
        sorted(dict.fromkeys((*wanted, *chosen)), key=lambda need: (-need.level[0], -need.level[1], need.name))
    )


def deciding(found: Iterable[Need]) -> Need | None:
    """Of the packages that are chosen the one that asks for most: no image may have less."""
    return max((need for need in found if need.chosen), key=_level, default=None)


def outlooks(found: Sequence[Need], target: Target) -> tuple[Outlook, ...]:
    """For each GLIBC that a known image has, the target's own left out, what it would change; where it would."""
    has = target.glibc_version
    if has is None:
        return ()
    seen = [_outlook(level, images, found, has) for level, images in sorted(_images().items()) if level != has]
    # Of levels with the same consequences the one nearest to what there is.
    nearest: dict[tuple[tuple[Need, ...], tuple[Need, ...]], Outlook] = {}
    for outlook in sorted(seen, key=lambda one: abs(one.level[1] - has[1])):
        if outlook.breaks or outlook.mends:
            nearest.setdefault((outlook.breaks, outlook.mends), outlook)
    return tuple(sorted(nearest.values(), key=lambda one: one.level))


def images_with(level: Level) -> tuple[str, ...]:
    """Releases of distributions with this very GLIBC, as `Debian 12`."""
    return _images().get(level, ())


def _outlook(level: Level, images: tuple[str, ...], found: Sequence[Need], has: Level) -> Outlook:
    return Outlook(
        level,
        images[:_MOST_IMAGES],
        breaks=tuple(need for need in found if need.chosen and level < need.level),
        mends=tuple(need for need in found if not need.chosen and has < need.level <= level),
    )


def _wanted(finding: Finding) -> Need | None:
    """What a finding says of a version that is not chosen because of its GLIBC."""
    level = finding.data.get(_NEEDS)
    if not isinstance(level, str) or _HAS not in finding.data or finding.package is None:
        return None
    version = finding.data.get("newest") or finding.data.get("picked") or _wheels_version(finding)
    return Need(finding.package, str(version), version_pair(level), chosen=False, instead=finding.data.get("chosen"))


def _wheels_version(finding: Finding) -> str:
    """Of the wheels that a finding lists; empty where it lists none."""
    for wheel in finding.data.get("wheels", ()):
        with contextlib.suppress(InvalidWheelFilename, TypeError, KeyError):
            return str(parse_wheel_filename(wheel["filename"])[1])
    return ""


def _level(need: Need) -> Level:
    return need.level


@lru_cache(maxsize=1)
def _images() -> dict[Level, tuple[str, ...]]:
    found: dict[Level, list[str]] = {}
    for distribution, releases in GLIBC.items():
        for release, level in releases.items():
            if level != MUSL:
                found.setdefault(version_pair(level), []).append(f"{TITLES[distribution]} {release}")
    return {level: tuple(sorted(names, key=_is_short_lived)) for level, names in found.items()}


def _is_short_lived(image: str) -> bool:
    """Whether a release is for about a year: Fedora's, and those of Ubuntu between the ones with long-term support."""
    distribution, _, release = image.rpartition(" ")
    if distribution != "Ubuntu":
        return distribution == "Fedora"
    year, _, month = release.partition(".")
    return month != "04" or int(year) % 2 == 1
