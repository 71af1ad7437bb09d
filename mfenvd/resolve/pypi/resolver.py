"""PyPI environments: from a request on a target to locked wheels, or to what keeps them from being."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from packaging.requirements import Requirement
from packaging.version import Version

from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.graph import Graph
from mfenvd.domain.hint import kept_to
from mfenvd.domain.own_files import disk_full, files_unusable, says_disk_is_full
from mfenvd.domain.request import Kind, Request
from mfenvd.domain.resolution import Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.target import Target
from mfenvd.resolve.explain import nearest_version
from mfenvd.resolve.index.client import IndexClient, Listing
from mfenvd.resolve.index.configuration import configuration
from mfenvd.resolve.index.errors import IndexProblem, IndexUnreachable, NoSuchPackage
from mfenvd.resolve.index.findings import ignored, index_finding, kept_back, stale
from mfenvd.resolve.pypi import findings
from mfenvd.resolve.pypi.ahead import UvAhead
from mfenvd.resolve.pypi.asked import InvalidAskedError, asked_on, name_of
from mfenvd.resolve.pypi.build import Builder, BuildFailedError, Built
from mfenvd.resolve.pypi.catalog import Answer, Catalog
from mfenvd.resolve.pypi.check import Rules
from mfenvd.resolve.pypi.chosen import Chosen
from mfenvd.resolve.pypi.dead_ends import DeadEnd, DeadEnds, Way
from mfenvd.resolve.pypi.demands import Demands
from mfenvd.resolve.pypi.failures import diagnose, direct_demands, misaddressed, misnamed_wheel, unavailable
from mfenvd.resolve.pypi.fetch_failures import bad_address, index_problem
from mfenvd.resolve.pypi.held_back import glibc_findings
from mfenvd.resolve.pypi.inspection import Facts, Inspector
from mfenvd.resolve.pypi.locked import locked, needing
from mfenvd.resolve.pypi.notebook import Notebook
from mfenvd.resolve.pypi.platforms import uv_platform
from mfenvd.resolve.pypi.solve import NotSettledError, Solver
from mfenvd.resolve.pypi.sources import Source, SourceKind, addressed_sources, index_sources
from mfenvd.resolve.pypi.standins import Installed, UvBeside
from mfenvd.resolve.pypi.uv import Uv, UvError, UvMissingError

# Of a package of which only the name is known yet.
_LATER = Installed(Version("0"), "")

_T = TypeVar("_T")

Report = Callable[[Progress], None]


class PypiResolver:
    """Resolves requests of kind `pypi` with uv; docs/resolving.md says how its answer is made exact."""

    def resolve(self, request: Request, target: Target, context: Context, report: Report) -> Outcome:
        """As `domain.resolver.Resolver` says."""
        return self._outcome(lambda: _Attempt(request, target, context, report).outcome())

    def resolve_beside(
        self,
        request: Request,
        target: Target,
        context: Context,
        report: Report,
        installed: Mapping[str, Installed],
    ) -> Outcome:
        """Likewise, for wheels alone and beside packages that are there already.

        Args:
            request: Its PyPI part counts.
            target: Where; its Python is the installed one.
            context: As for `resolve`.
            report: As for `resolve`.
            installed: What is there, by canonical name. It stays at its version and is no part of the resolution,
                but stands among what a wheel requires.
        """
        return self._outcome(lambda: _Attempt(request, target, context, report, installed).outcome())

    def refusal(
        self, request: Request, target: Target, context: Context, report: Report, installed: Iterable[str]
    ) -> Outcome | None:
        """What of the PyPI part of `request` is no wheel and cannot be one beside other packages, before any solving.

        Args:
            request: Its PyPI part counts.
            target: Where.
            context: As for `resolve`.
            report: As for `resolve`.
            installed: Canonical names of packages that will be there, which are not looked at.

        Returns:
            None when there is nothing.
        """
        beside = dict.fromkeys(installed, _LATER)
        outcome = self._outcome(lambda: _Attempt(request, target, context, report, beside).checked())
        return outcome if outcome.findings else None

    def _outcome(self, attempt: Callable[[], Outcome]) -> Outcome:
        try:
            return attempt()
        except _BlockedError as error:
            return Outcome(findings=error.findings)
        except InvalidAskedError as error:
            return Outcome(findings=(findings.not_understood(str(error)),))
        except (IndexProblem, UvError, UvMissingError, NotSettledError, OSError) as error:
            return Outcome(findings=(_told(error),), failed=True)


class _BlockedError(Exception):
    """There is no resolution, and these findings say why."""

    def __init__(self, found: Iterable[Finding]) -> None:
        super().__init__()
        self.findings = tuple(found)


class _BuildFirst(Exception):  # noqa: N818 - not an error: solving starts over with more wheels
    """Packages that have to become wheels before anything can be solved."""

    def __init__(self, sources: Iterable[Source]) -> None:
        super().__init__()
        self.sources = tuple(sources)


class _Attempt:
    """One request on one target."""

    def __init__(
        self,
        request: Request,
        target: Target,
        context: Context,
        report: Report,
        installed: Mapping[str, Installed] | None = None,
    ) -> None:
        self._installed = installed or {}
        self._is_mixed = installed is not None
        self._request = request
        self._target = target
        self._context = context
        self._report = report
        self._root = Path(context.root)
        self._cache_dir = Path(context.cache_dir)
        self._asked = asked_on(request.pypi, target, self._installed)
        self._config = configuration(request.pypi.indexes, context.surroundings, self._root)
        self._built: dict[str, Built] = {}

    @property
    def _is_foreign(self) -> bool:
        return self._target.arch.value != self._context.local_arch

    def outcome(self) -> Outcome:
        """The resolution with its warnings.

        Raises:
            _BlockedError: There is none.
            IndexProblem, UvError, UvMissingError, NotSettledError: It could not be told.
        """
        passed_over = tuple(map(ignored, self._config.ignored_urls))
        while True:
            try:
                with Catalog(self._client) as catalog:
                    outcome = self._solved(catalog)
                return msgspec.structs.replace(outcome, findings=(*outcome.findings, *passed_over))
            except _BuildFirst as need:
                self._make(need.sources)
            except _BlockedError as error:
                raise _BlockedError((*error.findings, *passed_over)) from error

    def checked(self) -> Outcome:
        """Nothing; raises what `outcome` would raise about what is no wheel, before solving."""
        with Catalog(self._client) as catalog:
            self._check_sources(catalog, self._inspector(catalog))
        return Outcome()

    @property
    def _rules(self) -> Rules:
        return Rules(self._target, uv_platform(self._target).seen_as, self._asked.hashes)

    def _inspector(self, catalog: Catalog) -> Inspector:
        return Inspector(self._asked, self._rules, catalog, self._notebook(Facts), self._notebook(str))

    def _client(self, fresh_for: float) -> IndexClient:
        fresh_for = 0.0 if self._context.refresh else fresh_for
        environ = self._context.surroundings.environ
        return IndexClient(self._config, self._cache_dir, environ, fresh_for=fresh_for)

    def _solved(self, catalog: Catalog) -> Outcome:
        asked, target, rules = self._asked, self._target, self._rules
        inspector = self._inspector(catalog)
        uv = self._uv()
        with UvAhead(uv, self._uv(), catalog, asked.index_names) as ahead:
            beside = UvBeside(ahead, self._cache_dir / "standins", self._installed, catalog, target)
            dead_ends = DeadEnds(rules, catalog, self._notebook(DeadEnd), self._notebook(Way), asked.installed)
            solver = Solver(asked, target, inspector, dead_ends, beside)
            if self._is_new(inspector):
                ahead.begin(solver.opening(kept_to(self._context.hint, Kind.PYPI)), uv_platform(target))
            self._check_requirements(catalog, rules, inspector)
            uv.is_offline = bool(catalog.stale)
            chosen = self._chosen(solver, uv, catalog, rules)
        resolution = needing(locked(self._request, target, chosen, asked.names, self._built), chosen, beside.used)
        self._report(Progress("done", len(chosen), len(chosen)))
        try:
            # The resolution stands even if an index keeps back what else there would be to know.
            found = tuple(self._worth_knowing(chosen, resolution, catalog, inspector.demands(chosen)))
        except IndexProblem as problem:
            found = (msgspec.structs.replace(index_finding(problem), severity=Severity.NOTICE),)
        inspector.save()
        dead_ends.save()
        extras = (findings.extras_unknown(self._installed[name], name, of) for name, of in beside.unknown.items())
        refused = (kept_back(problem, name) for name, problem in solver.kept_back.items())
        return Outcome(resolution, (*found, *extras, *refused, *_stale(catalog)))

    def _is_new(self, inspector: Inspector) -> bool:
        """Whether indexes have to be asked about what is requested, and everything that is requested is on one."""
        asked = self._asked
        is_plain = not self._is_mixed and len(asked.index_names) == len(asked.names)
        return is_plain and not inspector.knows(asked.index_names)

    def _notebook(self, kind: type[_T]) -> Notebook[_T]:
        parts = (str(msgspec.to_builtins(self._target)), str(self._asked.pre), str(sorted(self._asked.hashes.items())))
        return Notebook(self._cache_dir / "notes", kind, self._config, parts, refresh=self._context.refresh)

    def _uv(self) -> Uv:
        environ = self._context.surroundings.environ
        return Uv(self._config, self._cache_dir, environ, self._root, refresh=self._context.refresh)

    def _check_requirements(self, catalog: Catalog, rules: Rules, inspector: Inspector) -> None:
        """Stops at requirements that cannot be met whatever the others say, those that are not wheels first."""
        answers = self._check_sources(catalog, inspector)
        found = [misaddressed(requirement, self._target) for requirement in self._asked.requirements]
        for name, answer in answers.items():
            if isinstance(answer, IndexProblem):
                raise answer
            found.append(unavailable(direct_demands(self._asked, name), answer, rules))
        if any(found):
            raise _BlockedError(filter(None, found))

    def _check_sources(self, catalog: Catalog, inspector: Inspector) -> Mapping[str, Answer]:
        """Stops at requirements that are not wheels: they cannot cross architectures, and are built for this one.

        Returns:
            What the indexes have of each package that is asked for; empty where it is known that something fits.
        """
        asked = self._asked
        misnamed = [finding for finding in map(misnamed_wheel, asked.requirements) if finding]
        if misnamed:
            raise _BlockedError(misnamed)
        sources = [source for source in addressed_sources(asked) if not self._is_built(source)]
        answers: dict[str, Answer] = {}
        if sources or not inspector.knows(asked.index_names):
            self._report(Progress("reading indexes", 0, len(asked.index_names)))
            answers = catalog.look_up(asked.index_names)
        sources += index_sources(asked, {name: a for name, a in answers.items() if isinstance(a, Listing)})
        self._need_wheels(sources, catalog)
        return answers

    def _is_built(self, source: Source) -> bool:
        return (source.requirement.url or "") in self._built

    def _need_wheels(self, sources: Sequence[Source], catalog: Catalog) -> None:
        if not sources:
            return
        if self._is_foreign or self._is_mixed:
            word = findings.not_in_mixed if self._is_mixed else findings.not_across_archs
            raise _BlockedError(
                word(source, sources, self._nearest(source, catalog), self._target) for source in sources
            )
        to_build = [source for source in sources if not source.is_wheel]
        if to_build and not self._context.trusted:
            raise _BlockedError(map(findings.build_needs_trust, to_build))
        raise _BuildFirst(sources)

    def _nearest(self, source: Source, catalog: Catalog) -> str | None:
        """A version that has a wheel, where the package is on an index."""
        if source.kind is not SourceKind.INDEX:
            return None
        answer = catalog.look_up((source.name,))[source.name]
        if not isinstance(answer, Listing):
            return None
        return nearest_version(answer.files, source.requirement.specifier, self._target)

    def _make(self, sources: Sequence[Source]) -> None:
        """Builds `sources` and puts the wheels where the next attempt finds them."""
        builder = Builder(self._target, self._context, self._config, self._uv())
        made, failed = [], []
        for number, source in enumerate(sources):
            self._report(Progress(f"building {source.name}", number, len(sources)))
            try:
                made.append(builder.build(source))
            except BuildFailedError as error:
                failed.append(findings.build_failed(source, str(error), error.output))
        if failed:
            raise _BlockedError(failed)
        replaced = {}
        links = []
        for one in made:
            self._built[one.wheel.as_uri()] = one
            if one.source.kind is SourceKind.INDEX:
                links.append(str(one.wheel.parent))
            else:
                replaced[one.source.name] = one.wheel.as_uri()
        self._config = msgspec.structs.replace(self._config, find_links=(*self._config.find_links, *links))
        self._asked = msgspec.structs.replace(
            self._asked,
            requirements=tuple(_readdressed(r, replaced.get(name_of(r))) for r in self._asked.requirements),
        )

    def _chosen(self, solver: Solver, uv: Uv, catalog: Catalog, rules: Rules) -> tuple[Chosen, ...]:
        """The solver's answer made exact; what it cannot solve is looked into."""
        hint = self._context.hint
        pins = kept_to(hint, Kind.PYPI)
        while True:
            try:
                return solver.solve(self._report, pins)
            except UvError as error:
                if not error.unsolvable:
                    return self._offline(solver, uv, pins, error)
                if hint is not None:
                    raise _BlockedError(()) from error
                self._report(Progress("looking for the reason"))
                diagnosis = diagnose(error.output, self._asked, catalog, rules, self._installed)
                self._need_wheels(diagnosis.sources, catalog)
                if not set(diagnosis.pins) - set(pins):
                    raise _BlockedError(diagnosis.findings) from error
                pins = (*pins, *diagnosis.pins)
            except NoSuchPackage as error:
                raise _BlockedError([findings.no_such_package((error.name,), error.indexes)]) from error

    def _offline(self, solver: Solver, uv: Uv, pins: tuple[str, ...], error: UvError) -> tuple[Chosen, ...]:
        """What uv has in its cache may do where an index does not answer."""
        address = bad_address(error.output)
        if address is not None:
            raise _BlockedError([findings.bad_address(address.name, address.url, address.reason)])
        problem = index_problem(error.output, self._config)
        if problem is None:
            raise error
        if uv.is_offline or not isinstance(problem, IndexUnreachable):
            raise problem
        uv.is_offline = True
        try:
            return solver.solve(self._report, pins)
        except UvError:
            raise problem from error

    def _worth_knowing(
        self, chosen: Sequence[Chosen], resolution: Resolution, catalog: Catalog, demands: Demands
    ) -> Iterator[Finding]:
        """Withdrawn versions, and what the target's GLIBC changes."""
        graph = Graph(resolution.packages)

        def chain_of(name: str) -> tuple[str, ...]:
            return next(iter(graph.chains(name)), (name,))

        for one in chosen:
            if one.file.yanked is not None:
                answer = catalog.look_up((one.name,))[one.name]
                files = answer.files if isinstance(answer, Listing) else ()
                nearest = nearest_version(files, f"=={one.version.public}", self._target)
                yield findings.withdrawn(one.file, chain_of(one.name), nearest)
        # What Metaflow itself picks beside conda packages is conda-lock's choice, not that of its own tags.
        yield from glibc_findings(chosen, demands, chain_of, self._target, metaflow=not self._is_mixed)


def _told(error: IndexProblem | UvError | UvMissingError | NotSettledError | OSError) -> Finding:
    """What kept mfenv from telling whether the request resolves."""
    if isinstance(error, IndexProblem):
        return index_finding(error)
    if isinstance(error, UvMissingError):
        return findings.uv_missing(str(error))
    if isinstance(error, OSError):
        return files_unusable(error)
    words = str(error)
    return disk_full(words) if says_disk_is_full(words) else findings.uv_failed(words)


def _stale(catalog: Catalog) -> Iterator[Finding]:
    for index, since in catalog.stale.items():
        yield stale(index, since)


def _readdressed(requirement: Requirement, url: str | None) -> Requirement:
    if url is None:
        return requirement
    changed = Requirement(str(requirement))
    changed.url, changed.marker = url, None
    return changed
