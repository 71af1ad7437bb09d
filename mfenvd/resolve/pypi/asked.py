"""What a request asks for on one target: the requirements whose markers hold there."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import cached_property, lru_cache

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from mfenvd.domain.markers import marker_environment
from mfenvd.domain.request import PypiPart
from mfenvd.domain.target import Target

_EVERYTHING = SpecifierSet()


class InvalidAskedError(ValueError):
    """A requirement that is not PEP 508; `text` is the requirement."""

    def __init__(self, text: str, cause: InvalidRequirement) -> None:
        super().__init__(f"{text!r} is not a valid requirement: {str(cause).splitlines()[0]}")
        self.text = text


class Asked(msgspec.Struct, frozen=True, dict=True):
    """The request as it is on one target.

    Attributes:
        requirements: Those that apply there, in the request's order.
        constraints: Likewise.
        pre: Whether pre-releases are welcome everywhere.
        hashes: Allowed hashes (`sha256:…`) by canonical name.
        installed: Canonical names of packages that are there already, whose version is settled.
    """

    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...] = ()
    pre: bool = False
    hashes: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    installed: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """Canonical names of everything that is asked for, each once."""
        return tuple(dict.fromkeys(name_of(requirement) for requirement in self.requirements))

    @property
    def index_names(self) -> tuple[str, ...]:
        """Those that come from an index: neither from an address of their own, nor there already."""
        addressed = {name_of(requirement) for requirement in self.requirements if requirement.url}
        return tuple(name for name in self.names if name not in addressed and name not in self.installed)

    def of(self, name: str) -> tuple[Requirement, ...]:
        """The requirements and constraints that limit package `name` (canonical)."""
        return self._by_name.get(name, ())

    def specifier(self, name: str) -> SpecifierSet:
        """All of them at once."""
        return combined(requirement.specifier for requirement in self.of(name))

    @cached_property
    def _by_name(self) -> dict[str, tuple[Requirement, ...]]:
        found: dict[str, list[Requirement]] = {}
        for requirement in (*self.requirements, *self.constraints):
            found.setdefault(name_of(requirement), []).append(requirement)
        return {name: tuple(requirements) for name, requirements in found.items()}


def asked_on(part: PypiPart, target: Target, installed: Iterable[str] = ()) -> Asked:
    """What `part` asks for on `target`, beside packages that are `installed` (canonical names) already.

    Raises:
        InvalidAskedError: One of its requirements or constraints cannot be read.
    """
    return Asked(
        requirements=tuple(_applicable(part.requirements, target)),
        constraints=tuple(_applicable(part.constraints, target)),
        pre=part.pre,
        hashes={canonicalize_name(name): allowed for name, allowed in part.hashes.items() if allowed},
        installed=frozenset(installed),
    )


def name_of(requirement: Requirement) -> str:
    return canonicalize_name(requirement.name)


def combined(specifiers: Iterable[SpecifierSet]) -> SpecifierSet:
    """The specifiers as one; admits everything when there is none."""
    result = _EVERYTHING
    for specifier in specifiers:
        result = result & specifier if result is not _EVERYTHING else specifier
    return result


def is_pinned(specifier: SpecifierSet) -> bool:
    """Whether it names one version exactly: what makes pip accept a withdrawn one (PEP 592)."""
    return any(
        spec.operator == "===" or (spec.operator == "==" and not spec.version.endswith(".*")) for spec in specifier
    )


def applies(requirement: Requirement, target: Target, extras: Iterable[str] = ()) -> bool:
    """Whether the marker of `requirement` holds on `target` with at least one of `extras`, or with none."""
    if requirement.marker is None:
        return True
    marker = requirement.marker
    environments: Iterable[dict[str, str | AbstractSet[str]]] = (
        {**_variables(target), "extra": extra} for extra in ("", *extras)
    )
    return any(marker.evaluate(environment) for environment in environments)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Requirement:
    return Requirement(text)


@lru_cache(maxsize=64)
def _variables(target: Target) -> dict[str, str]:
    return {name: str(value) for name, value in marker_environment(target).items()}


def _applicable(texts: Iterable[str], target: Target) -> Iterable[Requirement]:
    for text in texts:
        try:
            requirement = _parsed(text)
        except InvalidRequirement as error:
            raise InvalidAskedError(text, error) from error
        if applies(requirement, target):
            yield requirement
