"""uv's answer made exact: asked again until every package of it is what the target itself would get."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from packaging.version import Version

from mfenvd.domain.resolver import Progress
from mfenvd.domain.target import Target
from mfenvd.resolve.explain import python_allows
from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.pages import from_url
from mfenvd.resolve.pypi.asked import Asked
from mfenvd.resolve.pypi.catalog import Catalog, passes_on_python
from mfenvd.resolve.pypi.check import Rules, exclusion
from mfenvd.resolve.pypi.compiled import Pinned
from mfenvd.resolve.pypi.demands import Chosen, Demands
from mfenvd.resolve.pypi.metadata_override import Overrides
from mfenvd.resolve.pypi.platforms import uv_platform
from mfenvd.resolve.pypi.prereleases import corrections
from mfenvd.resolve.pypi.uv import Question, Uv

# Each round rules out versions for good, so there is an end; real sets need one to three.
_MOST_ROUNDS = 50


class NotSettledError(Exception):
    """Round after round brought another version that does not fit."""


class Solver:
    """Solves one request on one target.

    Args:
        asked: The request there.
        target: Where.
        catalog: What there is.
        uv: Who solves.
        report: Told how far it is.
    """

    def __init__(
        self, asked: Asked, target: Target, catalog: Catalog, uv: Uv, report: Callable[[Progress], None]
    ) -> None:
        self._asked = asked
        self._target = target
        self._catalog = catalog
        self._uv = uv
        self._report = report
        self._platform = uv_platform(target)
        self.rules = Rules(target, self._platform.seen_as, asked.hashes)
        # In the order in which they were found.
        self._constraints: dict[str, None] = {}
        self._overrides = Overrides(asked, self.rules, catalog)
        self.rounds = 0

    @property
    def is_offline(self) -> bool:
        return self._uv.is_offline

    def go_offline(self) -> None:
        """From now on uv answers from its cache, however old."""
        self._uv.is_offline = True

    def solve(self, pins: Iterable[str] = ()) -> tuple[Chosen, ...]:
        """The packages, sorted by name.

        Args:
            pins: Further constraints.

        Raises:
            UvError: uv finds no solution, or fails.
            IndexProblem: An index gives no answer.
            NoSuchListing: Indexes lost a package meanwhile.
            NotSettledError: There is no end to it.
        """
        for package in self._catalog.require(self._asked.index_names).values():
            self._exclude(package, None)
        constraints = (*map(str, self._asked.constraints), *pins)
        for number in range(1, _MOST_ROUNDS + 1):
            self.rounds += 1
            self._report(Progress(f"solving, round {number}"))
            question = Question(
                requirements=tuple(map(str, self._asked.requirements)),
                constraints=(*constraints, *self._constraints),
                pre=self._asked.pre,
                overrides=self._overrides.all,
            )
            answer = self._uv.compile(question, self._platform)
            chosen = self._checked(answer)
            if chosen is not None:
                return chosen
        raise NotSettledError(f"no end after {_MOST_ROUNDS} rounds")

    def _checked(self, answer: tuple[Pinned, ...]) -> tuple[Chosen, ...] | None:
        """The files for uv's answer; None when it was not for this target, and another round is needed."""
        self._report(Progress("checking wheels", 0, len(answer)))
        packages = self._packages(answer)
        found = []
        exact = True
        for pinned in answer:
            file = _addressed(pinned) if pinned.url else self._file(packages[pinned.name], pinned)
            if file is None:
                exact = False
            else:
                found.append(Chosen(pinned, file))
        self._report(Progress("checking wheels", len(answer), len(answer)))
        if not exact or not self._says_python(found, packages):
            return None
        indexed = [(one, packages[one.name]) for one in found if not one.pinned.url]
        if self._overrides.look_into((package, one.version) for one, package in indexed):
            return None
        return None if self._correct_prereleases(indexed, found) else tuple(found)

    def _packages(self, answer: tuple[Pinned, ...]) -> dict[str, Listing]:
        packages = self._catalog.require(pinned.name for pinned in answer if pinned.version)
        for pinned in answer:
            if pinned.version and Version(pinned.version) not in packages[pinned.name].versions:
                packages[pinned.name] = self._catalog.renewed(pinned.name)
        return packages

    def _file(self, package: Listing, pinned: Pinned) -> DistFile | None:
        """What the target gets for uv's choice; None when that is nothing, and now ruled out."""
        version = Version(pinned.version or "")
        file = self.rules.best(package.of(version))
        if file is None:
            self._constraints[f"{package.name}!={version}"] = None
            self._exclude(package, version)
        return file

    def _exclude(self, package: Listing, chosen: Version | None) -> None:
        allowed = self._asked.specifier(package.name)
        for version in self.rules.misleading(package, allowed, chosen):
            constraint = exclusion(package.name, version, package.versions)
            if constraint is not None:
                self._constraints[constraint] = None

    def _says_python(self, found: list[Chosen], packages: dict[str, Listing]) -> bool:
        """Whether all files are for the target's Python, by their own word where the index has none."""
        silent = [
            one.file
            for one in found
            if one.pinned.version and not one.file.requires_python and not passes_on_python(packages[one.name])
        ]
        exact = True
        for file, metadata in self._catalog.metadata(silent).items():
            if not python_allows(metadata.requires_python, self._target):
                self._constraints[f"{file.name}!={file.parsed_version}"] = None
                exact = False
        return exact

    def _correct_prereleases(self, indexed: list[tuple[Chosen, Listing]], found: list[Chosen]) -> bool:
        """Whether uv has to be told more about pre-releases."""
        if self._asked.pre:
            return False
        demands = Demands(found, self._asked, self._target, self._catalog)
        known = len(self._constraints)
        self._constraints.update(dict.fromkeys(corrections(indexed, demands, self.rules)))
        return len(self._constraints) > known


def _addressed(pinned: Pinned) -> DistFile:
    """The wheel at the address that the request gives; that it is a wheel was checked before solving."""
    file = from_url(pinned.url or "", pinned.name, "")
    if file is None:
        raise NotSettledError(f"{pinned.name} is not a wheel")
    return file
