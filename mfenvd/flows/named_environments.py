"""Environments that no flow names: those of the configuration, and those given on a command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.match_specs import package_name, python_packages
from mfenvd.domain.plan import Environment, PlannedTarget
from mfenvd.domain.redact import shown_url, without_channel_credentials
from mfenvd.domain.request import CondaPart, Indexes, Kind, PypiPart, Request
from mfenvd.domain.settings import NamedEnvironment
from mfenvd.flows.file_conda import (
    channels_of,
    conda_of_files,
    every_conda,
    minor_of,
    shown_conda,
    written_in_place,
)
from mfenvd.flows.floors import ProjectTargets
from mfenvd.flows.requests import RequestFacts, Requirements, canonical_requirements, python_in, python_version
from mfenvd.flows.requirement_file import FileRequirement, RequirementFile, lock_findings, read_requirement_file
from mfenvd.flows.requirement_formats.requirement_text import Entry
from mfenvd.flows.targets import requested_targets


class Asked(msgspec.Struct, frozen=True):
    """An environment as somebody wrote it down.

    Attributes:
        source: Absolute path of the file that names it.
        name: How it is called.
        files: Requirement files, absolute.
        packages: PEP 508 requirements with where they stand.
        conda: Conda packages as environment.yml writes them, with where they stand.
        channels: Conda channels by priority, before those of the files.
        python: None means what the files say, else the project's.
        archs: Empty means the project's.
        origin: Where it stands.
        groups: Dependency groups of the files to include.
        extras: Extras of the files to include.
        places: Where each of `files` is named; empty when a command line names them.
        folder: Absolute path of the folder that pip would be started in; empty means that of `source`.
    """

    source: str
    name: str
    files: tuple[str, ...] = ()
    packages: tuple[tuple[str, Location], ...] = ()
    conda: tuple[tuple[str, Location], ...] = ()
    channels: tuple[str, ...] = ()
    python: str | None = None
    archs: tuple[Arch, ...] = ()
    origin: Location | None = None
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    places: tuple[Location, ...] = ()
    folder: str = ""


class Read(msgspec.Struct, frozen=True):
    """The environment, and the files whose change would change it."""

    environment: Environment
    reads: tuple[str, ...]


def asked_in_settings(named: NamedEnvironment, origins: Mapping[str, Location]) -> Asked:
    """What `[envs.NAME]` asks for."""
    origin = named.origin or Location("")
    packages = tuple(
        (text, origins.get(f"envs.{named.name}.packages.{index}", origin)) for index, text in enumerate(named.packages)
    )
    named_at = origins.get(f"envs.{named.name}.requirements", origin)
    conda = tuple(
        (text, origins.get(f"envs.{named.name}.conda.{index}", origin)) for index, text in enumerate(named.conda)
    )
    return Asked(
        source=origin.path,
        name=named.name,
        files=named.requirements,
        extras=named.extras,
        groups=named.groups,
        packages=packages,
        conda=conda,
        channels=named.channels,
        python=named.python,
        archs=named.archs,
        origin=origin,
        places=tuple(
            origins.get(f"envs.{named.name}.requirements.{index}", named_at) for index in range(len(named.requirements))
        ),
    )


def read_environment(asked: Asked, environ: Mapping[str, str], facts: RequestFacts, project: ProjectTargets) -> Read:
    """The environment that `asked` describes, on its targets. Metaflow's pins are no part of it: no flow runs in it."""
    folder = Path(asked.folder or Path(asked.source).parent)
    files = list(_files(asked, environ, folder))
    written = canonical_requirements(Entry(text, place, (folder,)) for text, place in asked.packages)
    said = [*_said(files, asked), *written.findings]
    kind = _kind(files, written)
    python = _python(asked, files, facts.python)
    declared = asked.python is not None or python != facts.python
    if kind is not Kind.PYPI and not declared:
        python, declared = minor_of(python), True
    request = None
    if not any(finding.severity is Severity.ERROR for finding in said):
        interpreter = python_packages(asked.python) if asked.python else None
        conda = CondaPart()
        if kind is not Kind.PYPI:
            conda = conda_of_files(files, minor_of(python), interpreter, facts.conda)
        request = Request(kind, python, _pypi(files, written), conda, facts.solver_for(kind))
    targets = requested_targets(asked.archs, python, project, asked.origin, kind=kind, declared=declared)
    environment = Environment(
        source=asked.source,
        flow=None,
        step=None,
        name=asked.name,
        kind=kind,
        python=python,
        conda=dict(shown_conda(files)),
        pypi=dict(_shown(files, written)),
        channels=tuple(map(without_channel_credentials, (request and request.conda.channels) or channels_of(files))),
        indexes=tuple(map(shown_url, _index_urls(files))),
        request=request,
        targets=tuple(_with_lock(_offering(planned, files), files, project.host.arch) for planned in targets),
        findings=tuple(said),
        origins=dict(_origins(files, asked)),
    )
    return Read(environment, tuple(dict.fromkeys(_reads(files, written, asked))))


def _files(asked: Asked, environ: Mapping[str, str], folder: Path) -> Iterator[RequirementFile]:
    """What is asked for in place goes before what files say."""
    if asked.conda or asked.channels:
        yield written_in_place(asked.source, asked.conda, asked.channels)
    for path, place in zip_longest(asked.files, asked.places):
        yield read_requirement_file(
            Path(path), environ, groups=asked.groups, extras=asked.extras, cwd=folder, origin=place
        )


