"""What a teammate resolved, as a bucket tells it. Anybody of the team may have written it: it is read as such.

A hint is versions and hashes, nothing more. Whoever takes one resolves as ever, but with these versions alone: files,
addresses and requirements come from the index or the channel, and the answer has to be the hint, file by file.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.request import Kind, MixedSolver, Request
from mfenvd.domain.resolution import LockedPackage, Outcome
from mfenvd.domain.state import State
from mfenvd.domain.target import Target

if TYPE_CHECKING:
    from packaging.version import Version

LARGEST = 4 << 20
"""Bytes beyond which it is none."""

_FORM = 1
"""Changes with what is written, so that no two releases of mfenv misread each other."""

# They become lines for uv and match specs for the conda solver: nothing in them may end a line or mean something else.
_Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\Z", max_length=128)]
_Version = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9.!+_-]*\Z", max_length=128)]
_Build = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.+]+\Z", max_length=128)]
_Filename = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]

_UNSURE = frozenset(
    code.value
    for code in (
        Code.INDEX_UNREACHABLE, Code.INDEX_REFUSES, Code.INDEX_UNREADABLE, Code.CHANNEL_UNREACHABLE, Code.YANKED,
    )
)  # fmt: skip
"""What is said of an answer that may be another one for others, or that only its exact pin allows."""


class HintedPackage(msgspec.Struct, frozen=True):
    """One file. Attributes as of `LockedPackage`; `build` and `subdir` are None for a wheel."""

    kind: Kind
    name: _Name
    version: _Version
    filename: _Filename
    sha256: _Sha256
    build: _Build | None = None
    subdir: str | None = None


class Hint(msgspec.Struct, frozen=True):
    """All files of a resolution.

    Attributes:
        made: When it was resolved, in seconds since 1970, by the clock of whoever did it.
        packages: Sorted as in the resolution.
    """

    made: float
    packages: Annotated[tuple[HintedPackage, ...], msgspec.Meta(min_length=1, max_length=5000)]

    @property
    def wheels(self) -> tuple[str, ...]:
        """PEP 508 requirements that admit the hinted version of each wheel alone.

        Not of a pre-release: to name one would allow it. Whether there is one is left to the rules.
        """
        wheels = (one for one in self.packages if one.kind is Kind.PYPI)
        return tuple(f"{one.name}=={one.version}" for one in wheels if not _is_prerelease(one))

    @property
    def conda(self) -> tuple[str, ...]:
        """Match specs that admit the hinted build of each conda package alone."""
        return tuple(f"{one.name} =={one.version} {one.build}" for one in self.packages if one.kind is Kind.CONDA)

    def is_answered_by(self, outcome: Outcome) -> bool:
        """Whether the index or the channel says the same of every file, and nothing that casts a doubt on one."""
        if outcome.state is not State.RESOLVED or outcome.resolution is None or _is_unsure(outcome):
            return False
        return set(map(_hinted, outcome.resolution.packages)) == set(self.packages)


def hint_key(request: Request, target: Target) -> str:
    """64 hex digits: the same on all workstations for the same request on the same target."""
    content = (_FORM, request.key, msgspec.to_builtins(target))
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def can_be_hinted(request: Request) -> bool:
    """Whether a resolver for it can be told versions: conda-lock cannot."""
    return request.mixed_solver is not MixedSolver.CONDA_LOCK


def hint_of(outcome: Outcome, made: float) -> Hint | None:
    """What teammates may be told of `outcome`; None where it holds for this machine alone.

    Nothing is told of what was built or lies on this machine, and of what has no sha256.
    """
    if outcome.state is not State.RESOLVED or outcome.resolution is None or _is_unsure(outcome):
        return None
    packages = outcome.resolution.packages
    if not packages or not all(map(_is_public, packages)):
        return None
    # Read back as others read it, so that nothing is written that they would not take.
    return read_hint(msgspec.json.encode(Hint(made, tuple(map(_hinted, packages)))))


def read_hint(content: bytes) -> Hint | None:
    """A hint; None where `content` is none."""
    try:
        hint = msgspec.json.decode(content, type=Hint) if len(content) <= LARGEST else None
    except msgspec.DecodeError:
        return None
    return hint if hint is not None and all(map(_is_sound, hint.packages)) else None


def kept_to(hint: Hint | None, kind: Kind) -> tuple[str, ...]:
    """`Hint.wheels` or `Hint.conda`; empty where there is no hint."""
    if hint is None:
        return ()
    return hint.conda if kind is Kind.CONDA else hint.wheels


def _is_unsure(outcome: Outcome) -> bool:
    return any(str(finding.code) in _UNSURE for finding in outcome.findings)


def _is_public(package: LockedPackage) -> bool:
    return package.sha256 is not None and not package.built and package.url.startswith(("https://", "http://"))


def _is_sound(package: HintedPackage) -> bool:
    """Whether it says what the one kind or the other needs."""
    if package.kind is not Kind.PYPI:
        return package.kind is Kind.CONDA and package.build is not None
    return _parsed(package.version) is not None


def _is_prerelease(wheel: HintedPackage) -> bool:
    version = _parsed(wheel.version)
    return version is not None and version.is_prerelease


def _parsed(version: str) -> Version | None:
    # Clients load this module too, and show their first picture without packaging.
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version)
    except InvalidVersion:
        return None


def _hinted(package: LockedPackage) -> HintedPackage:
    return HintedPackage(
        kind=package.kind,
        name=package.name,
        version=package.version,
        filename=package.filename,
        sha256=package.sha256 or "",
        build=package.build,
        subdir=package.subdir,
    )
