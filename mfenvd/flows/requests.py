"""What a step asks for, as Metaflow core puts it together (2.19.39, `conda_environment.py` and `pip.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from mfenvd.condarc.configuration import CondaConfiguration
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.identity import AnyIdentity, Identity, split_dependency
from mfenvd.domain.pins import pinned_packages
from mfenvd.domain.request import CondaPart, Indexes, Kind, MixedSolver, PypiPart, Request
from mfenvd.domain.target import newest_patch
from mfenvd.flows import findings
from mfenvd.flows.conda_packages import conda_request
from mfenvd.flows.interpreter import lowest_allowed
from mfenvd.flows.loaded_request import any_patch
from mfenvd.flows.origins import origin_of
from mfenvd.flows.reading import StepReading
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.requirement_text import Entry, canonical

_OPERATORS = ("<", ">", "!", "~", "@")
_PYTHON = re.compile(r"(?P<version>3\.\d+(?:\.\d+)?t?)(?P<any>\.\*)?")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\[[\w, -]*\])?(?:\s*[<>=!~][<>=!~\w.,* ]*)?")


class RequestFacts(msgspec.Struct, frozen=True):
    """What the requests of a project have in common.

    Attributes:
        python: The interpreter that launches the flows, as `3.11.7`.
        datastore: One of `pins.DATASTORES`.
        conda: conda's own configuration: channels and their priority.
        folders: Where pip would look for relative paths, the first first.
        mixed_solver: Who resolves the wheels of mixed environments.
        core: Whether Metaflow is without the extension that mixes conda and PyPI packages; None when not known.
    """

    python: str
    datastore: str = "local"
    conda: CondaConfiguration = CondaConfiguration()
    folders: tuple[Path, ...] = ()
    mixed_solver: MixedSolver = MixedSolver.UV
    core: bool | None = None

    def solver_for(self, kind: Kind) -> MixedSolver:
        """`mixed_solver` where it makes a difference, so that no other request changes with it."""
        return self.mixed_solver if kind is Kind.MIXED else MixedSolver.UV


class StepRequest(msgspec.Struct, frozen=True):
    """A step's request.

    Attributes:
        kind: None for a step without an environment.
        python: As declared, else the project's.
        request: None when there is no environment, when it is disabled, or when it cannot be known.
        base: The conda environment that Metaflow puts the wheels into; None for another kind.
        findings: What is wrong with the values, besides the findings of the reading itself.
        reads: Absolute paths of files that a package's name was read from.
    """

    kind: Kind | None
    python: str
    request: Request | None = None
    findings: tuple[Finding, ...] = ()
    reads: tuple[str, ...] = ()
    base: Request | None = None


class Requirements(msgspec.Struct, frozen=True):
    """PEP 508 requirements, sorted and each once, with what was wrong with others."""

    texts: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    reads: tuple[str, ...] = ()


def step_request(step: StepReading, facts: RequestFacts) -> StepRequest:
    """The request of `step`, Metaflow's pinned packages included."""
    if facts.core is False and step.python is None:
        step = msgspec.structs.replace(step, python=any_patch(facts.python))
    mixed = step.kind is not None and bool(step.conda) and (bool(step.pypi) or step.kind != Kind.CONDA)
    kind = Kind.MIXED if mixed else Kind(step.kind) if step.kind else None
    declared = _declared_python(step, kind, facts)
    faults = [findings.bad_python(step.python, step.location)] if step.python and declared is None else []
    python = declared or facts.python
    if kind is None or step.disabled:
        return StepRequest(kind, python, findings=tuple(faults))
    said = _mixture(step, facts) if mixed else []
    pins = pinned_packages(facts.datastore)
    wheels, conda = Requirements(), CondaPart()
    if kind is not Kind.CONDA:
        # metaflow-netflixext, which alone runs mixed environments, takes Metaflow's own packages from conda.
        wheels = pypi_requirements(step.pypi if mixed else {**pins, **step.pypi}, step, facts.folders)
        faults += wheels.findings
    if kind is not Kind.PYPI:
        markers = kind is Kind.MIXED or facts.core is False
        asked = conda_request(step, kind, pins, facts.conda, python, markers=markers)
        conda = asked.part
        faults += asked.findings
    said += faults
    if any(finding.severity is Severity.ERROR for finding in (*step.findings, *faults)):
        return StepRequest(kind, python, findings=tuple(said), reads=wheels.reads)
    request = Request(
        kind=kind,
        python=python,
        pypi=PypiPart(wheels.texts, indexes=Indexes(extra_index_urls=step.indexes))
        if kind is not Kind.CONDA
        else PypiPart(),
        conda=conda,
        mixed_solver=facts.solver_for(kind),
    )
    base = _base(python, step, facts) if kind is Kind.PYPI else None
    return StepRequest(kind, python, request, tuple(said), wheels.reads, base)


