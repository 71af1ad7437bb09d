"""What metaflow-netflixext would resolve, in its words (1.3.17), as requests and their targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from packaging.markers import InvalidMarker
from packaging.version import Version

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.identity import RequestIdentity, split_dependency
from mfenvd.domain.markers import holds
from mfenvd.domain.plan import Environment, PlannedTarget
from mfenvd.domain.redact import shown_url, without_channel_credentials
from mfenvd.domain.request import CondaPart, Indexes, Kind, PypiPart, Request
from mfenvd.domain.sharing import AskedEnvironment
from mfenvd.domain.target import newest_patch, offered_version
from mfenvd.flows.conda_packages import conda_part, metaflow_spec
from mfenvd.flows.file_conda import minor_of
from mfenvd.flows.project_context import ProjectContext
from mfenvd.flows.requests import RequestFacts, canonical_requirements, python_in, python_version
from mfenvd.flows.requirement_formats.requirement_text import Entry
from mfenvd.flows.targets import requested_targets

_OPERATORS = ("<", ">", "!", "~", "=", ";")
_FIND_LINKS = ("-f ", "--find-links ")
_IN_MIXED = ("pip", "uv")
"""What the extension adds where both kinds of packages are resolved together."""


class Described(msgspec.Struct, frozen=True):
    """What is resolved for one arch.

    Attributes:
        environment: With one target; its request is None where it cannot be known, which its findings say.
        base: Of wheels alone: the conda packages that they go into, likewise.
    """

    environment: Environment
    base: Environment | None = None


def described(asked: AskedEnvironment, like: Environment, context: ProjectContext) -> Described:
    """The environment that the extension asks for.

    Args:
        asked: In its words.
        like: What mfenv read of the same: where packages stand, and what is wrong with them.
        context: Of the project.
    """
    python, kind = python_of(asked, context.requests), asked.kind
    (target,) = requested_targets((Arch(asked.arch),), python, context.targets, None, kind=kind, declared=True)
    target = target.given(glibc=_system(asked, "__glibc"), cuda=_system(asked, "__cuda"))
    return described_on(target, asked, like, context.requests)


def extending(identity: RequestIdentity) -> AskedEnvironment:
    """What a step asks for that extends a named environment."""
    return AskedEnvironment(
        identity.arch,
        identity.id,
        identity.env_type,
        identity.worded,
        identity.resolves,
        identity.named,
        identity.builder,
        extends=True,
    )


def within(target: PlannedTarget, asked: AskedEnvironment) -> PlannedTarget:
    """The target with no newer a GLIBC than the extension resolves for, and with the CUDA driver that it names."""
    glibc, has = _system(asked, "__glibc"), target.target.glibc
    is_lower = glibc is not None and has is not None and Version(glibc) < Version(has)
    return target.given(glibc=glibc if is_lower else None, cuda=_system(asked, "__cuda"))


def python_of(asked: AskedEnvironment, facts: RequestFacts) -> str:
    """The version of the interpreter that is asked for."""
    return _python(asked, facts)[0]


def described_on(target: PlannedTarget, asked: AskedEnvironment, like: Environment, facts: RequestFacts) -> Described:
    """As `described`, for a target that is known."""
    kind, (python, interpreter) = asked.kind, _python(asked, facts)
    conda = [*_split(asked.deps, "conda"), *_split(asked.deps, "npconda")]
    if kind is Kind.MIXED:
        conda += [(name, "") for name in _IN_MIXED if name not in dict(conda)]
    wheels, said = _wheels(asked, like, facts.folders) if kind is not Kind.CONDA else (PypiPart(), ())
    known = {(finding.code, finding.message) for finding in like.findings}
    said = (*like.findings, *(finding for finding in said if (finding.code, finding.message) not in known))
    broken = any(finding.severity is Severity.ERROR for finding in said)
    parts = CondaPart() if kind is Kind.PYPI else _conda(conda, interpreter, asked, target, facts)
    request = Request(kind, python, wheels, parts, facts.solver_for(kind))
    environment = msgspec.structs.replace(
        like,
        kind=kind,
        python=python,
        conda=dict(conda) if kind is not Kind.PYPI else {},
        pypi=dict(_split(asked.deps, "pypi")),
        channels=tuple(map(without_channel_credentials, parts.channels)),
        indexes=tuple(map(shown_url, wheels.indexes.extra_index_urls)),
        request=None if broken else request,
        targets=(target,),
        findings=said,
    )
    if kind is not Kind.PYPI:
        return Described(environment)
    into = _conda(list(map(split_dependency, asked.builder)), interpreter, asked, target, facts)
    base = Environment(
        source=like.source,
        flow=None,
        step=None,
        name=f"{like.name}: Python",
        kind=Kind.CONDA,
        python=python,
        request=Request(Kind.CONDA, python, conda=into),
        targets=(target,),
    )
    return Described(environment, base)


def undescribed(folder: Path, name: str) -> Environment:
    """An environment that no file describes: one that extends another."""
    return Environment(source=str(folder / "command line"), flow=None, step=None, name=name)


def _python(asked: AskedEnvironment, facts: RequestFacts) -> tuple[str, str]:
    """The interpreter's version, and what conda is asked for.

    Of a range the project's Python is taken where it is in it. `3.11` means any 3.11 but to conda alone. Beside wheels
    the interpreter of an environment that is extended may be another patch.
    """
    kind, project = asked.kind, facts.python
    deps = (asked.asked.deps if kind is Kind.PYPI else asked.deps).get("conda", ())
    said = next((spec for name, spec in map(split_dependency, deps) if name.rpartition("::")[2] == "python"), "")
    version = python_version(said) if said else project
    if version is None:
        version = python_in(said, project) or project
        return newest_patch(minor_of(version)), f"{minor_of(version)}.*"
    if version.count(".") > 1 and "*" not in said:
        return version, f"=={version}"
    if kind is Kind.CONDA and "*" not in said:
        return version, metaflow_spec(said)
    return newest_patch(minor_of(version)), f"{minor_of(version)}.*"


def _wheels(
    asked: AskedEnvironment, like: Environment, folders: Sequence[Path]
) -> tuple[PypiPart, tuple[Finding, ...]]:
    extras = asked.asked.extras.get("pypi", ())
    places = {name: place for name, place in like.origins.items() if place is not None}
    written = canonical_requirements(
        Entry(text, places.get(name, Location(like.source)), tuple(folders))
        for name, text in _requirements(asked.deps.get("pypi", ()))
    )
    links = tuple(text.split(maxsplit=1)[1] for text in extras if text.startswith(_FIND_LINKS))
    indexes = Indexes(
        extra_index_urls=asked.named.get("pypi", ()), find_links=links, no_index="--no-index" in extras
    )  # fmt: skip
    return PypiPart(written.texts, indexes=indexes, pre="--pre" in extras), written.findings


def _requirements(deps: Iterable[str]) -> Iterator[tuple[str, str]]:
    """`(name, requirement)` of `six==1.0`, `six==>=1,<2`, `six;os_name == "nt"`, `demo@https://…;…`."""
    for name, spec in map(split_dependency, deps):
        package, at, url = name.partition("@")
        if at:
            yield package, f"{package} @ {url} {spec}".strip()
        else:
            yield name, f"{name}{spec}" if not spec or spec.startswith(_OPERATORS) else f"{name}=={spec}"


def _conda(
    packages: list[tuple[str, str]],
    interpreter: str,
    asked: AskedEnvironment,
    target: PlannedTarget,
    facts: RequestFacts,
) -> CondaPart:
    """The packages whose markers hold on the target, with the interpreter that was chosen."""
    wanted = [("python", interpreter)]
    for name, spec in packages:
        version, _, marker = spec.partition(";")
        if name != "python" and (not marker or _holds(marker, target)):
            wanted.append((name, metaflow_spec(version)))
    named = asked.named.get("conda", ())
    return conda_part(wanted, named, facts.conda, flexible=bool(named))


def _holds(marker: str, target: PlannedTarget) -> bool:
    """Whether it holds there; what is no marker is left to whoever resolves."""
    try:
        return holds(marker, target.target)
    except InvalidMarker:
        return True


def _system(asked: AskedEnvironment, name: str) -> str | None:
    """`2.36` of `__glibc==2.36=0`; None where the arch has none."""
    found = dict(_split(asked.deps, "sys")).get(name)
    return offered_version(found) if found else None


def _split(deps: dict[str, tuple[str, ...]], category: str) -> Iterator[tuple[str, str]]:
    return map(split_dependency, deps.get(category, ()))
