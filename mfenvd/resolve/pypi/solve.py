"""uv's answer made exact: asked again until every package of it is what the target itself would get."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from packaging.requirements import Requirement
from packaging.version import Version

from mfenvd.domain.resolver import Progress
from mfenvd.domain.target import Target
from mfenvd.resolve.index.errors import IndexRefuses
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.pages import from_url
from mfenvd.resolve.pypi.asked import Asked, name_of
from mfenvd.resolve.pypi.check import excluded_names, joined
from mfenvd.resolve.pypi.chosen import Chosen
from mfenvd.resolve.pypi.compiled import Compiled, Pinned
from mfenvd.resolve.pypi.dead_ends import DeadEnds
from mfenvd.resolve.pypi.inspection import Facts, Inspector
from mfenvd.resolve.pypi.metadata_override import Override
from mfenvd.resolve.pypi.platforms import uv_platform
from mfenvd.resolve.pypi.prereleases import Correction
from mfenvd.resolve.pypi.uv import Compiler, Question, UvError

# Each round rules out versions for good, so there is an end; real sets need one to three.
_MOST_ROUNDS = 50


class NotSettledError(Exception):
    """Round after round brought another version that does not fit."""


class Solver:
    """Solves one request on one target.

    Args:
        asked: The request there.
        target: Where.
        inspector: Finds out what there is.
        dead_ends: Likewise about versions that uv need not try.
        uv: Who solves.

    Attributes:
        kept_back: Packages that uv did without in its last answer, as an index may keep them back, with what it says.
    """

    def __init__(self, asked: Asked, target: Target, inspector: Inspector, dead_ends: DeadEnds, uv: Compiler) -> None:
        self._asked = asked
        self._target = target
        self._inspector = inspector
        self._dead_ends = dead_ends
        self._tells_dead_ends = True
        self._uv = uv
        self.kept_back: dict[str, IndexRefuses] = {}
        # What uv is told besides the request, in the order in which it was found.
        self._constraints: dict[str, None] = {}
        self._overrides: dict[Override, None] = {}
        # Packages that have exclusions for reasons of this request's.
        self._corrected: set[str] = set()
        self._welcome = {name: None for name in asked.index_names if asked.specifier(name).prereleases}

    def opening(self, pins: Iterable[str] = ()) -> Question:
        """What `solve` will ask first if the packages that are asked for hold no surprise."""
        self._learn(self._inspector.remembered())
        return self._question(pins)

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
            try:
                answer = self._uv.compile(self._question(pins), platform)
            except UvError as error:
                if error.unsolvable and self._can_ask_otherwise(error):
                    continue
                raise
            report(Progress("checking wheels", 0, len(answer.packages)))
            chosen = self._checked(answer)
            report(Progress("checking wheels", len(answer.packages), len(answer.packages)))
            if chosen is None:
                continue
            missing = [name for name in answer.log.missing if name not in self._asked.installed]
            self.kept_back = self._inspector.kept_back(missing)
            if not self._knows_shorter_way(answer, pins):
                return chosen
        raise NotSettledError(f"no end after {_MOST_ROUNDS} rounds")

    def _question(self, pins: Iterable[str]) -> Question:
        dead_ends = self._dead_ends.constraints if self._tells_dead_ends else ()
        return Question(
            requirements=tuple(map(str, self._asked.requirements)),
            constraints=(*map(str, self._asked.constraints), *pins, *joined((*self._constraints, *dead_ends))),
            pre=self._asked.pre,
            welcome=tuple(self._welcome),
            overrides=tuple(self._overrides),
        )

    def _can_ask_otherwise(self, error: UvError) -> bool:
        """Whether uv, which found no solution, was told something wrong, or more than it should say in its words."""
        if self._learn(self._inspector.misread(error.log.read, {})):
            return True
        told = self._tells_dead_ends and bool(self._dead_ends.constraints)
        # What makes them dead is what the user has to know.
        self._tells_dead_ends = False
        return told

    def _knows_shorter_way(self, answer: Compiled, pins: Iterable[str]) -> bool:
        """Whether uv tried versions in vain that it can be told to pass over.

        It is asked again then, so that its answer does not depend on what was known before.
        """
        if not self._tells_dead_ends:
            return False
        chosen = {f"{one.name}=={one.version}" for one in answer.packages}
        abandoned = {f"{one.name}=={one.version}" for one in answer.log.read}.difference(chosen)
        limited = (*self._asked.constraints, *map(Requirement, pins))
        addressed = set(self._asked.names).difference(self._asked.index_names)
        unclear = {*map(name_of, limited), *addressed, *self._corrected, *self._asked.installed}
        return self._dead_ends.learn(answer.log, abandoned, excluded_names(self._constraints), unclear)

    def _checked(self, answer: Compiled) -> tuple[Chosen, ...] | None:
        """The files for uv's answer; None when uv did not know enough, and has to be asked again."""
        versions = {one.name: Version(one.version) for one in answer.packages if one.version}
        facts = self._inspector.versions(versions)
        read = answer.log.read
        told = {one.name for one in read}
        untold = self._inspector.readable({name: versions[name] for name in versions if name not in told})
        if self._learn((*facts.values(), *self._inspector.misread((*read, *untold), facts))):
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
        known = len(self._welcome)
        exclusions = []
        for one, correction in self._inspector.corrections(doubtful, found):
            if correction is Correction.WELCOME:
                self._welcome[one.name] = None
            elif correction is Correction.EXCLUDE:
                exclusions.append(f"{one.name}!={one.version}")
                self._corrected.add(one.name)
        return self._learn([Facts(constraints=tuple(exclusions))]) or len(self._welcome) > known

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
