"""Whether a lock has a wheel for a target, for every package that the target needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from packaging.markers import InvalidMarker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.markers import marker_environment
from mfenvd.domain.tags import best_rank, wheel_tags
from mfenvd.domain.target import Target
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.model import Format, LockedFile, RequirementFile
from mfenvd.flows.requirement_formats.parsing import parse_marker

_SHOWN = 6


def lock_findings(file: RequirementFile, target: Target, *, can_build: bool = False) -> tuple[Finding, ...]:
    """An error for each package of the lock `file` that `target` needs and that has no wheel for it there.

    A lock that was not made for the target at all gives one error. Other files give none.

    Args:
        file: As read.
        target: Where it will run.
        can_build: Whether a source distribution will do, because it can be built for this target.
    """
    if file.format not in {Format.UV_LOCK, Format.PYLOCK}:
        return ()
    foreign = _made_for_others(file, target)
    if foreign is not None:
        return (foreign,)
    return tuple(
        _gap(package, file, target)
        for package in file.locked
        if _applies(package.marker, target)
        and not (can_build and package.has_sdist)
        and not any(best_rank(tags, target) is not None for tags in _tags(package))
    )


def _made_for_others(file: RequirementFile, target: Target) -> Finding | None:
    location = Location(file.path)
    fix = "Run `uv lock` after widening `requires-python`." if file.format is Format.UV_LOCK else "Lock again for it."
    if file.python and not _python_fits(file.python, target):
        message = f"The lock is made for Python {file.python}, the target has {target.python}."
        return findings.lock_for_others(message, fix, location)
    if file.environments and not any(_applies(marker, target) for marker in file.environments):
        message = f"The lock is not made for {target}: {'; '.join(file.environments)}."
        return findings.lock_for_others(message, "Lock again with this target's environment.", location)
    return None


def _python_fits(wanted: str, target: Target) -> bool:
    try:
        specifiers = SpecifierSet(wanted if not wanted[0].isdigit() else f"=={wanted}.*")
    except InvalidSpecifier:
        specifiers = SpecifierSet(f"=={wanted}")
    return specifiers.contains(target.python_full, prereleases=True)


def _applies(marker: str | None, target: Target) -> bool:
    if marker is None:
        return True
    try:
        return parse_marker(marker).evaluate(cast(dict[str, str], marker_environment(target)))
    except InvalidMarker:
        return True


def _tags(package: LockedFile) -> list[frozenset[Tag]]:
    """The tags of each wheel; what is not named as PEP 427 says counts as no wheel."""
    found = []
    for filename in package.filenames:
        try:
            found.append(parse_wheel_filename(filename)[3])
        except InvalidWheelFilename:
            continue
    return found


def _gap(package: LockedFile, file: RequirementFile, target: Target) -> Finding:
    lock = str(file.format)
    named = f"{package.name} {package.version}".strip()
    if package.filenames:
        message = f"{named} has no wheel for {target} in {lock}; it lists {_nearest(package, target)}."
    elif package.has_sdist:
        message = f"{named} has only a source distribution in {lock}."
    else:
        message = f"{named} has no file in {lock}."
    again = f"Run `uv lock --upgrade-package {package.name}`" if file.format is Format.UV_LOCK else "Lock again"
    fix = f"{again}, or pin a version of {package.name} that has a wheel for it."
    return findings.lock_gap(package.name, message, fix, package.filenames, package.location)


def _nearest(package: LockedFile, target: Target) -> str:
    """What the lock has instead: other platforms for this Python, other Pythons for this platform, or both."""
    tags = frozenset[Tag]().union(*_tags(package))
    wanted = wheel_tags(target)
    pythons = {(tag.interpreter, tag.abi) for tag in wanted}
    platforms = {tag.platform for tag in wanted}
    same_python = {tag.platform for tag in tags if (tag.interpreter, tag.abi) in pythons}
    if same_python:
        return f"wheels for {_some(same_python)}"
    same_platform = {f"{tag.interpreter}-{tag.abi}" for tag in tags if tag.platform in platforms}
    if same_platform:
        return f"wheels for {_some(same_platform)} there"
    return f"wheels for {_some({str(tag) for tag in tags})}"


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:_SHOWN]) + (f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else "")
