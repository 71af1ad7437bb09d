"""A step with what metaflow-netflixext asks for in the place of what was read (1.3.17, `utils.py`)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from mfenvd.domain.identity import RequestIdentity, split_dependency
from mfenvd.domain.pins import DATASTORES, pinned_packages
from mfenvd.domain.request import Kind
from mfenvd.flows.reading import StepReading

_OPERATORS = ("=", "<", ">", "!", "~", "@", ";")


def as_requested(step: StepReading, request: RequestIdentity, python: str) -> StepReading:
    """`step` with the values of `request`, without what is added to every request.

    What means the same stays as it was read.

    Args:
        step: As it was read.
        request: As the extension has it.
        python: Version of the interpreter that launches: what a step gets that names none.
    """
    pins = pinned_packages(request.datastore) if request.datastore in DATASTORES else {}
    kind = request.kind
    conda = request.packages("conda")
    declared = conda.pop("python", None)
    # Beside wheels they are among the packages that these go into (`RequestIdentity.builder`).
    conda |= request.packages("npconda") if kind is not Kind.PYPI else {}
    return msgspec.structs.replace(
        step,
        kind=str(kind),
        disabled=False,
        python=_python(step.python, declared, python),
        conda=_unpinned(step.conda, conda, {} if kind is Kind.PYPI else pins),
        pypi=_unpinned(step.pypi, request.packages("pypi"), pins if kind is Kind.PYPI else {}),
        channels=step.channels or request.named.get("conda", ()),
        indexes=step.indexes or request.named.get("pypi", ()),
        system=dict(map(split_dependency, request.named.get("sys", ()))),
    )


def any_patch(python: str) -> str:
    """What the extension asks for where a step names no Python: any release of the launching one's minor version."""
    return ".".join(python.split(".")[:2]) + ".*"


def _python(read: str | None, declared: str | None, launching: str) -> str | None:
    if declared is None or (read is None and declared == any_patch(launching)):
        return read
    return read if read is not None and _means_the_same(read, declared) else declared


def _unpinned(read: Mapping[str, str], asked: Mapping[str, str], pins: Mapping[str, str]) -> dict[str, str]:
    """`asked` without what only the pins ask for."""
    names = {canonicalize_name(name): name for name in read}
    found = {}
    for name, spec in asked.items():
        written = names.get(canonicalize_name(name))
        if written is None and spec == pins.get(name):
            continue
        own = spec.removesuffix(f",{pins[name]}") if name in pins else spec
        if written is not None and (_means_the_same(read[written], own) or (not read[written] and name in pins)):
            found[written] = read[written]
        else:
            found[name] = own
    return found


def _means_the_same(one: str, other: str) -> bool:
    one, other = one.strip(), other.strip()
    if one.lstrip("=") == other.lstrip("="):
        return True
    try:
        return _specifiers(one) == _specifiers(other)
    except InvalidSpecifier:
        return False


def _specifiers(spec: str) -> SpecifierSet:
    return SpecifierSet(spec if not spec or spec.startswith(_OPERATORS) else f"=={spec}")
