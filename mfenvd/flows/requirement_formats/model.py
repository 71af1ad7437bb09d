"""What every kind of requirements file is read into."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.request import Indexes
from mfenvd.flows.requirement_formats import findings

_MAX_FINDINGS = 200


class Format(str, Enum):
    """A kind of requirements file."""

    REQUIREMENTS_TXT = "requirements.txt"
    PYPROJECT = "pyproject.toml"
    ENVIRONMENT_YML = "environment.yml"
    UV_LOCK = "uv.lock"
    PYLOCK = "pylock.toml"
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return self.value


class FileRequirement(msgspec.Struct, frozen=True):
    """One requirement.

    Attributes:
        text: PEP 508 as `packaging` writes it, its marker included; what is not on an index is a direct
            reference (`name @ file:///…`, `name @ git+…`). A URL in it may hold credentials.
        location: Where it stands.
        hashes: Allowed hashes as `sha256:…`; empty means any file will do.
    """

    text: str
    location: Location
    hashes: tuple[str, ...] = ()


class LockedFile(msgspec.Struct, frozen=True):
    """A package that a lock file lists, with its files.

    Attributes:
        name: Canonical name (PEP 503).
        version: As the lock says; empty when it says none.
        filenames: Of its wheels, in the order of the lock.
        has_sdist: Whether a source distribution is listed.
        marker: When it is needed (PEP 508); None means always.
        location: Where it stands.
    """

    name: str
    version: str
    filenames: tuple[str, ...]
    has_sdist: bool
    marker: str | None
    location: Location


class RequirementFile(msgspec.Struct, frozen=True):
    """A requirements file with everything that it includes.

    Attributes:
        path: Absolute.
        format: Which reader understood it.
        requirements: In the order of the file; for a lock, every package of it, pinned.
        constraints: Limit versions without asking for anything.
        indexes: What the file says about indexes. URLs may hold credentials.
        pre: Whether it allows pre-releases everywhere.
        python: The Python that it asks for: a version (`3.11`) or a specifier (`>=3.10`); None when it is silent.
        conda: `(name or channel::name, spec as written, its operator included)`, in the order of the file; Python left
            out.
        arch_conda: Those that are asked for on some archs only.
        conda_python: The specs of Python as conda has them, as `=3.11`.
        conda_places: Where the conda packages stand, by their name without the channel.
        channels: Conda channels by priority.
        system: `(virtual package, version)` that it asks for, as `("__glibc", "2.27")`.
        locked: Packages of a lock file with their files.
        environments: The markers that a lock was made for; empty means any environment.
        variables: Names of the environment variables that the file uses, sorted.
        findings: What is wrong or not supported. What is right is read all the same.
        reads: Absolute paths of the other files whose change would change this, missing ones included.
    """

    path: str
    format: Format
    requirements: tuple[FileRequirement, ...] = ()
    constraints: tuple[FileRequirement, ...] = ()
    indexes: Indexes = Indexes()
    pre: bool = False
    python: str | None = None
    conda: tuple[tuple[str, str], ...] = ()
    arch_conda: dict[Arch, tuple[tuple[str, str], ...]] = msgspec.field(default_factory=dict)
    conda_python: tuple[str, ...] = ()
    conda_places: dict[str, Location] = msgspec.field(default_factory=dict)
    channels: tuple[str, ...] = ()
    system: tuple[tuple[str, str], ...] = ()
    locked: tuple[LockedFile, ...] = ()
    environments: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    reads: tuple[str, ...] = ()


class Draft(msgspec.Struct):
    """A `RequirementFile` while it is being read."""

    path: str
    format: Format
    requirements: list[FileRequirement] = msgspec.field(default_factory=list)
    constraints: list[FileRequirement] = msgspec.field(default_factory=list)
    index_url: str | None = None
    extra_index_urls: list[str] = msgspec.field(default_factory=list)
    find_links: list[str] = msgspec.field(default_factory=list)
    no_index: bool = False
    pre: bool = False
    python: str | None = None
    conda: list[tuple[str, str]] = msgspec.field(default_factory=list)
    arch_conda: dict[Arch, list[tuple[str, str]]] = msgspec.field(default_factory=dict)
    conda_python: list[str] = msgspec.field(default_factory=list)
    conda_places: dict[str, Location] = msgspec.field(default_factory=dict)
    channels: list[str] = msgspec.field(default_factory=list)
    system: list[tuple[str, str]] = msgspec.field(default_factory=list)
    locked: list[LockedFile] = msgspec.field(default_factory=list)
    environments: list[str] = msgspec.field(default_factory=list)
    variables: set[str] = msgspec.field(default_factory=set)
    findings: list[Finding] = msgspec.field(default_factory=list)
    reads: list[str] = msgspec.field(default_factory=list)

    def finish(self) -> RequirementFile:
        return RequirementFile(
            path=self.path,
            format=self.format,
            requirements=tuple(self.requirements),
            constraints=tuple(self.constraints),
            indexes=Indexes(
                self.index_url, _once(self.extra_index_urls), _once(self.find_links), no_index=self.no_index
            ),
            pre=self.pre,
            python=self.python,
            conda=tuple(self.conda),
            arch_conda={arch: tuple(self.arch_conda[arch]) for arch in sorted(self.arch_conda)},
            conda_python=_once(self.conda_python),
            conda_places=self.conda_places,
            channels=_once(self.channels),
            system=tuple(self.system),
            locked=tuple(self.locked),
            environments=tuple(self.environments),
            variables=tuple(sorted(self.variables)),
            findings=_bounded(self.findings),
            reads=tuple(path for path in _once(self.reads) if path != self.path),
        )


class Choice(msgspec.Struct, frozen=True):
    """What a reader is asked for besides the file itself.

    Attributes:
        environ: For `${VAR}`.
        cwd: Absolute folder that pip would be started in: relative paths of local projects start there.
        groups: Names of dependency groups (PEP 735) to include.
        extras: Names of the project's extras to include.
    """

    environ: Mapping[str, str]
    cwd: Path
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


def _bounded(said: list[Finding]) -> tuple[Finding, ...]:
    """A file that is something else entirely has a finding per line; nobody reads thousands."""
    if len(said) <= _MAX_FINDINGS:
        return tuple(said)
    return (*said[:_MAX_FINDINGS], findings.further(said[_MAX_FINDINGS:]))


def _once(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
