"""Which environment is meant, and its packages for each arch."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import msgspec

from mfenvd.cli.errors import AmbiguousEnvironmentError, NotResolvedError, OtherArchError, UnknownEnvironmentError
from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.verdict import Verdict

_SHORTEST_ID = 6


class Exported(msgspec.Struct, frozen=True):
    """An environment to be written down.

    Attributes:
        name: As it was asked for.
        verdicts: One per arch, each with packages, in the order of `Arch`.
    """

    name: str
    verdicts: tuple[Verdict, ...]

    @property
    def archs(self) -> tuple[Arch, ...]:
        return tuple(verdict.target.arch for verdict in self.verdicts)

    @property
    def kind(self) -> Kind:
        """What it consists of: `conda`, `pypi`, or both."""
        kinds = {package.kind for verdict in self.verdicts for package in verdict.packages}
        return kinds.pop() if len(kinds) == 1 else Kind.MIXED

    def of_kind(self, kind: Kind) -> dict[Arch, tuple[LockedPackage, ...]]:
        """The conda archives, or the wheels, by arch."""
        return {
            verdict.target.arch: tuple(package for package in verdict.packages if package.kind is kind)
            for verdict in self.verdicts
        }


def exported(name: str, verdicts: Sequence[Verdict], archs: Sequence[Arch]) -> Exported:
    """The environment `name`: a configured one, `FLOW/STEP`, a step, a flow whose steps share one, or an id.

    Args:
        name: What is meant.
        verdicts: Of everything that may be meant.
        archs: To write down; none means all that are resolved.

    Raises:
        CommandError: There is none, there are several, or one of `archs` has no packages.
    """
    meant = [verdict for verdict in verdicts if _is(verdict, name)]
    if not meant:
        known = sorted({called(verdict) for verdict in verdicts} | {verdict.env for verdict in verdicts})
        raise UnknownEnvironmentError(name, get_close_matches(name, known, n=2))
    different = {(verdict.source, verdict.request): called(verdict) for verdict in meant}
    if len({request for _, request in different}) > 1:
        raise AmbiguousEnvironmentError(name, sorted(set(different.values())))
    by_arch: dict[Arch, Verdict] = {}
    for verdict in meant:
        known_one = by_arch.get(verdict.target.arch)
        if known_one is None or not known_one.packages:
            by_arch[verdict.target.arch] = verdict
    wanted = archs or [arch for arch, verdict in by_arch.items() if verdict.packages] or list(by_arch)
    for arch in wanted:
        if arch not in by_arch:
            raise OtherArchError(name, arch, [str(each) for each in Arch if each in by_arch])
        if not by_arch[arch].packages:
            errors = by_arch[arch].errors
            raise NotResolvedError(name, arch, errors[0].message if errors else None)
    return Exported(name, tuple(by_arch[arch] for arch in Arch if arch in wanted))


def _is(verdict: Verdict, name: str) -> bool:
    if name in {called(verdict), verdict.env, verdict.step, verdict.flow}:
        return True
    return len(name) >= _SHORTEST_ID and verdict.flow is not None and verdict.env.startswith(name)


def called(verdict: Verdict) -> str:
    """What its environment is called on a command line."""
    return f"{verdict.flow}/{verdict.step}" if verdict.flow else verdict.env
