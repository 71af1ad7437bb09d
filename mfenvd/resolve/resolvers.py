"""Which resolver serves which kind of environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mfenvd.domain.request import Kind, Request
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context, Progress, Resolver
from mfenvd.domain.target import Target

Report = Callable[[Progress], None]


def resolvers(*, recalls: bool = False) -> dict[Kind, Resolver]:
    """Those that there are; the engine says of every other kind that it is not resolved yet.

    Args:
        recalls: As for `CondaResolver`.
    """
    conda = _CondaOnDemand(recalls=recalls)
    return {Kind.PYPI: _PypiOnDemand(), Kind.CONDA: conda, Kind.MIXED: _MixedOnDemand(conda)}


def _withheld(request: Request, context: Context) -> Outcome | None:
    """The answer to a request that must not be asked about anywhere as long as its project is not trusted."""
    from mfenvd.resolve.foreign import secret_withheld

    finding = secret_withheld(request, context)
    return Outcome(findings=(finding,)) if finding is not None else None


class _PypiOnDemand:
    """The resolver for PyPI, loaded when there is something for it to do: other workers are ready sooner without."""

    def resolve(self, request: Request, target: Target, context: Context, report: Report) -> Outcome:
        from mfenvd.resolve.pypi.resolver import PypiResolver

        return _withheld(request, context) or PypiResolver().resolve(request, target, context, report)


class _CondaOnDemand:
    """The resolver for conda, loaded with py-rattler when there is something for it to do."""

    def __init__(self, *, recalls: bool) -> None:
        self._recalls = recalls

    def resolve(self, request: Request, target: Target, context: Context, report: Report) -> Outcome:
        from mfenvd.resolve.conda.resolver import CondaResolver

        resolver = CondaResolver(recalls=self._recalls)
        return _withheld(request, context) or resolver.resolve(request, target, context, report)

    def refresh(self, work: Sequence[tuple[Request, Target]], context: Context) -> float:
        from mfenvd.resolve.conda.resolver import CondaResolver

        return CondaResolver().refresh(work, context)


class _MixedOnDemand:
    """The resolver for mixed environments, with newer names of conda packages from where conda-lock has them."""

    def __init__(self, conda: Resolver) -> None:
        self._conda = conda

    def resolve(self, request: Request, target: Target, context: Context, report: Report) -> Outcome:
        from mfenvd.resolve.mixed.resolver import MixedResolver

        return _withheld(request, context) or MixedResolver(self._conda).resolve(request, target, context, report)

    def refresh(self, work: Sequence[tuple[Request, Target]], context: Context) -> float:
        from conda_lock.lookup import DEFAULT_MAPPING_URL

        from mfenvd.resolve.mixed.resolver import MixedResolver

        return MixedResolver(self._conda, DEFAULT_MAPPING_URL).refresh(work, context)
