"""Finds out why a request cannot be met, by looking packages up and by solving variations of it.

From what is plain to what is not: packages, versions and Pythons that do not exist for the arch; then the smallest set
of requirements that cannot be met, which makes further questions quick and the solver's words short; then what the
target's system lacks for these.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec
from rattler import GenericVirtualPackage, MatchSpec, RepoDataRecord

from mfenvd.domain.finding import Finding
from mfenvd.domain.graph import chains
from mfenvd.domain.request import ChannelPriority, Request
from mfenvd.resolve.conda import findings
from mfenvd.resolve.conda.catalog import Catalog, nearest_version, newest_first
from mfenvd.resolve.conda.errors import CondaProblem, Unsolvable
from mfenvd.resolve.conda.findings import Supply, Wanted
from mfenvd.resolve.conda.locked import locked
from mfenvd.resolve.conda.names import spec_name
from mfenvd.resolve.conda.pythons import ABOUT_PYTHON, Pythons, pythons_of
from mfenvd.resolve.conda.question import Question
from mfenvd.resolve.conda.repodata import Repodata
from mfenvd.resolve.conda.solving import parsed_specs
from mfenvd.resolve.conda.systems import CUDA, GLIBC, Lack, lacking, offering
from mfenvd.resolve.conda.wording import Chain
from mfenvd.resolve.conda.words import Node, clashing_chains, first_chain, leaves, tree

_PYTHON = "python"

_TIMEOUT = 3.0
"""Seconds for one variation."""

_ENOUGH = 6.0
"""Seconds after which a set of clashing requirements is taken as it is, though it may not be the smallest, and no
further cause is looked for."""


class Diagnosis:
    """One request that cannot be met.

    Args:
        request: It.
        question: What it comes down to on the target.
        repodata: Where packages come from.
    """

    def __init__(self, request: Request, question: Question, repodata: Repodata) -> None:
        self._request = request
        self._question = msgspec.structs.replace(question, timeout=_TIMEOUT)
        self._target = question.target
        self._repodata = repodata
        self._catalog = Catalog(repodata, question.channels)
        self._specs = dict(zip(question.specs, parsed_specs(question.specs), strict=True))
        self._offered: dict[str, str] = {}
        self._until = 0.0

    def findings(self, words: str) -> tuple[Finding, ...]:
        """Why there is no solution; never empty.

        Args:
            words: The solver's.
        """
        missing = (*self._missing(), *self._kept_out())
        if missing:
            return missing
        self._until = time.monotonic() + _ENOUGH
        found: list[Finding] = []
        while not found or (time.monotonic() < self._until and self._is_unsolvable(tuple(self._specs))):
            found += self._next(words)
        return tuple(found)

    def _next(self, words: str) -> Sequence[Finding]:
        """What keeps the request from being met; from then on that is taken to be remedied."""
        clashing = self._smallest_clash()

        def solved_on(virtual: tuple[GenericVirtualPackage, ...]) -> tuple[RepoDataRecord, ...] | None:
            return self._solved(msgspec.structs.replace(self._asking(clashing), virtual=virtual))

        lacks = lacking(
            self._target, solved_on, lambda name: self._catalog.records(name, self._target.arch), self._offered
        )
        if not lacks:
            found = self._clash(clashing, words)
            # Python stays if it can: others may clash with it as well.
            out = [text for text in clashing if spec_name(text) != _PYTHON] or clashing
            self._specs = {text: spec for text, spec in self._specs.items() if text not in out}
            return [found]
        told = [self._system(lack) for lack in lacks]
        self._offered |= {lack.name: lack.enough for lack in lacks}
        self._question = msgspec.structs.replace(self._question, virtual=offering(self._target, self._offered))
        return told

    def _missing(self) -> Iterator[Finding]:
        """What is asked for and does not exist for the arch, whatever else is asked for."""
        arch = self._target.arch
        for spec in self._specs.values():
            name = spec.name.normalized
            records = self._catalog.records(name, arch)
            if any(spec.matches(record) for record in records):
                continue
            versions = newest_first(records)
            nearest = nearest_version(spec, versions)
            if name == _PYTHON:
                yield findings.no_such_python(shown(spec), self._target, Supply(versions, nearest))
            elif records:
                archs = self._catalog.archs(spec, but=arch)
                yield findings.no_such_version(name, shown(spec), self._target, Supply(versions, nearest, archs))
            else:
                archs = self._catalog.archs(MatchSpec(name), but=arch)
                yield findings.not_for_arch(name, self._target, archs) if archs else self._nowhere((name,))

    def _kept_out(self) -> Iterator[Finding]:
        """What only a channel has that comes after another one with the same package, under strict priority."""
        if self._question.priority is not ChannelPriority.STRICT:
            return
        for spec in self._specs.values():
            records = self._catalog.records(spec.name.normalized, self._target.arch)
            having = [url for url in self._question.channels if any(_is_of(record, url) for record in records)]
            matching = [record for record in records if spec.matches(record)]
            if spec.channel is None and matching and not any(_is_of(record, having[0]) for record in matching):
                place = next(url for url in having if _is_of(matching[0], url))
                first = newest_first(record for record in records if _is_of(record, having[0]))
                yield findings.kept_out(spec.name.normalized, shown(spec), (having[0], first), place)

    def _nowhere(self, chain: Chain) -> Finding:
        nearest = self._catalog.nearest_name(chain[-1], self._target.arch)
        return findings.no_such_package(chain, self._question.channels, nearest)

    def _system(self, lack: Lack) -> Finding:
        resolution = locked(self._request, self._target, lack.records, frozenset(map(spec_name, self._specs)))
        chain = next(iter(chains(resolution.packages, lack.package)), (lack.package,))
        spec = next((text for text in self._specs if spec_name(text) == chain[0]), chain[0])
        told = shown(self._specs[spec]) if spec in self._specs else spec
        if lack.name == CUDA:
            return findings.cuda_missing(told, chain, lack.version, self._target)
        tell = findings.glibc_mismatch if lack.name == GLIBC else findings.macos_mismatch
        return tell(told, chain, lack.version or "", self._target, self._instead(spec))

    def _clash(self, clashing: Sequence[str], words: str) -> Finding:
        try:
            self._repodata.solve(self._asking(clashing))
        except Unsolvable as error:
            words = error.words
        except CondaProblem:
            pass
        nodes = tree(words)
        python = next((text for text in clashing if spec_name(text) == _PYTHON), None)
        if python is not None and len(clashing) == 2 and _is_about_python(nodes):
            other = next(text for text in clashing if text != python)
            pythons = self._pythons_of(other)
            records = self._catalog.records(_PYTHON, self._target.arch)
            if not any(self._specs[python].matches(record) and pythons.include(record) for record in records):
                return self._without_python(other, python, pythons)
        sides = self._sides(nodes, clashing)
        chain = tuple(map(spec_name, sides[0]))
        if len(sides) == 1 and len(chain) > 1 and not self._is_known(chain[-1]):
            return self._nowhere(chain)
        return findings.conflict(sides, [tuple(map(spec_name, side)) for side in sides], words)

    def _sides(self, nodes: Sequence[Node], clashing: Sequence[str]) -> list[tuple[str, ...]]:
        """The chains of match specs that clash first, and the last one's end is what they clash over."""
        pair = clashing_chains(nodes)
        if pair is not None:
            return list(pair)
        chains = [chain for node in nodes[:2] if (chain := first_chain(node))]
        if len(chains) == 2:
            return chains
        asked: list[tuple[str, ...]] = [(shown(self._specs[text]),) for text in clashing]
        if not chains or len(chains[0]) == 1:
            return asked
        end = spec_name(chains[0][-1])
        return [chains[0], *(side for side in asked if spec_name(side[0]) == end)]

    def _is_known(self, name: str) -> bool:
        return name.startswith("__") or bool(self._catalog.records(name, self._target.arch))

    def _without_python(self, spec: str, python: str, pythons: Pythons) -> Finding:
        wanted = Wanted(spec_name(spec), shown(self._specs[spec]), shown(self._specs[python]))
        return findings.python_excluded(wanted, pythons.shown, self._target, self._instead(spec))

    def _pythons_of(self, spec: str) -> Pythons:
        """Those that there are builds for, of what `spec` asks for."""
        records = self._catalog.records(spec_name(spec), self._target.arch)
        return pythons_of(record for record in records if self._specs[spec].matches(record))

    def _instead(self, spec: str) -> str | None:
        """The version of the package that `spec` asks for, if it were asked for in any version; None for none."""
        name = spec_name(spec)
        others = tuple(text for text in self._specs if text != spec)
        records = self._solved(self._asking((*others, name))) or ()
        return next((str(record.version) for record in records if record.name.normalized == name), None)

    def _smallest_clash(self) -> tuple[str, ...]:
        """Specs that cannot be met together, though they can when any one of them is left out.

        Nearly always it is one or two, which is found out quickly: the fewer there are, the sooner the solver knows.
        """
        everything = tuple(self._specs)
        singles = [(text,) for text in everything]
        with_python = [pair for pair in combinations(everything, 2) if _PYTHON in map(spec_name, pair)]
        others = [pair for pair in combinations(everything, 2) if _PYTHON not in map(spec_name, pair)]
        for few in (*singles, *with_python, *others):
            if time.monotonic() > self._until:
                break
            if self._is_unsolvable(few):
                return few
        kept = everything
        for text in reversed(everything):
            rest = tuple(other for other in kept if other != text)
            if time.monotonic() > self._until:
                break
            if self._is_unsolvable(rest):
                kept = rest
        return kept

    def _is_unsolvable(self, specs: Sequence[str]) -> bool:
        try:
            self._repodata.solve(self._asking(specs))
        except Unsolvable:
            return True
        except CondaProblem:
            return False
        return False

    def _asking(self, specs: Sequence[str]) -> Question:
        return msgspec.structs.replace(self._question, specs=tuple(specs))

    def _solved(self, question: Question) -> tuple[RepoDataRecord, ...] | None:
        """None when it cannot be met, or not be told."""
        try:
            return self._repodata.solve(question).records
        except CondaProblem:
            return None


def _is_of(record: RepoDataRecord, channel: str) -> bool:
    return record.channel.rstrip("/") == channel


def shown(spec: MatchSpec) -> str:
    """`pandas ==1.5.0`, without the channel."""
    parts = (spec.name.normalized, spec.version, spec.build)
    return " ".join(part for part in parts if part and part != "*")


def _is_about_python(nodes: Sequence[Node]) -> bool:
    ends = [spec_name(node.spec) for top in nodes for node in leaves(top) if node.spec is not None]
    return bool(ends) and set(ends) <= ABOUT_PYTHON
