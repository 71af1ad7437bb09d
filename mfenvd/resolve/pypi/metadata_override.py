"""Wheels of one version that differ in what they need: what counts is the wheel that the target gets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mfenvd.domain.target import Target
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.metadata import Metadata
from mfenvd.resolve.pypi.asked import applies

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


class Override(msgspec.Struct, frozen=True, array_like=True):
    """What one version says about itself on the target, where uv would read another wheel's word.

    Attributes:
        name: Canonical name.
        version: As the index has it.
        requires: `Requires-Dist` entries.
        requires_python: None where it says nothing.
        extras: `Provides-Extra` entries.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    extras: tuple[str, ...] = ()


class Doubt(msgspec.Struct, frozen=True):
    """A version of which uv read another wheel than the target gets, or may have.

    Attributes:
        own: What the target gets.
        others: What uv read; all that it could have read where that is not known.
    """

    own: DistFile
    others: tuple[DistFile, ...]

    @property
    def files(self) -> tuple[DistFile, ...]:
        return (self.own, *self.others)

    def override(self, metadata: Mapping[DistFile, Metadata], target: Target) -> Override | None:
        """The target's wheel's word, if one of the others says something else that matters on the target."""
        said = metadata[self.own]
        if all(_needs(metadata[other], target) == _needs(said, target) for other in self.others):
            return None
        readable = tuple(text for text in said.requires if _requirement(text) is not None)
        return Override(self.own.name, str(self.own.parsed_version), readable, said.requires_python, said.extras)


def requirements(metadata: Metadata, name: str | None = None) -> Iterator[Requirement]:
    """What a wheel needs anywhere, of package `name` or of all; what is not PEP 508 is passed over, as uv does."""
    for text in metadata.requires:
        requirement = _requirement(text) if name is None or _name(text) == name else None
        if requirement is not None:
            yield requirement


def requirements_on(metadata: Metadata, target: Target, extras: Iterable[str] = ()) -> Iterator[Requirement]:
    """What a wheel needs on `target` with these extras."""
    extras = tuple(extras)
    return (requirement for requirement in requirements(metadata) if applies(requirement, target, extras))


def _needs(metadata: Metadata, target: Target) -> tuple[frozenset[str], str | None]:
    found = requirements_on(metadata, target, metadata.extras)
    return frozenset(map(str, found)), metadata.requires_python


def _name(text: str) -> str:
    """The canonical name that a requirement starts with: far quicker than parsing all of it."""
    match = _NAME.match(text)
    return canonicalize_name(match[0]) if match else ""


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None
