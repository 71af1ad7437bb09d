"""What a request becomes on one target."""

from __future__ import annotations

import msgspec

from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.request import Kind
from mfenvd.domain.state import State
from mfenvd.domain.target import Target


class LockedPackage(msgspec.Struct, frozen=True):
    """One file of a resolution.

    Attributes:
        name: Canonical name (PEP 503) of a wheel, a conda package's own name.
        version: As the file says, local part included.
        filename: Of the wheel or conda archive.
        url: Where it is, without credentials; a `git+…@commit` URL for a package that is built here.
        sha256: Hex digits; None where the index gives none.
        size: Bytes; None where the index gives none.
        requires: Canonical names of the packages in this resolution that it needs, sorted.
        requested: Whether the request names it, rather than only another package.
        built: Whether it is built from source on this machine.
        kind: `pypi` for a wheel, `conda` for a conda archive; never `mixed`.
        build: A conda package's build string, as `py311h64a7726_0`.
        subdir: A conda package's subdir, `noarch` included.
        channel: URL of a conda package's channel, without credentials.
        md5: Hex digits; None where the channel gives none.
    """

    name: str
    version: str
    filename: str
    url: str
    sha256: str | None = None
    size: int | None = None
    requires: tuple[str, ...] = ()
    requested: bool = False
    built: bool = False
    kind: Kind = Kind.PYPI
    build: str | None = None
    subdir: str | None = None
    channel: str | None = None
    md5: str | None = None


class Resolution(msgspec.Struct, frozen=True):
    """The locked packages for one request on one target, sorted by name."""

    request: str
    target: Target
    packages: tuple[LockedPackage, ...]


class Outcome(msgspec.Struct, frozen=True):
    """What a resolver answers: a resolution, findings, or both; `failed` when it could not tell."""

    resolution: Resolution | None = None
    findings: tuple[Finding, ...] = ()
    failed: bool = False

    @property
    def state(self) -> State:
        if self.failed:
            return State.FAILED
        if self.resolution is None or any(f.severity is Severity.ERROR for f in self.findings):
            return State.BLOCKED
        return State.RESOLVED