def _base(python: str, step: StepReading, facts: RequestFacts) -> Request:
    """Python and pip, and what Metaflow's own settings or its extension put beside them."""
    packages = {name: version for identity in step.identities for name, version in _beside_wheels(identity).items()}
    bare = msgspec.structs.replace(step, conda=packages, python=packages.pop("python", step.python))
    return Request(Kind.CONDA, python, conda=conda_request(bare, Kind.CONDA, {}, facts.conda).part)


def _beside_wheels(identity: AnyIdentity) -> dict[str, str]:
    if isinstance(identity, Identity):
        return identity.conda
    return dict(map(split_dependency, identity.builder))


def _mixture(step: StepReading, facts: RequestFacts) -> list[Finding]:
    """What is to be said of a step with packages of both kinds, unless the reading said it and no more is known."""
    said = any(finding.code == Code.MIXED_IN_CORE for finding in step.findings)
    if facts.core is False or (said and not facts.core):
        return []
    return [findings.mixed_in_core(step.name, step.location, step.conda, step.pypi, bool(facts.core))]


def _declared_python(step: StepReading, kind: Kind | None, facts: RequestFacts) -> str | None:
    """The step's own Python; None without one and for what is none.

    A range is none to Metaflow core; metaflow-netflixext hands it to conda.
    """
    version = python_version(step.python or "")
    if version is not None or not step.python or kind in {None, Kind.PYPI} or facts.core:
        return version
    return python_in(step.python, facts.python)


def python_in(text: str, project: str) -> str | None:
    """The project's Python where the specifier `text` allows it, else the lowest minor that it does; None for none."""
    try:
        allowed = SpecifierSet(text)
    except InvalidSpecifier:
        return None
    return project if project in allowed else lowest_allowed(allowed)


def python_version(text: str) -> str | None:
    """The newest release for `3.11.*`, a version as it is; None for what is no version of Python 3."""
    match = _PYTHON.fullmatch(text.strip())
    if match is None:
        return None
    version = match["version"]
    return newest_patch(version) if match["any"] and version.count(".") == 1 else version


def requirement_text(name: str, version: str) -> str:
    """What Metaflow hands to pip for `{name: version}` (`pip.py`, `solve`)."""
    return f"{name}{version}" if not version or version.startswith(_OPERATORS) else f"{name}=={version}"


def pypi_requirements(packages: Mapping[str, str], step: StepReading, folders: Sequence[Path]) -> Requirements:
    """The packages of `@pypi` as requirements; relative paths begin in one of `folders`."""
    entries = []
    said: list[Finding] = []
    for name, version in packages.items():
        text = requirement_text(name, version)
        location = origin_of(name, step.origins) or step.location
        if version.startswith("="):
            bare = version.lstrip("= ")
            fix = f'Write `{{"{name}": "{bare}"}}`: Metaflow puts the `==` before it.'
            said.append(findings.bad_requirement(text, "it has two operators", location, fix))
        else:
            entries.append(Entry(text, location, folders))
    read = canonical_requirements(entries)
    return msgspec.structs.replace(read, findings=(*said, *read.findings))


def canonical_requirements(entries: Iterable[Entry]) -> Requirements:
    """Each entry as PEP 508, or the finding that says why it is none."""
    texts: set[str] = set()
    said: list[Finding] = []
    reads: list[str] = []
    for entry in entries:
        plain = None if entry.editable else _plain(entry.text)
        if plain is not None:
            texts.add(plain)
            continue
        try:
            requirement = canonical(entry)
        except Unusable as unusable:
            said.append(unusable.finding)
        else:
            texts.add(requirement.text)
            reads += requirement.reads
    return Requirements(tuple(sorted(texts)), tuple(said), tuple(dict.fromkeys(reads)))


@lru_cache(maxsize=4096)
def _plain(text: str) -> str | None:
    """The common case, which the steps of a project repeat: a name with versions. None for everything else."""
    if not _PLAIN.fullmatch(text):
        return None
    try:
        return str(Requirement(text))
    except InvalidRequirement:
        return None
