"""The wheels of a mixed environment as conda-lock finds them, checked before they are believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from packaging.version import Version

from mfenvd.domain.resolution import LockedPackage, Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress
from mfenvd.resolve.index.client import IndexClient
from mfenvd.resolve.index.configuration import configuration
from mfenvd.resolve.index.errors import IndexProblem, NoSuchPackage
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.findings import ignored, index_finding
from mfenvd.resolve.index.metadata import Metadata
from mfenvd.resolve.mixed import findings
from mfenvd.resolve.mixed.beside import Beside
from mfenvd.resolve.mixed.conda_lock import CondaLock, CondaLockError
from mfenvd.resolve.mixed.target_index import TargetIndex
from mfenvd.resolve.mixed.union import Unmet, walked
from mfenvd.resolve.pypi.asked import Asked, asked_on
from mfenvd.resolve.pypi.catalog import Catalog
from mfenvd.resolve.pypi.check import Rules
from mfenvd.resolve.pypi.platforms import uv_platform

# Each round asks for what the last one left out.
_MOST_ROUNDS = 5

Report = Callable[[Progress], None]


def resolve_through_conda_lock(beside: Beside, context: Context, report: Report) -> Outcome:
    """The wheels alone, or why there are none.

    Raises:
        CondaLockError: conda-lock gave no answer.
    """
    target, request = beside.target, beside.request
    asked = asked_on(request.pypi, target, beside.installed)
    rules = Rules(target, uv_platform(target).seen_as, asked.hashes)
    config = configuration(request.pypi.indexes, context.surroundings, Path(context.root))

    def client(fresh_for: float) -> IndexClient:
        fresh_for = 0.0 if context.refresh else fresh_for
        return IndexClient(config, Path(context.cache_dir), context.surroundings.environ, fresh_for=fresh_for)

    with Catalog(client) as catalog, TargetIndex(asked, rules, catalog, beside.installed) as index:
        try:
            outcome = _settled(beside, asked, index, context, report)
        except CondaLockError:
            if index.problem is None:
                raise
            return Outcome(findings=(index_finding(index.problem),), failed=True)
        except IndexProblem as problem:
            return Outcome(findings=(index_finding(problem),), failed=True)
    return msgspec.structs.replace(outcome, findings=(*outcome.findings, *map(ignored, config.ignored_urls)))


def _settled(beside: Beside, asked: Asked, index: TargetIndex, context: Context, report: Report) -> Outcome:
    """conda-lock's last answer: it is asked again with what extras of conda packages need, which it leaves out."""
    conda_lock = CondaLock(Path(context.cache_dir) / "conda-lock", beside.names, beside.target)
    told, number = asked, 1
    while True:
        report(Progress(f"conda-lock, round {number}"))
        answer = _Answer(beside, asked, conda_lock.wheels(told, beside.conda, index.url), index)
        missing = [one.requirement for one in answer.unmet if one.version is None]
        if not missing or number == _MOST_ROUNDS:
            return answer.outcome()
        told, number = msgspec.structs.replace(told, requirements=(*told.requirements, *missing)), number + 1


class _Answer:
    """What conda-lock locked, walked from the request on.

    Raises:
        CondaLockError: It chose what the target's index does not have.
        IndexProblem: An index does not answer.
    """

    def __init__(self, beside: Beside, asked: Asked, locked: Mapping[str, Version], index: TargetIndex) -> None:
        self._beside = beside
        self._asked = asked
        self._index = index
        self._installed = {name: one.version for name, one in beside.installed.items()}
        self._wheels = {name: version for name, version in locked.items() if name not in self._installed}
        try:
            self._union = walked(asked.requirements, self._wheels, self._installed, self._said, beside.target)
        except NoSuchPackage as error:
            raise CondaLockError(f"it chose a {error.name} that is not there", unsolvable=False) from error

    @property
    def unmet(self) -> tuple[Unmet, ...]:
        return self._union.unmet

    def outcome(self) -> Outcome:
        """Its wheels, if each requirement in it is met."""
        if self.unmet:
            return Outcome(findings=(findings.conda_lock_wrong(self.unmet),), failed=True)
        needs = sorted(self._union.needs.items())
        packages = tuple(_package(self._index.file(name, self._wheels[name]), of, self._asked) for name, of in needs)
        return Outcome(Resolution(self._beside.request.key, self._beside.target, packages))

    def _said(self, name: str) -> Metadata | None:
        if name in self._installed:
            return self._index.said(name, self._installed[name])
        return self._index.metadata(name, self._wheels[name])


def _package(file: DistFile, needs: tuple[str, ...], asked: Asked) -> LockedPackage:
    return LockedPackage(
        name=file.name,
        version=file.version,
        filename=file.filename,
        url=file.url,
        sha256=file.sha256,
        size=file.size,
        requires=needs,
        requested=file.name in asked.names,
    )
