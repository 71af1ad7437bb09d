"""Whether wheels and what is there beside them go together: what each needs, walked from the request on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from packaging.requirements import Requirement
from packaging.version import Version

from mfenvd.domain.target import Target
from mfenvd.resolve.index.metadata import Metadata
from mfenvd.resolve.pypi.asked import name_of
from mfenvd.resolve.pypi.metadata_override import requirements_on


class Unmet(msgspec.Struct, frozen=True):
    """A requirement that nothing meets.

    Attributes:
        by: Canonical name of the wheel that has it; empty for the request.
        requirement: What it says, without its marker, which holds.
        version: Of what is there under that name; None when nothing is.
    """

    by: str
    requirement: Requirement
    version: Version | None


class Union(msgspec.Struct, frozen=True):
    """Wheels that were walked to.

    Attributes:
        needs: Canonical names of what each of them needs, by its own, sorted.
        unmet: What does not hold.
    """

    needs: dict[str, tuple[str, ...]]
    unmet: tuple[Unmet, ...]


def bare(requirement: Requirement) -> Requirement:
    """Without its marker."""
    found = Requirement(str(requirement))
    found.marker = None
    return found


def walked(
    asked: Iterable[Requirement],
    wheels: Mapping[str, Version],
    installed: Mapping[str, Version],
    said: Callable[[str], Metadata | None],
    target: Target,
) -> Union:
    """All wheels that the request leads to.

    Args:
        asked: The request's requirements on the target.
        wheels: Versions by canonical name.
        installed: Likewise, of what is there already and needs nothing but for its extras.
        said: The metadata of a wheel or of an installed package; None where it is not known.
        target: Where.
    """
    needs: dict[str, set[str]] = {}
    unmet: list[Unmet] = []
    seen: set[tuple[str, str, frozenset[str]]] = set()
    waiting = [("", requirement) for requirement in asked]
    while waiting:
        by, requirement = waiting.pop(0)
        name = name_of(requirement)
        version = installed.get(name, wheels.get(name))
        if by:
            needs[by].add(name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            unmet.append(Unmet(by, bare(requirement), version))
            continue
        extras = frozenset(requirement.extras)
        is_wheel = name not in installed
        # What extras of an installed package need, everybody needs who asks for them.
        step = ("" if is_wheel else by, name, extras)
        if step in seen:
            continue
        seen.add(step)
        if is_wheel:
            needs.setdefault(name, set())
        metadata = said(name) if is_wheel or extras else None
        if metadata is not None:
            wanted = list(requirements_on(metadata, target, sorted(extras)))
            if not is_wheel:
                anyway = set(map(str, requirements_on(metadata, target)))
                wanted = [one for one in wanted if str(one) not in anyway]
            waiting += [(name if is_wheel else by, one) for one in wanted]
    return Union({name: tuple(sorted(found - {name})) for name, found in needs.items()}, tuple(unmet))
