"""py-rattler's records as locked packages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mfenvd.domain.redact import without_channel_credentials
from mfenvd.domain.request import Kind, Request
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.target import Target
from mfenvd.resolve.conda.names import spec_name

if TYPE_CHECKING:
    from rattler import RepoDataRecord


def locked(
    request: Request, target: Target, records: Sequence[RepoDataRecord], requested: frozenset[str]
) -> Resolution:
    """The resolution that consists of `records`.

    Args:
        request: What was asked for.
        target: Where.
        records: What was chosen, of one subdir and noarch.
        requested: Names of the packages that the request asks for.
    """
    present = frozenset(record.name.normalized for record in records)
    packages = (_locked(record, present, requested) for record in records)
    return Resolution(request.key, target, tuple(sorted(packages, key=lambda package: package.name)))


def depended_on(record: RepoDataRecord) -> frozenset[str]:
    """The names of the packages that `record` needs, virtual ones included."""
    return frozenset(map(spec_name, record.depends))


def _locked(record: RepoDataRecord, present: frozenset[str], requested: frozenset[str]) -> LockedPackage:
    name = record.name.normalized
    return LockedPackage(
        name=name,
        version=str(record.version),
        filename=record.file_name,
        url=without_channel_credentials(record.url),
        sha256=record.sha256.hex() if record.sha256 else None,
        size=record.size,
        requires=tuple(sorted((depended_on(record) & present) - {name})),
        requested=name in requested,
        kind=Kind.CONDA,
        build=str(record.build),
        subdir=record.subdir,
        channel=without_channel_credentials(record.channel).rstrip("/"),
        md5=record.md5.hex() if record.md5 else None,
    )
