"""uv's answer made exact: asked again until every package of it is what the target itself would get."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from packaging.version import Version

from mfenvd.domain.resolver import Progress
from mfenvd.domain.target import Target
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.pages import from_url
from mfenvd.resolve.pypi.asked import Asked
from mfenvd.resolve.pypi.catalog import Catalog
from mfenvd.resolve.pypi.check import Rules
from mfenvd.resolve.pypi.chosen import Chosen
from mfenvd.resolve.pypi.compiled import Compiled, Pinned
from mfenvd.resolve.pypi.inspection import Facts, Inspector
from mfenvd.resolve.pypi.metadata_override import Override
from mfenvd.resolve.pypi.platforms import uv_platform
from mfenvd.resolve.pypi.prereleases import corrections
from mfenvd.resolve.pypi.uv import Compiler, Question, UvError

# Each round rules out versions for good, so there is an end; real sets need one to three.
_MOST_ROUNDS = 50


class NotSettledError(Exception):
    """Round after round brought another version that does not fit."""


class Solver:
    """Solves one request on one target.

    Args:
        asked: The request there.
        rules: Decide about files on the target.
        catalog: What there is.
        inspector: Finds out about it.
        uv: Who solves.
    """

    def __init__(self, asked: Asked, rules: Rules, catalog: Catalog, inspector: Inspector, uv: Compiler) -> None:
        self._asked = asked
        self._rules = rules
        self._catalog = catalog
        self._inspector = inspector
        self._uv = uv
        # What uv is told besides the request, in the order in which it was found.
        self._constraints: dict[str, None] = {}
        self._overrides: dict[Override, None] = {}
        self._welcome = {name: None for name in asked.index_names if asked.specifier(name).prereleases}

    @property
    def _target(self) -> Target:
        return self._rules.target

    def solve(self, report: Callable[[Progress], None], pins: Iterable[str] = ()) -> tuple[Chosen, ...]:
        """The packages, sorted by name.

        Args:
            report: Told how far it is.
            pins: Further constraints.

        Raises:
            UvError: uv finds no solution, or fails.
            IndexProblem: An index gives no answer.
            NoSuchPackage: Indexes lost a package meanwhile.
            NotSettledError: There is no end to it.
        """
        self._learn((*self._inspector.remembered(), *self._inspector.packages(self._asked.index_names)))
        platform = uv_platform(self._target)
        for number in range(1, _MOST_ROUNDS + 1):
            report(Progress(f"solving, round {number}"))
            question = Question(
                requirements=tuple(map(str, self._asked.requirements)),
                constraints=(*map(str, self._asked.constraints), *pins, *self._constraints),
                pre=self._asked.pre,
                welcome=tuple(self._welcome),
                overrides=tuple(self._overrides),
            )
            try:
                answer = self._uv.compile(question, platform)
            except UvError as error:
                if not error.unsolvable or not self._learn(self._inspector.misread(error.read, {})):
                    raise
                continue
            report(Progress("checking wheels", 0, len(answer.packages)))
            chosen = self._checked(answer)
            report(Progress("checking wheels", len(answer.packages), len(answer.packages)))
            if chosen is not None:
                return chosen
        raise NotSettledError(f"no end after {_MOST_ROUNDS} rounds")

    def _checked(self, answer: Compiled) -> tuple[Chosen, ...] | None:
        """The files for uv's answer; None when uv did not know enough, and has to be asked again."""
        versions = {one.name: Version(one.version) for one in answer.packages if one.version}
        facts = self._inspector.versions(versions)
        told = {one.name for one in answer.read}
        untold = self._inspector.readable({name: versions[name] for name in versions if name not in told})
        if self._learn((*facts.values(), *self._inspector.misread((*answer.read, *untold), facts))):
            return None
        found = []
        for pinned in answer.packages:
            known = facts[pinned.name] if pinned.version else Facts(_addressed(pinned))
            if known.file is None:
                raise NotSettledError(f"{pinned.name} {pinned.version} was ruled out and chosen all the same")
            found.append(Chosen(pinned, known.file, known.beyond))
        doubtful = [one for one in found if not one.pinned.url and facts[one.name].prereleases]
        return None if self._correct(doubtful, found) else tuple(found)

    def _correct(self, doubtful: Sequence[Chosen], found: Sequence[Chosen]) -> bool:
        """Whether uv has to be told something about pre-releases."""
        demands = self._inspector.demands(found)
        needed = corrections(doubtful, demands, self._catalog, self._rules)
        known = len(self._welcome)
        self._welcome.update(dict.fromkeys(needed.welcome))
        return self._learn([Facts(constraints=needed.constraints)]) or len(self._welcome) > known

    def _learn(self, all_facts: Iterable[Facts]) -> bool:
        """Whether there is something in them that uv was not told yet."""
        before = len(self._constraints) + len(self._overrides)
        for facts in all_facts:
            self._constraints.update(dict.fromkeys(facts.constraints))
            self._overrides.update(dict.fromkeys(facts.overrides))
        return len(self._constraints) + len(self._overrides) > before


def _addressed(pinned: Pinned) -> DistFile:
    """The wheel at the address that the request gives; that it is a wheel was checked before solving."""
    file = from_url(pinned.url or "", pinned.name, "")
    if file is None:
        raise NotSettledError(f"{pinned.name} is not a wheel")
    return file
