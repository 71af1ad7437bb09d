"""Mixed environments: conda's packages first, then the wheels that go with them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from mfenvd.domain.finding import Severity
from mfenvd.domain.match_specs import package_name
from mfenvd.domain.own_files import files_unusable
from mfenvd.domain.request import CondaPart, Kind, MixedSolver, PypiPart, Request
from mfenvd.domain.resolution import Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress, Refresher, Resolver
from mfenvd.domain.target import Target
from mfenvd.resolve.index.configuration import configuration
from mfenvd.resolve.index.errors import IndexProblem
from mfenvd.resolve.index.transport import LateTransport
from mfenvd.resolve.mixed import findings
from mfenvd.resolve.mixed.beside import Beside
from mfenvd.resolve.mixed.conda_lock import CondaLockError
from mfenvd.resolve.mixed.fresh_names import FRESH_FOR, due_in, fetch_names
from mfenvd.resolve.mixed.names import Names, known_names
from mfenvd.resolve.mixed.through_conda_lock import resolve_through_conda_lock
from mfenvd.resolve.pypi.resolver import PypiResolver

Report = Callable[[Progress], None]

_AFTER_FAILURE = 3_600.0
"""Seconds until names are asked for again where they could not be fetched."""

_log = logging.getLogger(__name__)


class MixedResolver:
    """Resolves requests of kind `mixed`; docs/architecture.md says why in two ways.

    Args:
        conda: Resolves requests of kind `conda`.
        names_url: Where newer names of conda packages are, in conda-lock's form; None to keep to those that are known.
    """

    def __init__(self, conda: Resolver, names_url: str | None = None) -> None:
        self._conda = conda
        self._pypi = PypiResolver()
        self._names_url = names_url

    def resolve(self, request: Request, target: Target, context: Context, report: Report) -> Outcome:
        """As `domain.resolver.Resolver` says."""
        names = known_names(Path(context.cache_dir))
        refusal = self._pypi.refusal(request, target, context, report, _asked_of_conda(request, target, names))
        if refusal is not None:
            return refusal
        conda = self._conda.resolve(_conda_side(request), target, context, report)
        if conda.resolution is None:
            return conda
        beside = Beside(request, target, conda.resolution.packages, names)
        if any(finding.severity is Severity.ERROR for finding in beside.findings):
            return Outcome(findings=(*beside.findings, *conda.findings), failed=conda.failed)
        pypi = self._wheels(beside, context, report)
        found = (*beside.findings, *conda.findings, *pypi.findings)
        if pypi.resolution is None:
            return Outcome(findings=found, failed=pypi.failed)
        return Outcome(beside.joined(pypi.resolution.packages), found, failed=conda.failed or pypi.failed)

    def refresh(self, work: Sequence[tuple[Request, Target]], context: Context) -> float:
        """As `domain.resolver.Refresher` says."""
        pause = FRESH_FOR
        if isinstance(self._conda, Refresher):
            pause = self._conda.refresh([(_conda_side(request), target) for request, target in work], context)
        if self._names_url is None:
            return pause
        cache_dir = Path(context.cache_dir)
        if due_in(cache_dir) <= 0:
            config = configuration(work[0][0].pypi.indexes, context.surroundings, Path(context.root))
            try:
                with closing(LateTransport(config, context.surroundings.environ)) as transport:
                    fetch_names(cache_dir, self._names_url, transport)
            except IndexProblem as error:
                _log.info("%s", error)
                return min(pause, _AFTER_FAILURE)
        return min(pause, due_in(cache_dir))

    def _wheels(self, beside: Beside, context: Context, report: Report) -> Outcome:
        request, target = beside.request, beside.target
        if not request.pypi.requirements:
            return Outcome(Resolution(request.key, target, ()))
        if request.mixed_solver is not MixedSolver.CONDA_LOCK:
            return self._pypi.resolve_beside(request, target, context, report, beside.installed)
        try:
            return resolve_through_conda_lock(beside, context, report)
        except CondaLockError as error:
            return self._without_conda_lock(error, beside, context, report)
        except OSError as error:
            return Outcome(findings=(files_unusable(error),), failed=True)

    def _without_conda_lock(self, error: CondaLockError, beside: Beside, context: Context, report: Report) -> Outcome:
        """Why conda-lock gave no answer: what is wrong with the request, if anything is."""
        if not error.unsolvable:
            return Outcome(findings=(findings.conda_lock_failed(error.output),), failed=True)
        own = self._pypi.resolve_beside(beside.request, beside.target, context, report, beside.installed)
        if own.resolution is None:
            return own
        return Outcome(findings=(findings.conda_lock_unsolved(error.output),), failed=True)


def _conda_side(request: Request) -> Request:
    return msgspec.structs.replace(request, kind=Kind.CONDA, pypi=PypiPart(), mixed_solver=MixedSolver.UV)


def _asked_of_conda(request: Request, target: Target, names: Names) -> Iterator[str]:
    """Canonical names on the index of what conda is asked for."""
    part: CondaPart = request.conda
    for name, _ in (*part.packages, *part.arch_packages.get(target.arch, ())):
        yield from names.on_index(package_name(name))
