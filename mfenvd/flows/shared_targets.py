"""Steps that share an environment have one target per arch: what works in all the places where they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding
from mfenvd.domain.plan import Environment, PlannedTarget
from mfenvd.domain.target import Target, version_pair
from mfenvd.flows import findings

_OF_CUDA = frozenset({Code.CUDA_ASSUMED, Code.METAFLOW_WITHOUT_CUDA})

_Place = tuple[str, Target]
"""A request's key, and an arch with its Python: what is resolved once, and what Metaflow has one id for."""

_Uses = Sequence[tuple[str, Target]]
"""Steps with the target that each of them has by itself."""


def share_lowest(environments: Sequence[tuple[str, Environment]]) -> tuple[Environment, ...]:
    """The environments with one target per request, arch and Python: the lowest GLIBC and CUDA of all that share them.

    Args:
        environments: With the key of each one's request; an empty key shares with none.
    """
    uses: dict[_Place, list[tuple[str, Target]]] = {}
    for key, environment in environments:
        for planned in environment.targets if key else ():
            step = environment.step or environment.env
            uses.setdefault(_place(key, planned.target), []).append((step, planned.target))
    return tuple(_lowered(environment, key, uses) if key else environment for key, environment in environments)


def _place(key: str, target: Target) -> _Place:
    return key, msgspec.structs.replace(target, glibc=None, cuda=None)


def _lowered(environment: Environment, key: str, uses: Mapping[_Place, _Uses]) -> Environment:
    targets = tuple(_shared(planned, uses[_place(key, planned.target)]) for planned in environment.targets)
    if targets == environment.targets:
        return environment
    return msgspec.structs.replace(environment, targets=targets)


def _shared(planned: PlannedTarget, uses: _Uses) -> PlannedTarget:
    own = planned.target
    glibc = _lowest(target.glibc for _, target in uses)
    cuda = _lowest(target.cuda for _, target in uses)
    said: list[Finding] = list(planned.findings)
    if glibc is not None and glibc != own.glibc:
        places = {target.glibc: f"{target.glibc} for {step}" for step, target in reversed(uses)}
        said.append(findings.lowest_glibc(own.arch, glibc, list(places.values())[::-1], None))
    if cuda != own.cuda:
        said = [finding for finding in said if finding.code not in _OF_CUDA]
        drivers = {target.cuda: f"{target.cuda or 'none'} for {step}" for step, target in reversed(uses)}
        said.append(findings.lowest_cuda(own.arch, cuda, own.cuda or "", list(drivers.values())[::-1]))
    return PlannedTarget(msgspec.structs.replace(own, glibc=glibc, cuda=cuda), planned.reasons, tuple(said))


def _lowest(versions: Iterable[str | None]) -> str | None:
    """The lowest; None where one of them has none."""
    found = list(versions)
    known = [version for version in found if version is not None]
    return min(known, key=version_pair) if len(known) == len(found) else None