def _said(files: Sequence[RequirementFile], asked: Asked) -> Iterator[Finding]:
    """What is wrong with the files; that an extra or a group is in one of them is enough."""
    found = [finding for file in files for finding in file.findings]
    lacking = Counter(finding.message for finding in found if finding.code == Code.UNKNOWN_GROUP)
    for finding in found:
        if finding.code != Code.UNKNOWN_GROUP or lacking[finding.message] == len(asked.files):
            yield finding


def _python(asked: Asked, files: Sequence[RequirementFile], project: str) -> str:
    """As asked for; else what a file says; else the project's."""
    if asked.python:
        return asked.python
    for file in files:
        if not file.python:
            continue
        version = python_version(file.python)
        if version:
            return version
        found = python_in(file.python, project)
        if found is not None:
            return found
    return project


def _kind(files: Sequence[RequirementFile], written: Requirements) -> Kind:
    """Python and pip, which an environment has anyway, make none a conda environment where there are wheels as well."""
    names = {package_name(name) for file in files for name, _ in every_conda(file)}
    pypi = bool(written.texts) or any(file.requirements for file in files)
    if names - {"python", "pip"}:
        return Kind.MIXED if pypi else Kind.CONDA
    return Kind.CONDA if not pypi and (names or any(file.conda_python for file in files)) else Kind.PYPI


def _pypi(files: Sequence[RequirementFile], written: Requirements) -> PypiPart:
    requirements = {*written.texts, *(requirement.text for file in files for requirement in file.requirements)}
    constraints = {constraint.text for file in files for constraint in file.constraints}
    return PypiPart(
        requirements=tuple(sorted(requirements)),
        constraints=tuple(sorted(constraints)),
        indexes=_indexes(files),
        pre=any(file.pre for file in files),
        hashes=_hashes(files),
    )


def _indexes(files: Sequence[RequirementFile]) -> Indexes:
    """Of several files: the last `--index-url`, all else together, as pip takes several `-r`."""
    return Indexes(
        index_url=next((f.indexes.index_url for f in reversed(files) if f.indexes.index_url), None),
        extra_index_urls=tuple(dict.fromkeys(url for f in files for url in f.indexes.extra_index_urls)),
        find_links=tuple(dict.fromkeys(url for f in files for url in f.indexes.find_links)),
        no_index=any(f.indexes.no_index for f in files),
    )


def _index_urls(files: Sequence[RequirementFile]) -> list[str]:
    indexes = _indexes(files)
    return [url for url in (indexes.index_url, *indexes.extra_index_urls) if url]


def _hashes(files: Sequence[RequirementFile]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for requirement in _file_requirements(files):
        if requirement.hashes:
            found.setdefault(_name(requirement.text), {}).update(dict.fromkeys(requirement.hashes))
    return {name: tuple(hashes) for name, hashes in sorted(found.items())}


def _shown(files: Sequence[RequirementFile], written: Requirements) -> Iterator[tuple[str, str]]:
    """`(name as written, everything after it)`; a package that is named twice has both, joined by a comma."""
    specs: dict[str, list[str]] = {}
    for text in (*(requirement.text for requirement in _file_requirements(files)), *written.texts):
        requirement = Requirement(text)
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        marker = f"; {requirement.marker}" if requirement.marker else ""
        spec = f"@ {shown_url(requirement.url)}" if requirement.url else str(requirement.specifier)
        specs.setdefault(f"{requirement.name}{extras}", []).append(f"{spec}{marker}")
    for name, found in specs.items():
        yield name, ", ".join(filter(None, dict.fromkeys(found)))


def _origins(files: Sequence[RequirementFile], asked: Asked) -> Iterator[tuple[str, Location]]:
    for file in files:
        yield from file.conda_places.items()
    for requirement in _file_requirements(files):
        yield _name(requirement.text), requirement.location
    for text, location in asked.packages:
        written = canonical_requirements([Entry(text, location, (Path(asked.source).parent,))])
        for canonical in written.texts:
            yield _name(canonical), location


def _file_requirements(files: Sequence[RequirementFile]) -> Iterator[FileRequirement]:
    for file in files:
        yield from file.requirements


def _name(text: str) -> str:
    return canonicalize_name(Requirement(text).name)


def _offering(planned: PlannedTarget, files: Sequence[RequirementFile]) -> PlannedTarget:
    """The target with the virtual packages that the files name; of several files the last one's."""
    named = {name: version for file in files for name, version in file.system}
    return planned.given(glibc=named.get("__glibc"), cuda=named.get("__cuda"))


def _with_lock(planned: PlannedTarget, files: Sequence[RequirementFile], local: Arch | None) -> PlannedTarget:
    """The target with what its lock files lack for it. What has no wheel at all can still be built for `local`."""
    can_build = planned.target.arch == local
    gaps: tuple[Finding, ...] = tuple(
        finding for file in files if file.locked for finding in lock_findings(file, planned.target, can_build=can_build)
    )
    return msgspec.structs.replace(planned, findings=(*planned.findings, *gaps)) if gaps else planned


def _reads(files: Sequence[RequirementFile], written: Requirements, asked: Asked) -> Iterator[str]:
    for file in files:
        if file.path != asked.source:
            yield file.path
        yield from file.reads
    yield from written.reads
