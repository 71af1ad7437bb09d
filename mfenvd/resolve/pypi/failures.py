"""Why there is no resolution: found out by looking at what the indexes have, not by reading uv's prose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from urllib.parse import unquote, urlsplit

import msgspec
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from mfenvd.domain.finding import Finding
from mfenvd.domain.redact import redact, shown_url
from mfenvd.domain.target import Target
from mfenvd.resolve.explain import Axis, fits, nearest_version, python_allows, rejections
from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.index.errors import IndexProblem, NoSuchPackage
from mfenvd.resolve.index.files import DistFile, package_of, parse_version
from mfenvd.resolve.index.pages import from_url
from mfenvd.resolve.pypi import findings, gap_findings
from mfenvd.resolve.pypi.asked import Asked, combined, is_pinned, name_of
from mfenvd.resolve.pypi.catalog import Answer, Catalog, releases
from mfenvd.resolve.pypi.check import Rules
from mfenvd.resolve.pypi.gap_findings import Case
from mfenvd.resolve.pypi.metadata_override import requirements_on
from mfenvd.resolve.pypi.sources import Source, SourceKind, newest_sdist
from mfenvd.resolve.pypi.standins import Installed

_WORD = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")

# Packages that are looked into on the way from the request to the conflict.
_MOST_PACKAGES = 60


class Demand(msgspec.Struct, frozen=True):
    """One requirement on a package, and the chain of packages that it comes through, the package included."""

    chain: tuple[str, ...]
    requirement: Requirement

    @property
    def specifier(self) -> SpecifierSet:
        return self.requirement.specifier


class Diagnosis(msgspec.Struct, frozen=True):
    """What is wrong.

    Attributes:
        findings: One per package, in the order in which they were met.
        sources: Packages that only have source distributions.
        pins: Exact pins of withdrawn versions among the dependencies, which pip accepts and uv does not by itself.
    """

    findings: tuple[Finding, ...] = ()
    sources: tuple[Source, ...] = ()
    pins: tuple[str, ...] = ()


def unavailable(
    demands: Sequence[Demand], answer: Listing | NoSuchPackage, rules: Rules, words: str = ""
) -> Finding | None:
    """Why no file of a package can be used, whatever the other packages say; None when one can.

    Args:
        demands: On the package, at least one.
        answer: What the indexes have of it.
        rules: Decide about files.
        words: What uv printed, if it was asked.
    """
    chain = demands[0].chain
    if isinstance(answer, NoSuchPackage):
        return findings.no_such_package(chain, answer.indexes)
    target = rules.target
    specifier = combined(demand.specifier for demand in demands)
    allowed: list[DistFile] = []
    usable: list[DistFile] = []
    for version, files in releases(answer):
        if specifier.contains(version, prereleases=True):
            offered = [file for file in files if file.yanked is None or is_pinned(specifier)]
            if any(map(rules.admits, offered)):
                return None
            allowed += files
            usable += offered
    rejected = sorted(rejections(usable, target), key=lambda reason: len(reason.axes))
    rejected.sort(key=lambda reason: parse_version(reason.version), reverse=True)
    case = Case(
        subject=f"{chain[-1]}{specifier}",
        chain=chain,
        files=answer.files,
        allowed=tuple(usable),
        rejected=tuple(rejected),
        nearest=nearest_version(answer.files, specifier, target),
        target=target,
    )
    return _no_version(case, demands, answer, words) if not allowed else _misfit(case, allowed, rules)


def misnamed_wheel(requirement: Requirement) -> Finding | None:
    """Why the address that `requirement` gives is not that of a wheel of the package, though it is called one."""
    filename = unquote(urlsplit(requirement.url or "").path.rpartition("/")[2])
    if not filename.endswith(".whl") or from_url(requirement.url or "", name_of(requirement), "") is not None:
        return None
    named = package_of(filename)
    reason = f"it is a wheel of {named}" if named != name_of(requirement) else f"{filename} is not a wheel's name"
    return findings.bad_address(requirement.name, shown_url(requirement.url or ""), reason)


def misaddressed(requirement: Requirement, target: Target) -> Finding | None:
    """Why the wheel at the address that `requirement` gives does not fit; None when it does, or there is none."""
    name = name_of(requirement)
    file = from_url(requirement.url or "", name, "")
    if file is None or not file.is_wheel or fits(file, target):
        return None
    rejected = rejections((file,), target)
    return gap_findings.wheel_gap(
        Case(redact(str(requirement)), (name,), (file,), (file,), nearest=None, target=target, rejected=rejected)
    )


def diagnose(
    words: str, asked: Asked, catalog: Catalog, rules: Rules, installed: Mapping[str, Installed] | None = None
) -> Diagnosis:
    """What is wrong, given that uv found no solution.

    Args:
        words: What uv printed; only the names of packages in it count.
        asked: The request on its target.
        catalog: What there is.
        rules: Decide about files.
        installed: What is there already, by canonical name.

    Raises:
        IndexProblem: An index gives no answer.
    """
    named: set[str] = {canonicalize_name(word) for word in _WORD.findall(words)}
    demands = _demands(asked, named, catalog, rules)
    found: list[Finding] = []
    sources: list[Source] = []
    pins: list[str] = []
    for name in asked.installed.intersection(demands):
        finding = _excluded(demands.pop(name), (installed or {})[name], words)
        if finding is not None:
            found.append(finding)
    answers = catalog.look_up(demands)
    for name, on_it in demands.items():
        answer = answers[name]
        if isinstance(answer, IndexProblem):
            raise answer
        if isinstance(answer, Listing):
            sdist = newest_sdist(answer, asked, [demand.requirement for demand in on_it])
            if sdist is not None:
                sources.append(Source(on_it[0].requirement, SourceKind.INDEX, sdist, on_it[0].chain))
                continue
            pins += _withdrawn_pins(name, on_it, answer)
        finding = unavailable(on_it, answer, rules, words)
        if finding is not None:
            found.append(finding)
    if not found and not sources and not pins:
        found.append(_clash(demands, answers, words))
    return Diagnosis(tuple(found), tuple(sources), tuple(dict.fromkeys(pins)))


def _excluded(demands: Sequence[Demand], installed: Installed, words: str) -> Finding | None:
    """What the demands have against an installed package; None when there is nothing."""
    against = [demand for demand in demands if not demand.specifier.contains(installed.version, prereleases=True)]
    if not against:
        return None
    return findings.installed_excludes(installed, [(one.chain, str(one.specifier)) for one in against], words)


def direct_demands(asked: Asked, name: str) -> list[Demand]:
    """What the request itself says about package `name`."""
    return [Demand((name,), requirement) for requirement in asked.of(name)]


def _demands(asked: Asked, named: set[str], catalog: Catalog, rules: Rules) -> dict[str, list[Demand]]:
    """All demands on the packages that the conflict names: the request's, then those of the packages themselves.

    The newest version that could be used speaks for each package: uv has tried all, and what it ended with is about
    what most of them say.
    """
    demands = {name: direct_demands(asked, name) for name in asked.index_names}
    extras: dict[str, set[str]] = {}
    for requirement in asked.requirements:
        extras.setdefault(name_of(requirement), set()).update(requirement.extras)
    queue = [name for name in asked.index_names if name in named] or list(asked.index_names)
    seen = set(queue)
    while queue and len(seen) <= _MOST_PACKAGES:
        name = queue.pop(0)
        for requirement in _needs(name, demands[name], extras.get(name, set()), catalog, rules):
            child = name_of(requirement)
            if child not in named or requirement.url or child in demands[name][0].chain:
                continue
            demands.setdefault(child, []).append(Demand((*demands[name][0].chain, child), requirement))
            extras.setdefault(child, set()).update(requirement.extras)
            if child not in seen and child not in asked.installed:
                seen.add(child)
                queue.append(child)
    return {name: on_it for name, on_it in demands.items() if name in named or name in asked.index_names}


def _needs(
    name: str, demands: Iterable[Demand], extras: Iterable[str], catalog: Catalog, rules: Rules
) -> Iterator[Requirement]:
    answer = catalog.look_up((name,))[name]
    if not isinstance(answer, Listing):
        return
    specifier = combined(demand.specifier for demand in demands)
    # Final releases first, whether pre-releases are welcome or not: they are what most of the conflict is about.
    for version in sorted(
        specifier.filter(answer.versions, prereleases=True), key=lambda version: version.is_prerelease
    ):
        file = rules.best(answer.of(version))
        if file is not None:
            yield from requirements_on(catalog.metadata((file,))[file], rules.target, sorted(extras))
            return


def _withdrawn_pins(name: str, demands: Iterable[Demand], package: Listing) -> Iterator[str]:
    for demand in demands:
        if len(demand.chain) > 1 and is_pinned(demand.specifier):
            files = [f for f in package.files if demand.specifier.contains(f.parsed_version, prereleases=True)]
            if files and all(file.yanked is not None for file in files):
                yield f"{name}{demand.specifier}"


def _misfit(case: Case, allowed: Sequence[DistFile], rules: Rules) -> Finding:
    """There are allowed versions, and all of them fail for some reason."""
    if not case.allowed:
        return gap_findings.withdrawn_only(case, allowed[0].yanked or "")
    if any(fits(file, case.target) for file in case.allowed):
        return gap_findings.hash_mismatch(case, rules.hashes[case.name])
    if not any(python_allows(file.requires_python, case.target) for file in case.allowed):
        return gap_findings.python_excluded(case)
    if any(reason.axes == (Axis.GLIBC,) for reason in case.rejected):
        return gap_findings.glibc_mismatch(case)
    return gap_findings.wheel_gap(case)


def _no_version(case: Case, demands: Sequence[Demand], package: Listing, words: str) -> Finding:
    """Nothing is in all specifiers at once: one of them alone is impossible, or they exclude each other."""
    if not package.versions:
        return gap_findings.wheel_gap(case)
    for demand in demands:
        if not _admits_any([demand], package):
            subject = f"{package.name}{demand.specifier}"
            return gap_findings.no_such_version(msgspec.structs.replace(case, subject=subject, chain=demand.chain))
    return _conflict(_clashing(demands, package) or demands, package.name, words)


def _clash(demands: Mapping[str, Sequence[Demand]], answers: Mapping[str, Answer], words: str) -> Finding:
    """The first package on which two demands exclude each other, else the conflict as uv tells it."""
    for name, on_it in demands.items():
        package = answers[name]
        pair = _clashing(on_it, package) if isinstance(package, Listing) else ()
        if pair:
            return _conflict(pair, name, words)
    return findings.conflict(None, [], words)


def _clashing(demands: Sequence[Demand], package: Listing) -> Sequence[Demand]:
    """The first two that no version satisfies both; empty when there are none."""
    return next((pair for pair in combinations(demands, 2) if not _admits_any(pair, package)), ())


def _admits_any(demands: Sequence[Demand], package: Listing) -> bool:
    specifier = combined(demand.specifier for demand in demands)
    return any(specifier.contains(version, prereleases=True) for version in package.versions)


def _conflict(demands: Sequence[Demand], name: str, words: str) -> Finding:
    return findings.conflict(name, [(demand.chain, str(demand.specifier)) for demand in demands], words)
